//! What controllers need to know about pods, with upstream's definitions (`pkg/api/v1/pod`, `controller_utils.go`).

use std::cmp::Ordering;
use std::time::Duration;

use capstan_kubeapi::meta;
use serde_json::{Map, Value, json};

/// `status.phase`, `Pending` when absent.
pub(crate) fn phase(pod: &Value) -> &str {
    pod.pointer("/status/phase")
        .and_then(Value::as_str)
        .unwrap_or("Pending")
}

/// Neither finished nor on its way out.
pub(crate) fn is_active(pod: &Value) -> bool {
    !is_finished(pod) && !meta::is_deleting(pod)
}

/// `Succeeded` or `Failed`.
pub(crate) fn is_finished(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// The condition of this type, of any object that has conditions.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = object.pointer("/status/conditions")?.as_array()?;
    all.iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
}

/// Whether the `Ready` condition is true.
pub(crate) fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready")
        .and_then(|ready| ready.get("status"))
        .and_then(Value::as_str)
        == Some("True")
}

/// When the pod became ready.
pub(crate) fn ready_since(pod: &Value) -> Option<jiff::Timestamp> {
    if !is_ready(pod) {
        return None;
    }
    condition(pod, "Ready")?
        .get("lastTransitionTime")?
        .as_str()?
        .parse()
        .ok()
}

