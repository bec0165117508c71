//! Label selectors as query text and as objects, and field selectors (apimachinery `pkg/labels`, `pkg/fields`).

use std::fmt;

use serde_json::{Map, Value};

use crate::validation;

mod fields;
mod parse;

pub use fields::FieldSelector;

/// How a requirement compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equals,
    /// `==`
    DoubleEquals,
    /// `!=`
    NotEquals,
    /// `in`
    In,
    /// `notin`
    NotIn,
    /// the key alone
    Exists,
    /// `!key`
    DoesNotExist,
    /// `>`
    GreaterThan,
    /// `<`
    LessThan,
}

/// One condition on one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

impl Requirement {
    /// A condition, if key and values are well formed; the error is upstream's text.
    pub fn new(key: &str, operator: Operator, values: Vec<String>) -> Result<Self, String> {
        use Operator::{
            DoesNotExist, DoubleEquals, Equals, Exists, GreaterThan, In, LessThan, NotEquals, NotIn,
        };
        check_key("key", key)?;
        let shown = || {
            if values.is_empty() {
                "null".to_owned()
            } else {
                serde_json::json!(values).to_string()
            }
        };
        match operator {
            In | NotIn if values.is_empty() => {
                return Err(
                    "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty"
                        .into(),
                );
            }
            Equals | DoubleEquals | NotEquals if values.len() != 1 => {
                return Err(format!(
                    "values: Invalid value: {}: exact-match compatibility requires one single value",
                    shown()
                ));
            }
            Exists | DoesNotExist if !values.is_empty() => {
                return Err(format!(
                    "values: Invalid value: {}: values set must be empty for exists and does not exist",
                    shown()
                ));
            }
            GreaterThan | LessThan => {
                if values.len() != 1 {
                    return Err(format!(
                        "values: Invalid value: {}: for 'Gt', 'Lt' operators, exactly one value is required",
                        shown()
                    ));
                }
                if values[0].parse::<i64>().is_err() {
                    return Err(format!(
                        "values[0]: Invalid value: \"{}\": for 'Gt', 'Lt' operators, the value must be an integer",
                        values[0]
                    ));
                }
            }
            _ => {}
        }
        for (index, value) in values.iter().enumerate() {
            let errors = validation::label_value(value);
            if !errors.is_empty() {
                return Err(format!(
                    "values[{index}][{key}]: Invalid value: \"{value}\": {}",
                    errors.join("; ")
                ));
            }
        }
        Ok(Self {
            key: key.to_owned(),
            operator,
            values,
        })
    }

    /// Whether labels satisfy it.
    pub fn matches(&self, labels: Option<&Map<String, Value>>) -> bool {
        self.is_met_by(labels.and_then(|l| l.get(&self.key)).and_then(Value::as_str))
    }

    /// Whether it is satisfied when the label that it is about has this value, or is absent.
    fn is_met_by(&self, value: Option<&str>) -> bool {
        let has = |value: &str| self.values.iter().any(|v| v == value);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => value.is_some_and(has),
            Operator::NotIn | Operator::NotEquals => value.is_none_or(|v| !has(v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan | Operator::LessThan => {
                let (Some(Ok(have)), Ok(want)) =
                    (value.map(str::parse::<i64>), self.values[0].parse::<i64>())
                else {
                    return false;
                };
                if self.operator == Operator::GreaterThan {
                    have > want
                } else {
                    have < want
                }
            }
        }
    }
}

fn check_key(path: &str, key: &str) -> Result<(), String> {
    let errors = validation::qualified_name(key);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(format!("{path}: Invalid value: \"{key}\": {}", errors.join("; ")))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values = self.values.clone();
        values.sort();
        let values = values.join(",");
        let key = &self.key;
        match self.operator {
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

/// A conjunction of requirements, or nothing at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    nothing: bool,
    requirements: Vec<Requirement>,
}

impl Selector {
    /// Matches everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Matches nothing.
    pub fn nothing() -> Self {
        Self {
            nothing: true,
            requirements: Vec::new(),
        }
    }

    /// A conjunction.
    pub fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self {
            nothing: false,
            requirements,
        }
    }

    /// Parses query text such as `app=web,tier in (a,b),!old`.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse::parse(text).map(Self::new)
    }

    /// The selector of plain labels (a service's, or a replication controller's); no labels select nothing.
    pub fn of_labels(labels: Option<&Value>) -> Self {
        match labels.and_then(Value::as_object) {
            Some(labels) if !labels.is_empty() => Self::new(
                labels
                    .iter()
                    .map(|(key, value)| Requirement {
                        key: key.clone(),
                        operator: Operator::Equals,
                        values: vec![value.as_str().unwrap_or("").to_owned()],
                    })
                    .collect(),
            ),
            _ => Self::nothing(),
        }
    }

