//! Label selectors as controllers use them.

use serde_json::{Map, Value};

/// Whether a `metav1.LabelSelector` selects these labels. A selector that is absent selects nothing, an empty one
/// everything.
pub(crate) fn selects(selector: Option<&Value>, labels: Option<&Map<String, Value>>) -> bool {
    let Some(selector) = selector.and_then(Value::as_object) else {
        return false;
    };
    let wanted = selector.get("matchLabels").and_then(Value::as_object);
    if !wanted.is_none_or(|wanted| contains(labels, wanted)) {
        return false;
    }
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    expressions.is_none_or(|all| all.iter().all(|expression| holds(expression, labels)))
}

/// Whether a plain map selector, as of Services and ReplicationControllers, selects these labels. Absent or empty
/// selects nothing.
pub(crate) fn map_selects(selector: Option<&Value>, labels: Option<&Map<String, Value>>) -> bool {
    match selector.and_then(Value::as_object) {
        Some(wanted) if !wanted.is_empty() => contains(labels, wanted),
        _ => false,
    }
}

fn contains(labels: Option<&Map<String, Value>>, wanted: &Map<String, Value>) -> bool {
    wanted
        .iter()
        .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

fn holds(expression: &Value, labels: Option<&Map<String, Value>>) -> bool {
    let Some(key) = expression.get("key").and_then(Value::as_str) else {
        return false;
    };
    let present = labels.and_then(|labels| labels.get(key));
    let listed = || {
        expression
            .get("values")
            .and_then(Value::as_array)
            .is_some_and(|values| present.is_some_and(|value| values.contains(value)))
    };
    match expression.get("operator").and_then(Value::as_str) {
        Some("In") => listed(),
        Some("NotIn") => !listed(),
        Some("Exists") => present.is_some(),
        Some("DoesNotExist") => present.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions_and_labels_must_all_hold() {
        let labels = json!({"app": "web", "tier": "front"});
        let labels = labels.as_object();
        assert!(selects(Some(&json!({})), labels));
        assert!(!selects(None, labels));
        assert!(selects(Some(&json!({"matchLabels": {"app": "web"}})), labels));
        assert!(!selects(
            Some(&json!({"matchLabels": {"app": "web", "x": "y"}})),
            labels
        ));
        let expression = |operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": "tier", "operator": operator, "values": values}]});
        assert!(selects(Some(&expression("In", &["front", "back"])), labels));
        assert!(!selects(Some(&expression("NotIn", &["front"])), labels));
        assert!(selects(Some(&expression("Exists", &[])), labels));
        assert!(!selects(Some(&expression("DoesNotExist", &[])), labels));
        assert!(!map_selects(Some(&json!({})), labels));
        assert!(map_selects(Some(&json!({"app": "web"})), labels));
    }
}
