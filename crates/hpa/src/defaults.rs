//! What a `HorizontalPodAutoscaler` is completed with (`pkg/apis/autoscaling/v{1,2}/defaults.go`).
//!
//! | version | fills in |
//! |---|---|
//! | v1 | minReplicas 1; the CPU target comes with the conversion, which knows the annotations |
//! | v2beta1 | minReplicas 1; without metrics: CPU at 80 % |
//! | v2beta2, v2 | the same, and both directions of a behavior that is given, however empty |

use serde_json::{Map, Value, json};

use crate::conversion::Version;

/// The target of the CPU metric that stands in for no metrics at all, in percent.
pub const CPU_UTILIZATION: i32 = 80;

/// Completes an object of a version, in place.
pub fn apply(version: Version, object: &mut Value) {
    let Some(spec) = object
        .as_object_mut()
        .map(|map| map.entry("spec").or_insert_with(|| json!({})))
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    set(spec, "minReplicas", || json!(1));
    if version == Version::V1 {
        return;
    }
    if spec
        .get("metrics")
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty)
    {
        let metric = match version {
            Version::V2Beta1 => json!({"name": "cpu", "targetAverageUtilization": CPU_UTILIZATION}),
            _ => {
                json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": CPU_UTILIZATION}})
            }
        };
        spec.insert(
            "metrics".to_owned(),
            json!([{"type": "Resource", "resource": metric}]),
        );
    }
    if version != Version::V2Beta1
        && let Some(given) = spec.get_mut("behavior").filter(|b| b.is_object())
    {
        *given = behavior(given);
    }
}

/// A behavior with both directions complete. A list of policies that is given replaces the default list entirely; a
/// missing window of the way down stays missing and means the controller's setting.
pub fn behavior(given: &Value) -> Value {
    let rules = |direction: &str| given.get(direction).cloned().unwrap_or(Value::Null);
    let mut out = given.as_object().cloned().unwrap_or_default();
    out.insert("scaleUp".to_owned(), scale_up(&rules("scaleUp")));
    out.insert("scaleDown".to_owned(), scale_down(&rules("scaleDown")));
    Value::Object(out)
}

/// The rules of the way up: no window, the largest of 4 pods and 100 % every 15 s.
pub fn scale_up(given: &Value) -> Value {
    let mut rules = given.as_object().cloned().unwrap_or_default();
    set(&mut rules, "stabilizationWindowSeconds", || json!(0));
    complete(rules, || {
        json!([
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ])
    })
}

/// The rules of the way down: 100 % every 15 s.
pub fn scale_down(given: &Value) -> Value {
    let rules = given.as_object().cloned().unwrap_or_default();
    complete(
        rules,
        || json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]),
    )
}

fn complete(mut rules: Map<String, Value>, policies: fn() -> Value) -> Value {
    set(&mut rules, "selectPolicy", || json!("Max"));
    // Nil and absent are defaulted; an empty list is somebody's mistake, for validation to name.
    set(&mut rules, "policies", policies);
    Value::Object(rules)
}

fn set(map: &mut Map<String, Value>, field: &str, value: impl FnOnce() -> Value) {
    if map.get(field).is_none_or(Value::is_null) {
        map.insert(field.to_owned(), value());
    }
}