    /// The selector of a `LabelSelector` object; absent or null selects nothing, an empty one everything.
    pub fn of_object(object: Option<&Value>) -> Result<Self, String> {
        let Some(object) = object.filter(|o| !o.is_null()) else {
            return Ok(Self::nothing());
        };
        let mut requirements = Vec::new();
        if let Some(labels) = object.get("matchLabels").and_then(Value::as_object) {
            for (key, value) in labels {
                let value = value.as_str().unwrap_or("").to_owned();
                requirements.push(Requirement::new(key, Operator::Equals, vec![value])?);
            }
        }
        for expression in object
            .get("matchExpressions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let operator = match expression.get("operator").and_then(Value::as_str).unwrap_or("") {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(format!("\"{other}\" is not a valid label selector operator")),
            };
            let values = crate::meta::strings(expression.get("values"))
                .into_iter()
                .map(str::to_owned)
                .collect();
            let key = expression.get("key").and_then(Value::as_str).unwrap_or("");
            requirements.push(Requirement::new(key, operator, values)?);
        }
        Ok(Self::new(requirements))
    }

    /// Whether it can match at all without looking at labels.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether it can never match.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// A label and the one value it must have, if there is such a requirement: what objects can be indexed by.
    pub fn exact(&self) -> Option<(&str, &str)> {
        self.equalities().next()
    }

    /// All labels that must have one value, with that value: what series can be indexed by.
    pub fn equalities(&self) -> impl Iterator<Item = (&str, &str)> {
        self.requirements.iter().filter_map(|requirement| {
            let single = matches!(
                requirement.operator,
                Operator::Equals | Operator::DoubleEquals | Operator::In
            );
            match requirement.values.as_slice() {
                [value] if single => Some((requirement.key.as_str(), value.as_str())),
                _ => None,
            }
        })
    }

    /// Whether labels satisfy all requirements.
    pub fn matches(&self, labels: Option<&Map<String, Value>>) -> bool {
        !self.nothing && self.requirements.iter().all(|r| r.matches(labels))
    }

    /// The same for labels that are kept another way: `value` gives that of a label.
    pub fn matches_by<'l>(&self, value: impl Fn(&str) -> Option<&'l str>) -> bool {
        !self.nothing && self.requirements.iter().all(|r| r.is_met_by(value(&r.key)))
    }

    /// Whether an object's labels satisfy all requirements.
    pub fn matches_object(&self, object: &Value) -> bool {
        self.matches(crate::meta::labels(object))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}

/// A `LabelSelector` object as query text, empty when it selects nothing or is malformed.
pub fn label_selector_string(object: &Value) -> String {
    Selector::of_object(Some(object))
        .map(|s| s.to_string())
        .unwrap_or_default()
}

/// How `kubectl` and tables print a `LabelSelector` object (`metav1.FormatLabelSelector`).
pub fn format_label_selector(object: Option<&Value>) -> String {
    match Selector::of_object(object) {
        Ok(selector) if selector.is_nothing() || selector.is_everything() => "<none>".to_owned(),
        Ok(selector) => selector.to_string(),
        Err(_) => "<error>".to_owned(),
    }
}

/// A `LabelSelector` object as Go prints it with `%+v`; messages of the HPA controller contain it.
pub fn go_format(object: Option<&Value>) -> String {
    let Some(object) = object.filter(|o| !o.is_null()) else {
        return "nil".to_owned();
    };
    let mut labels: Vec<(&String, &str)> = object
        .get("matchLabels")
        .and_then(Value::as_object)
        .map(|m| m.iter().map(|(k, v)| (k, v.as_str().unwrap_or(""))).collect())
        .unwrap_or_default();
    labels.sort();
    let labels = labels
        .iter()
        .map(|(k, v)| format!("{k}: {v},"))
        .collect::<Vec<_>>()
        .concat();
    let text = |e: &Value, field: &str| e.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
    let expressions = object
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|e| {
            let values = crate::meta::strings(e.get("values")).join(" ");
            format!(
                "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},",
                text(e, "key"),
                text(e, "operator")
            )
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oracle;

    #[test]
    fn parses_like_upstream() {
        let Some(cases) = oracle::lines("selector_parse.jsonl") else {
            return;
        };
        for case in cases {
            let text = case["in"].as_str().unwrap();
            match Selector::parse(text) {
                Ok(selector) => assert_eq!(
                    Some(selector.to_string().as_str()),
                    case["string"].as_str(),
                    "{text}"
                ),
                Err(error) => assert_eq!(Some(error.as_str()), case["error"].as_str(), "{text}"),
            }
        }
    }

    #[test]
    fn objects_become_text_like_upstream() {
        let Some(cases) = oracle::lines("selectors.jsonl") else {
            return;
        };
        for case in cases {
            let object = case.get("labelSelector").filter(|s| !s.is_null());
            assert_eq!(go_format(object), case["goFormat"].as_str().unwrap(), "{case}");
            match Selector::of_object(object) {
                Ok(selector) => assert_eq!(
                    Some(selector.to_string().as_str()),
                    case["string"].as_str(),
                    "{case}"
                ),
                Err(error) => assert_eq!(Some(error.as_str()), case["error"].as_str(), "{case}"),
            }
        }
    }

    #[test]
    fn matching_follows_each_operator() {
        let labels = json!({"app": "web", "n": "5"});
        let labels = labels.as_object();
        for (text, expected) in [
            ("app=web", true),
            ("app!=web", false),
            ("other!=x", true),
            ("app in (a,web)", true),
            ("app notin (web)", false),
            ("app", true),
            ("!app", false),
            ("!other", true),
            ("n>4", true),
            ("n<5", false),
            ("", true),
            ("app=web,n=6", false),
        ] {
            assert_eq!(Selector::parse(text).unwrap().matches(labels), expected, "{text}");
        }
        assert!(
            !Selector::of_object(None).unwrap().matches(labels),
            "no selector selects nothing"
        );
        assert!(
            Selector::of_object(Some(&json!({}))).unwrap().matches(labels),
            "an empty one selects everything"
        );
    }
}
