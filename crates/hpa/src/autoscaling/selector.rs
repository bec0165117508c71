//! Label selectors as objects (upstream: `metav1.LabelSelector`).

use std::collections::BTreeMap;
use std::fmt::Write;

use capstan_kubeapi::Selector;
use capstan_kubeapi::selector::{Operator, Requirement};
use serde::{Deserialize, Serialize};

use super::nullable;

/// Labels and expressions that all have to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels and their values.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub match_labels: BTreeMap<String, String>,
    /// Expressions over labels.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One expression.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LabelSelectorRequirement {
    /// The label.
    #[serde(default, deserialize_with = "nullable")]
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    #[serde(default, deserialize_with = "nullable")]
    pub operator: String,
    /// For `In` and `NotIn`.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl LabelSelector {
    /// What it selects, everything if it is empty (`metav1.LabelSelectorAsSelector`); the error is upstream's text.
    pub fn selector(&self) -> Result<Selector, String> {
        let mut requirements = Vec::with_capacity(self.match_labels.len() + self.match_expressions.len());
        for (key, value) in &self.match_labels {
            requirements.push(Requirement::new(key, Operator::Equals, vec![value.clone()])?);
        }
        for expression in &self.match_expressions {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(format!("\"{other}\" is not a valid label selector operator")),
            };
            requirements.push(Requirement::new(
                &expression.key,
                operator,
                expression.values.clone(),
            )?);
        }
        Ok(Selector::new(requirements))
    }

    /// As Go prints a pointer to one with `%+v`; messages of the HPA controller contain it.
    pub fn go_format(selector: Option<&Self>) -> String {
        let Some(selector) = selector else {
            return "nil".to_owned();
        };
        let mut text = "&LabelSelector{MatchLabels:map[string]string{".to_owned();
        for (key, value) in &selector.match_labels {
            let _ = write!(text, "{key}: {value},");
        }
        text.push_str("},MatchExpressions:[]LabelSelectorRequirement{");
        for LabelSelectorRequirement {
            key,
            operator,
            values,
        } in &selector.match_expressions
        {
            let values = values.join(" ");
            let _ = write!(
                text,
                "LabelSelectorRequirement{{Key:{key},Operator:{operator},Values:[{values}],}},"
            );
        }
        text.push_str("},}");
        text
    }
}
