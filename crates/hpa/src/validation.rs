//! The rules for a `HorizontalPodAutoscaler` of version v2, and for a `Scale`, with upstream's findings: fields, order,
//! types and words (`pkg/apis/autoscaling/validation/validation.go`). Rules for metadata are everybody's, and not here.

use capstan_kubeapi::FieldError;
use capstan_kubeapi::quantity::Quantity;
use serde_json::{Value, json};

mod metrics;
mod names;

/// Longest period of a policy, in seconds.
pub const MAX_PERIOD_SECONDS: i64 = 1800;
/// Longest stabilization window, in seconds.
pub const MAX_STABILIZATION_WINDOW_SECONDS: i64 = 3600;

/// How strictly an object is looked at; see [`crate::strategy::validation_options`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The smallest minReplicas.
    pub min_replicas_lower_bound: i64,
    /// For `spec.scaleTargetRef`.
    pub scale_target_ref: ReferenceOptions,
    /// For the objects that Object metrics describe.
    pub object_metrics: ReferenceOptions,
}

/// How strictly the apiVersion of a reference is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceOptions {
    /// It need not name a group.
    pub allow_empty_group: bool,
    /// It may be anything.
    pub allow_invalid_version: bool,
}

/// Which of the two equivalent sets of rules speaks. They differ in the words for a maxReplicas of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rules {
    /// Those written by hand; what a server answers with by default.
    #[default]
    Handwritten,
    /// Those generated from the types, where they have taken over (`DeclarativeValidationTakeover`).
    Declarative,
}

/// Rules for a new object.
pub fn create(object: &Value, options: &Options, rules: Rules) -> Vec<FieldError> {
    let empty = json!({});
    spec(object.get("spec").unwrap_or(&empty), options, rules)
}

/// Rules for the next state of an object. What the old one allows is in the options.
pub fn update(object: &Value, options: &Options, rules: Rules) -> Vec<FieldError> {
    create(object, options, rules)
}

/// Rules for a status.
pub fn status(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in ["currentReplicas", "desiredReplicas"] {
        let path = format!("status.{field}");
        let value = object.get("status").and_then(|s| s.get(field));
        not_negative(&mut errors, &path, value);
    }
    errors
}

/// Rules for a `Scale`.
pub fn scale(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    not_negative(&mut errors, "spec.replicas", object.pointer("/spec/replicas"));
    errors
}

fn not_negative(errors: &mut Vec<FieldError>, path: &str, value: Option<&Value>) {
    if let Some(number) = value.and_then(Value::as_i64).filter(|n| *n < 0) {
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(path, &json!(number), detail));
    }
}

/// A field that is neither absent nor null.
fn given<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    object.get(field).filter(|value| !value.is_null())
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or("")
}

fn number(object: &Value, field: &str) -> Option<i64> {
    object.get(field).and_then(Value::as_i64)
}

fn quantity(value: &Value) -> Option<Quantity> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Quantity::parse(&text).ok()
}

fn spec(spec: &Value, options: &Options, rules: Rules) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let least = options.min_replicas_lower_bound;
    let min = number(spec, "minReplicas");
    let max = number(spec, "maxReplicas").unwrap_or(0);
    if let Some(min) = min.filter(|min| *min < least) {
        let detail = format!("must be greater than or equal to {least}");
        errors.push(FieldError::invalid("spec.minReplicas", &json!(min), &detail));
    }
    if max == 0 {
        let detail = match rules {
            Rules::Handwritten => "must be set and greater than 0",
            Rules::Declarative => "",
        };
        errors.push(FieldError::required("spec.maxReplicas", detail));
    } else if max < 1 {
        let detail = "must be greater than or equal to 1";
        errors.push(FieldError::invalid("spec.maxReplicas", &json!(max), detail));
    }
    if min.is_some_and(|min| max < min) {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.push(FieldError::invalid("spec.maxReplicas", &json!(max), detail));
    }
    let none = json!({});
    reference(
        &mut errors,
        "spec.scaleTargetRef",
        spec.get("scaleTargetRef").unwrap_or(&none),
        options.scale_target_ref,
    );
    metrics::all(&mut errors, spec, min, options.object_metrics);
    if let Some(behavior) = given(spec, "behavior") {
        for direction in ["scaleUp", "scaleDown"] {
            if let Some(rules) = given(behavior, direction) {
                scaling_rules(&mut errors, &format!("spec.behavior.{direction}"), rules);
            }
        }
    }
    errors
}

