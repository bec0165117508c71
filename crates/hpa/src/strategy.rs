//! What the API server does to a `HorizontalPodAutoscaler` before it looks at it
//! (`pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go`). Objects are in version v2.

use serde_json::{Map, Value, json};

pub use crate::options::Gates;
use crate::validation::{Options, ReferenceOptions, reference_group_error};

/// Prepares a new object: nobody creates a status.
pub fn prepare_create(object: &mut Value, gates: Gates) {
    if let Some(map) = object.as_object_mut() {
        map.insert(
            "status".to_owned(),
            json!({"desiredReplicas": 0, "currentMetrics": null}),
        );
    }
    drop_disabled(object, None, gates);
}

/// Prepares the next state of `old`: the status stays as it was.
pub fn prepare_update(object: &mut Value, old: &Value, gates: Gates) {
    keep(object, old, "status");
    drop_disabled(object, Some(old), gates);
}

/// Prepares a write of the status: the spec stays as it was.
pub fn prepare_status(object: &mut Value, old: &Value) {
    keep(object, old, "spec");
}

fn keep(object: &mut Value, old: &Value, part: &str) {
    let Some(map) = object.as_object_mut() else { return };
    match old.get(part) {
        Some(value) => map.insert(part.to_owned(), value.clone()),
        None => map.shift_remove(part),
    };
}

/// A tolerance is dropped while its gate is off, unless the old object has one.
fn drop_disabled(object: &mut Value, old: Option<&Value>, gates: Gates) {
    if gates.configurable_tolerance || old.is_some_and(has_tolerance) {
        return;
    }
    for direction in ["scaleDown", "scaleUp"] {
        let rules = object
            .pointer_mut(&format!("/spec/behavior/{direction}"))
            .and_then(Value::as_object_mut);
        if let Some(rules) = rules {
            rules.shift_remove("tolerance");
        }
    }
}

fn has_tolerance(object: &Value) -> bool {
    ["scaleDown", "scaleUp"].iter().any(|direction| {
        object
            .pointer(&format!("/spec/behavior/{direction}/tolerance"))
            .is_some_and(|tolerance| !tolerance.is_null())
    })
}

/// How strictly the next state of `old`, or a new object, is looked at: what was let in once is not refused later.
pub fn validation_options(object: &Value, old: Option<&Value>, gates: Gates) -> Options {
    let had_zero = old
        .and_then(|o| o.pointer("/spec/minReplicas"))
        .and_then(Value::as_i64)
        == Some(0);
    let mut options = Options {
        min_replicas_lower_bound: i64::from(!(gates.scale_to_zero || had_zero)),
        scale_target_ref: ReferenceOptions {
            allow_empty_group: false,
            allow_invalid_version: false,
        },
        object_metrics: ReferenceOptions {
            allow_empty_group: true,
            allow_invalid_version: false,
        },
    };
    let text = |object: &Value, field: &str| {
        object
            .pointer(&format!("/spec/scaleTargetRef/{field}"))
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let same = |old: &Value, field: &str| text(old, field) == text(object, field);
    if old.is_some_and(|old| same(old, "apiVersion") && same(old, "kind")) {
        options.scale_target_ref.allow_invalid_version = true;
    } else if text(object, "kind") == "ReplicationController" {
        // The one scalable kind of the core group.
        options.scale_target_ref.allow_empty_group = true;
    }
    let empty = Map::new();
    let described = old
        .and_then(|o| o.pointer("/spec/metrics"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|metric| metric.get("type").and_then(Value::as_str) == Some("Object"))
        .filter_map(|metric| metric.get("object").filter(|object| object.is_object()))
        .map(|object| {
            object
                .get("describedObject")
                .and_then(Value::as_object)
                .unwrap_or(&empty)
        });
    for reference in described {
        let version = reference.get("apiVersion").and_then(Value::as_str).unwrap_or("");
        if reference_group_error(version, options.object_metrics).is_some() {
            options.object_metrics.allow_invalid_version = true;
            break;
        }
    }
    options
}