/// How long until the pod has been ready for `minimum` seconds: zero when it is available, `None` when it is not ready.
pub(crate) fn available_in(pod: &Value, minimum: i64, now: jiff::Timestamp) -> Option<Duration> {
    if !is_ready(pod) {
        return None;
    }
    if minimum <= 0 {
        return Some(Duration::ZERO);
    }
    let since = ready_since(pod)?;
    let left = since
        .as_second()
        .saturating_add(minimum)
        .saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

/// The object's `creationTimestamp`; RFC 3339 in UTC sorts as text.
pub(crate) fn created(object: &Value) -> &str {
    object
        .pointer("/metadata/creationTimestamp")
        .and_then(Value::as_str)
        .unwrap_or("")
}

/// The uid of the controlling owner.
pub(crate) fn controller_uid(object: &Value) -> Option<&str> {
    meta::controller(object)?.get("uid")?.as_str()
}

/// Orders pods so that the first is the best to delete (upstream's `ActivePodsWithRanks`): unassigned, pending, unready,
/// cheap by annotation, ready for less time, restarted more, younger; then by name, so that the choice is repeatable.
pub(crate) fn deletion_order(a: &Value, b: &Value) -> Ordering {
    let assigned = |pod: &Value| {
        pod.pointer("/spec/nodeName")
            .and_then(Value::as_str)
            .is_some_and(|n| !n.is_empty())
    };
    let rank = |pod: &Value| match phase(pod) {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let cost = |pod: &Value| -> i32 {
        meta::annotation(pod, "controller.kubernetes.io/pod-deletion-cost")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    };
    assigned(a)
        .cmp(&assigned(b))
        .then_with(|| rank(a).cmp(&rank(b)))
        .then_with(|| is_ready(a).cmp(&is_ready(b)))
        .then_with(|| cost(a).cmp(&cost(b)))
        .then_with(|| ready_since(b).cmp(&ready_since(a)))
        .then_with(|| restarts(b).cmp(&restarts(a)))
        .then_with(|| created(b).cmp(created(a)))
        .then_with(|| meta::name(b).cmp(meta::name(a)))
}

/// The highest restart count of its containers.
fn restarts(pod: &Value) -> i64 {
    pod.pointer("/status/containerStatuses")
        .and_then(Value::as_array)
        .and_then(|all| {
            all.iter()
                .filter_map(|c| c.get("restartCount").and_then(Value::as_i64))
                .max()
        })
        .unwrap_or(0)
}

/// A controlling owner reference to `owner`.
pub(crate) fn owner_reference(owner: &Value, api_version: &str, kind: &str) -> Value {
    json!({
        "apiVersion": api_version,
        "kind": kind,
        "name": meta::name(owner),
        "uid": meta::uid(owner),
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// A pod made from a `PodTemplateSpec`; the caller sets name or `generateName`.
pub(crate) fn from_template(template: &Value, namespace: &str, owner: Value) -> Value {
    let mut metadata = Map::new();
    metadata.insert("namespace".into(), namespace.into());
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.get("metadata").and_then(|m| m.get(field)) {
            metadata.insert(field.into(), value.clone());
        }
    }
    metadata.insert("ownerReferences".into(), json!([owner]));
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": template.get("spec").cloned().unwrap_or_else(|| json!({})),
    })
}

/// Sets a condition in a status; the transition time changes only with the status. Returns whether anything changed.
pub(crate) fn set_condition(status: &mut Value, mut condition: Value, now: &str) -> bool {
    let Some(status) = status.as_object_mut() else {
        return false;
    };
    let list = status.entry("conditions").or_insert_with(|| json!([]));
    if !list.is_array() {
        *list = json!([]);
    }
    let Some(list) = list.as_array_mut() else {
        return false;
    };
    let present = list.iter_mut().find(|c| c.get("type") == condition.get("type"));
    let same_status = present
        .as_ref()
        .is_some_and(|p| p.get("status") == condition.get("status"));
    let since = present
        .as_ref()
        .filter(|_| same_status)
        .and_then(|p| p.get("lastTransitionTime").cloned());
    if let Some(fields) = condition.as_object_mut() {
        fields.insert("lastTransitionTime".into(), since.unwrap_or_else(|| now.into()));
    }
    match present {
        Some(present) if *present == condition => false,
        Some(present) => {
            *present = condition;
            true
        }
        None => {
            list.push(condition);
            true
        }
    }
}

/// A whole number in the object, or `default`.
pub(crate) fn int(object: &Value, pointer: &str, default: i64) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, node: &str, phase: &str, ready: Option<&str>, restarts: i64, created: &str) -> Value {
        let conditions = ready.map_or_else(
            || json!([{"type": "Ready", "status": "False"}]),
            |since| json!([{"type": "Ready", "status": "True", "lastTransitionTime": since}]),
        );
        json!({
            "metadata": {"name": name, "creationTimestamp": created},
            "spec": {"nodeName": node},
            "status": {"phase": phase, "conditions": conditions, "containerStatuses": [{"restartCount": restarts}]},
        })
    }

    #[test]
    fn the_pod_that_matters_least_goes_first() {
        let t0 = "2026-01-01T00:00:00Z";
        let t1 = "2026-01-01T00:01:00Z";
        let mut pods = [
            pod("old-ready", "n", "Running", Some(t0), 0, t0),
            pod("young-ready", "n", "Running", Some(t0), 0, t1),
            pod("restarted", "n", "Running", Some(t0), 3, t0),
            pod("lately-ready", "n", "Running", Some(t1), 0, t0),
            pod("unready", "n", "Running", None, 0, t0),
            pod("pending", "n", "Pending", None, 0, t0),
            pod("unassigned", "", "Pending", None, 0, t0),
        ];
        pods.sort_by(deletion_order);
        let names: Vec<&str> = pods.iter().map(meta::name).collect();
        let wanted = [
            "unassigned",
            "pending",
            "unready",
            "lately-ready",
            "restarted",
            "young-ready",
            "old-ready",
        ];
        assert_eq!(names, wanted);
    }

    #[test]
    fn a_condition_keeps_its_time_while_its_status_stays() {
        let mut status = json!({});
        assert!(set_condition(
            &mut status,
            json!({"type": "A", "status": "True"}),
            "t0"
        ));
        assert!(!set_condition(
            &mut status,
            json!({"type": "A", "status": "True"}),
            "t1"
        ));
        assert!(set_condition(
            &mut status,
            json!({"type": "A", "status": "True", "reason": "R"}),
            "t2"
        ));
        assert_eq!(status["conditions"][0]["lastTransitionTime"], "t0");
        assert!(set_condition(
            &mut status,
            json!({"type": "A", "status": "False"}),
            "t3"
        ));
        assert_eq!(status["conditions"][0]["lastTransitionTime"], "t3");
    }
}