fn reference(errors: &mut Vec<FieldError>, path: &str, reference: &Value, options: ReferenceOptions) {
    for field in ["kind", "name"] {
        let value = text(reference, field);
        let path = format!("{path}.{field}");
        if value.is_empty() {
            errors.push(FieldError::required(path, ""));
        } else {
            for detail in names::path_segment(value) {
                errors.push(FieldError::invalid(&path, &json!(value), &detail));
            }
        }
    }
    let version = text(reference, "apiVersion");
    if let Some(detail) = reference_group_error(version, options) {
        errors.push(FieldError::invalid(
            format!("{path}.apiVersion"),
            &json!(version),
            &detail,
        ));
    }
}

/// What is wrong with the apiVersion of a reference (upstream's `ValidateAPIVersion`).
pub fn reference_group_error(version: &str, options: ReferenceOptions) -> Option<String> {
    if options.allow_invalid_version {
        return None;
    }
    let slashes = version.matches('/').count();
    if slashes > 1 {
        return Some(format!("unexpected GroupVersion string: {version}"));
    }
    let group = if version == "/" {
        ""
    } else {
        version.split_once('/').map_or("", |(group, _)| group)
    };
    (group.is_empty() && !options.allow_empty_group).then(|| "apiVersion must specify API group".to_owned())
}

fn scaling_rules(errors: &mut Vec<FieldError>, path: &str, rules: &Value) {
    if let Some(window) = number(rules, "stabilizationWindowSeconds") {
        let field = format!("{path}.stabilizationWindowSeconds");
        if window < 0 {
            let detail = "must be greater than or equal to zero";
            errors.push(FieldError::invalid(&field, &json!(window), detail));
        }
        if window > MAX_STABILIZATION_WINDOW_SECONDS {
            let detail = format!("must be less than or equal to {MAX_STABILIZATION_WINDOW_SECONDS}");
            errors.push(FieldError::invalid(&field, &json!(window), &detail));
        }
    }
    if let Some(select) = given(rules, "selectPolicy")
        && !matches!(select.as_str(), Some("Max" | "Min" | "Disabled"))
    {
        errors.push(FieldError::not_supported(
            format!("{path}.selectPolicy"),
            select,
            &["Disabled", "Max", "Min"],
        ));
    }
    let policies = rules
        .get("policies")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if policies.is_empty() {
        errors.push(FieldError::required(
            format!("{path}.policies"),
            "must specify at least one Policy",
        ));
    }
    for (index, policy) in policies.iter().enumerate() {
        scaling_policy(errors, &format!("{path}.policies[{index}]"), policy);
    }
    if let Some(tolerance) = given(rules, "tolerance")
        && quantity(tolerance).is_some_and(|q| q.sign() < 0)
    {
        errors.push(FieldError::invalid(
            format!("{path}.tolerance"),
            tolerance,
            "must be greater than or equal to 0",
        ));
    }
}

fn scaling_policy(errors: &mut Vec<FieldError>, path: &str, policy: &Value) {
    let kind = text(policy, "type");
    if !matches!(kind, "Pods" | "Percent") {
        errors.push(FieldError::not_supported(
            format!("{path}.type"),
            &json!(kind),
            &["Percent", "Pods"],
        ));
    }
    let value = number(policy, "value").unwrap_or(0);
    if value <= 0 {
        errors.push(FieldError::invalid(
            format!("{path}.value"),
            &json!(value),
            "must be greater than zero",
        ));
    }
    let period = number(policy, "periodSeconds").unwrap_or(0);
    let field = format!("{path}.periodSeconds");
    if period <= 0 {
        errors.push(FieldError::invalid(
            &field,
            &json!(period),
            "must be greater than zero",
        ));
    }
    if period > MAX_PERIOD_SECONDS {
        let detail = format!("must be less than or equal to {MAX_PERIOD_SECONDS}");
        errors.push(FieldError::invalid(&field, &json!(period), &detail));
    }
}
