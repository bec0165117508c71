//! The annotations in which older versions carry what they have no field for.

use capstan_kubeapi::meta;
use serde_json::{Map, Value, json};

use crate::wire::{self, Case, Kind, WireError};

/// v1: metrics other than CPU utilization.
pub const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
/// v1: the status' current metrics.
pub const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
/// v1 and v2beta1: the behavior.
pub const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
/// v1: the status' conditions.
pub const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
/// v2beta2: the tolerance of the way down.
pub const SCALE_DOWN_TOLERANCE: &str = "autoscaling.alpha.kubernetes.io/scale-down-tolerance";
/// v2beta2: the tolerance of the way up.
pub const SCALE_UP_TOLERANCE: &str = "autoscaling.alpha.kubernetes.io/scale-up-tolerance";

const ALL: [&str; 6] = [
    METRICS,
    CURRENT_METRICS,
    BEHAVIOR,
    CONDITIONS,
    SCALE_DOWN_TOLERANCE,
    SCALE_UP_TOLERANCE,
];

/// Removes all of them, and the map if nothing else was in it.
pub(super) fn drop_all(object: &mut Value) {
    let Some(annotations) = object
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for key in ALL {
        annotations.shift_remove(key);
    }
    if annotations.is_empty() {
        meta::unset(object, "annotations");
    }
}

pub(super) fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    meta::annotation(object, key)
}

pub(super) fn set(object: &mut Value, key: &str, text: String) {
    if let Some(metadata) = object.get_mut("metadata")
        && let Some(annotations) = meta::object_at(metadata, "annotations")
    {
        annotations.insert(key.to_owned(), text.into());
        annotations.sort_keys();
    }
}

/// Writes `value` as its type writes it.
pub(super) fn put(object: &mut Value, key: &str, kind: Kind, value: &Value) {
    // What comes here was made from a value that was read as its type, so it cannot be of another one.
    if let Ok(value) = wire::read(kind, value) {
        set(object, key, value.to_string());
    }
}

/// What an annotation holds; `None` if it is absent or broken.
pub(super) fn get(object: &Value, key: &str, kind: Kind) -> Option<Value> {
    let value: Value = serde_json::from_str(text(object, key)?).ok()?;
    wire::read_as(kind, &value, Case::Ignored).ok()
}

/// v2's names of the internal fields.
const FIELDS: [(&str, &str); 9] = [
    ("ScaleUp", "scaleUp"),
    ("ScaleDown", "scaleDown"),
    ("StabilizationWindowSeconds", "stabilizationWindowSeconds"),
    ("SelectPolicy", "selectPolicy"),
    ("Policies", "policies"),
    ("Tolerance", "tolerance"),
    ("Type", "type"),
    ("Value", "value"),
    ("PeriodSeconds", "periodSeconds"),
];

fn rename(value: &Value, name: fn(&str) -> Option<&'static str>) -> Value {
    match value {
        Value::Object(map) => {
            let renamed: Map<String, Value> = map
                .iter()
                .filter_map(|(key, value)| Some((name(key)?.to_owned(), rename(value, name))))
                .collect();
            Value::Object(renamed)
        }
        Value::Array(list) => list.iter().map(|item| rename(item, name)).collect(),
        other => other.clone(),
    }
}

fn external(name: &str) -> Option<&'static str> {
    FIELDS.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
}

fn internal(name: &str) -> Option<&'static str> {
    FIELDS.iter().find(|(_, from)| *from == name).map(|(to, _)| *to)
}

/// Writes the behavior of `from`, a v2 object, if it has one.
pub(super) fn put_behavior(object: &mut Value, from: &Value) {
    if let Some(behavior) = from.pointer("/spec/behavior").filter(|b| b.is_object()) {
        put(
            object,
            BEHAVIOR,
            wire::INTERNAL_BEHAVIOR,
            &rename(behavior, internal),
        );
    }
}

/// The behavior in the annotation, in v2's form. One that says nothing counts as none.
pub(super) fn get_behavior(object: &Value) -> Result<Option<Value>, WireError> {
    let Some(found) = get(object, BEHAVIOR, wire::INTERNAL_BEHAVIOR) else {
        return Ok(None);
    };
    if found == json!({"ScaleUp": null, "ScaleDown": null}) || !found.is_object() {
        return Ok(None);
    }
    wire::read(wire::BEHAVIOR, &rename(&found, external)).map(Some)
}
