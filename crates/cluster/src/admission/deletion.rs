//! What a delete makes of an object: gone, or waiting for finalizers or its grace period.

use capstan_base::SharedClock;
use capstan_kubeapi::builtin::{NAMESPACES, PODS};
use capstan_kubeapi::{Resource, Status, meta, time};
use serde_json::Value;

use super::{has_generation, order_metadata};
use crate::objects::{DeleteOptions, Propagation};

/// Whether nothing holds an object that is being deleted any more.
pub(crate) fn is_finished(stored: Resource, object: &Value) -> bool {
    if !meta::is_deleting(object) || !meta::finalizers(object).is_empty() {
        return false;
    }
    if stored == NAMESPACES {
        return meta::strings(object.pointer("/spec/finalizers")).is_empty();
    }
    // A pod within its grace period goes when its runner says so.
    stored != PODS
        || object
            .pointer("/metadata/deletionGracePeriodSeconds")
            .and_then(Value::as_i64)
            .unwrap_or(0)
            == 0
}

/// Checks the preconditions of a delete.
pub(crate) fn check_preconditions(
    stored: Resource,
    current: &Value,
    options: &DeleteOptions,
) -> Result<(), Status> {
    let name = meta::name(current);
    let failed = |what: &str, wanted: &str, have: &str| {
        let why =
            format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {have}");
        Err(Status::conflict(stored.0, name, &why))
    };
    if let Some(uid) = &options.uid
        && uid != meta::uid(current)
    {
        return failed("UID", uid, meta::uid(current));
    }
    if let Some(version) = &options.resource_version
        && version != meta::resource_version(current)
    {
        return failed("ResourceVersion", version, meta::resource_version(current));
    }
    Ok(())
}

/// What a delete makes of an object, and whether it is gone at once.
pub(crate) fn prepare_delete(
    stored: Resource,
    current: &Value,
    options: &DeleteOptions,
    clock: &SharedClock,
) -> (Value, bool) {
    let mut next = current.clone();
    let mut finalizers: Vec<String> = meta::finalizers(current).into_iter().map(str::to_owned).collect();
    let wanted = match options.propagation {
        Some(Propagation::Foreground) => Some("foregroundDeletion"),
        Some(Propagation::Orphan) => Some("orphan"),
        Some(Propagation::Background) | None => None,
    };
    if options.propagation.is_some() {
        finalizers.retain(|f| (f != "foregroundDeletion" && f != "orphan") || Some(f.as_str()) == wanted);
    }
    if let Some(wanted) = wanted
        && !finalizers.iter().any(|f| f == wanted)
        && !meta::is_deleting(current)
    {
        finalizers.push(wanted.to_owned());
    }
    if finalizers.is_empty() {
        meta::unset(&mut next, "finalizers");
    } else {
        meta::set(&mut next, "finalizers", finalizers.clone());
    }
    let grace = if stored == PODS {
        pod_grace(current, options)
    } else {
        0
    };
    let held = current
        .pointer("/metadata/deletionGracePeriodSeconds")
        .and_then(Value::as_i64);
    let grace = held.map_or(grace, |held| {
        if meta::is_deleting(current) {
            grace.min(held)
        } else {
            grace
        }
    });
    if !meta::is_deleting(current) || held != Some(grace) {
        let asked = clock.now().as_second() + grace;
        let at = jiff::Timestamp::from_second(asked).unwrap_or_else(|_| clock.now());
        if !meta::is_deleting(current) || stored == PODS {
            meta::set(&mut next, "deletionTimestamp", time::rfc3339(at));
        }
        meta::set(&mut next, "deletionGracePeriodSeconds", grace);
        if has_generation(stored) && !meta::is_deleting(current) {
            let generation = meta::generation(current) + 1;
            meta::set(&mut next, "generation", generation);
        }
    }
    if let Some(metadata) = meta::metadata_mut(&mut next) {
        order_metadata(metadata);
    }
    if stored == NAMESPACES
        && let Some(status) = meta::object_at(&mut next, "status")
    {
        status.insert("phase".to_owned(), "Terminating".into());
    }
    let gone = is_finished(stored, &next);
    (next, gone)
}

fn pod_grace(pod: &Value, options: &DeleteOptions) -> i64 {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or("");
    let unscheduled = pod
        .pointer("/spec/nodeName")
        .and_then(Value::as_str)
        .unwrap_or("")
        .is_empty();
    if unscheduled || matches!(phase, "Succeeded" | "Failed") {
        return 0;
    }
    let own = pod
        .pointer("/spec/terminationGracePeriodSeconds")
        .and_then(Value::as_i64)
        .unwrap_or(30);
    options.grace_seconds.unwrap_or(own).max(0)
}
