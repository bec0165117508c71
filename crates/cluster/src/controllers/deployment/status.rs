//! A deployment's status: what `kubectl rollout status` reads.

use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::builtin::DEPLOYMENTS;
use capstan_kubeapi::{Status, meta};
use serde_json::{Value, json};

use super::plan::Limits;
use crate::controllers::Context;
use crate::controllers::pods::{self, int};
use crate::objects::Subresource;

fn sum(sets: &[Arc<Value>], pointer: &str) -> i64 {
    sets.iter().map(|set| int(set, pointer, 0)).sum()
}

/// Whether everything wanted runs the new template and nothing else runs.
pub(super) fn is_complete(deployment: &Value, owned: &[Arc<Value>], new: Option<&Arc<Value>>) -> bool {
    let wanted = int(deployment, "/spec/replicas", 1);
    new.is_some_and(|new| int(new, "/status/replicas", 0) == wanted)
        && sum(owned, "/status/replicas") == wanted
        && sum(owned, "/status/availableReplicas") == wanted
}

/// Writes the status if it changed; returns when to look at the progress deadline.
pub(super) fn write(
    context: &Context,
    deployment: &Value,
    owned: &[Arc<Value>],
    new: Option<&Arc<Value>>,
) -> Result<Option<Duration>, Status> {
    let before = deployment
        .get("status")
        .filter(|s| s.is_object())
        .cloned()
        .unwrap_or_else(|| json!({}));
    let mut status = before.clone();
    let limits = Limits::of(deployment);
    let replicas = sum(owned, "/status/replicas");
    let available = sum(owned, "/status/availableReplicas");
    let updated = new.map_or(0, |new| int(new, "/status/replicas", 0));
    let wanted_total: i64 = owned.iter().map(|set| int(set, "/spec/replicas", 0)).sum();
    // A set that was just created has pods to come that its status does not show yet.
    let unavailable = (wanted_total - available).max(0);
    status["observedGeneration"] = meta::generation(deployment).into();
    for (field, count) in [
        ("replicas", replicas),
        ("updatedReplicas", updated),
        ("readyReplicas", sum(owned, "/status/readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", unavailable),
    ] {
        if count == 0 {
            if let Some(fields) = status.as_object_mut() {
                fields.shift_remove(field);
            }
        } else {
            status[field] = count.into();
        }
    }
    status["terminatingReplicas"] = sum(owned, "/status/terminatingReplicas").into();
    let now = context.timestamp();
    let enough = available >= limits.replicas - limits.max_unavailable;
    let condition = if enough {
        json!({"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
               "message": "Deployment has minimum availability."})
    } else {
        json!({"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable",
               "message": "Deployment does not have minimum availability."})
    };
    set_condition(&mut status, condition, &now);
    let again = progress(context, deployment, owned, new, &before, &mut status, &now);
    if status != before {
        let name = meta::name(deployment);
        context.objects.modify(
            DEPLOYMENTS,
            Some(meta::namespace(deployment)),
            name,
            Subresource::Status,
            |deployment| {
                deployment["status"] = status.clone();
            },
        )?;
    }
    Ok(again)
}

/// Sets the `Progressing` condition (upstream's `syncRolloutStatus`).
fn progress(
    context: &Context,
    deployment: &Value,
    owned: &[Arc<Value>],
    new: Option<&Arc<Value>>,
    before: &Value,
    status: &mut Value,
    now: &str,
) -> Option<Duration> {
    let name = meta::name(deployment);
    let set = new.map_or("", |new| meta::name(new));
    let subject = if set.is_empty() {
        format!("Deployment \"{name}\"")
    } else {
        format!("ReplicaSet \"{set}\"")
    };
    let wrapped = json!({ "status": before });
    let present = pods::condition(&wrapped, "Progressing");
    let field = |name: &str| present.and_then(|p| p.get(name)).and_then(Value::as_str);
    let complete = is_complete(deployment, owned, new);
    if deployment.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        if field("reason") != Some("NewReplicaSetAvailable") {
            let condition = json!({"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused",
                                   "message": "Deployment is paused"});
            set_condition(status, condition, now);
        }
        return None;
    }
    // A finished rollout that only gains or loses pods is not progressing again.
    let settled = field("reason") == Some("NewReplicaSetAvailable")
        && status.get("replicas").and_then(Value::as_i64)
            == status.get("updatedReplicas").and_then(Value::as_i64);
    if settled {
        return None;
    }
    if complete {
        let condition = json!({"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
                               "message": format!("{subject} has successfully progressed.")});
        set_condition(status, condition, now);
        return None;
    }
    let count = |of: &Value, field: &str| of.get(field).and_then(Value::as_i64).unwrap_or(0);
    let old = |of: &Value| count(of, "replicas") - count(of, "updatedReplicas");
    let progressed = present.is_none()
        || count(status, "updatedReplicas") > count(before, "updatedReplicas")
        || count(status, "readyReplicas") > count(before, "readyReplicas")
        || count(status, "availableReplicas") > count(before, "availableReplicas")
        || old(status) < old(before)
        || meta::generation(deployment) != int(&wrapped, "/status/observedGeneration", 0);
    if progressed {
        let (reason, message) = if present.is_none() && new.is_some() {
            (
                "NewReplicaSetCreated",
                format!("Created new replica set \"{set}\""),
            )
        } else {
            ("ReplicaSetUpdated", format!("{subject} is progressing."))
        };
        let condition = json!({"type": "Progressing", "status": "True", "reason": reason, "message": message,
                               "lastUpdateTime": now});
        set_condition(status, condition, now);
    }
    let deadline = deployment
        .pointer("/spec/progressDeadlineSeconds")
        .and_then(Value::as_i64)?;
    let wrapped = json!({ "status": status });
    let since = pods::condition(&wrapped, "Progressing")?
        .get("lastUpdateTime")?
        .as_str()?;
    let since: jiff::Timestamp = since.parse().ok()?;
    let left = since
        .as_second()
        .saturating_add(deadline)
        .saturating_sub(context.clock.now().as_second());
    if left <= 0 {
        let condition = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                               "message": format!("{subject} has timed out progressing.")});
        set_condition(status, condition, now);
        return None;
    }
    Some(Duration::from_secs(u64::try_from(left).unwrap_or(1)))
}

/// Sets a condition with its `lastUpdateTime`, which moves only when something but the times changed, or when the
/// caller gives it.
fn set_condition(status: &mut Value, mut condition: Value, now: &str) {
    let wrapped = json!({ "status": &*status });
    let present = condition
        .get("type")
        .and_then(Value::as_str)
        .and_then(|kind| pods::condition(&wrapped, kind));
    if condition.get("lastUpdateTime").is_none() {
        let same = present.is_some_and(|p| {
            ["status", "reason", "message"]
                .iter()
                .all(|f| p.get(f) == condition.get(f))
        });
        let kept = present
            .filter(|_| same)
            .and_then(|p| p.get("lastUpdateTime").cloned());
        condition["lastUpdateTime"] = kept.unwrap_or_else(|| now.into());
    }
    pods::set_condition(status, condition, now);
}
