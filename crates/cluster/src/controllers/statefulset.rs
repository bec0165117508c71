//! StatefulSets: pods with stable names, made in order and ended in reverse (the basic part of upstream's
//! `stateful_set_control.go`: ordered and parallel management, rolling update by revision, `partition`, `OnDelete`).

use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::builtin::{PODS, STATEFULSETS};
use capstan_kubeapi::{Resource, Status, meta};
use serde_json::{Value, json};

use super::driver::{Controller, Key};
use super::pods::{self, int};
use super::{Context, deployment, labels, replicaset};
use crate::objects::{DeleteOptions, Subresource};
use crate::watch::Event;

const COMPONENT: &str = "statefulset-controller";
const REVISION_LABEL: &str = "controller-revision-hash";

/// The controller of `statefulsets.apps`.
#[derive(Debug)]
pub(crate) struct StatefulSets;

impl Controller for StatefulSets {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> Vec<Resource> {
        vec![STATEFULSETS, PODS]
    }

    fn concerns(&self, _: &Context, resource: Resource, event: &Event) -> Vec<Key> {
        if resource == STATEFULSETS {
            return vec![Key::of(&event.object)];
        }
        let owner = meta::controller(&event.object);
        owner
            .filter(|owner| owner.get("kind").and_then(Value::as_str) == Some("StatefulSet"))
            .and_then(|owner| owner.get("name").and_then(Value::as_str))
            .map(|name| Key::new(meta::namespace(&event.object), name))
            .into_iter()
            .collect()
    }

    fn reconcile(&self, context: &Context, key: &Key) -> Result<Option<Duration>, Status> {
        let set = match context.objects.get(STATEFULSETS, key.scope(), &key.name) {
            Ok(set) => set,
            Err(status) if status.is_not_found() => return Ok(None),
            Err(status) => return Err(status),
        };
        let mut owned = claim(context, &set)?;
        let revision = format!("{}-{}", key.name, deployment::template_hash(&set));
        if !meta::is_deleting(&set) {
            step(context, &set, &revision, &owned)?;
            owned = claim(context, &set)?;
        }
        write_status(context, &set, &revision, &owned)
    }
}

/// The set's pods, including terminating ones: their names are taken until they are gone. By ordinal.
fn claim(context: &Context, set: &Value) -> Result<Vec<(i64, Arc<Value>)>, Status> {
    let mut owned = Vec::new();
    for pod in context.objects.list(PODS, Some(meta::namespace(set))).items {
        let Some(ordinal) = ordinal(meta::name(set), meta::name(&pod)) else {
            continue;
        };
        match pods::controller_uid(&pod) {
            Some(uid) if uid == meta::uid(set) => owned.push((ordinal, pod)),
            None if !meta::is_deleting(set)
                && pods::is_active(&pod)
                && labels::selects(set.pointer("/spec/selector"), meta::labels(&pod)) =>
            {
                let owner = pods::owner_reference(set, "apps/v1", "StatefulSet");
                owned.push((ordinal, replicaset::adopt(context, &pod, &owner)?));
            }
            _ => {}
        }
    }
    owned.sort_by_key(|(ordinal, _)| *ordinal);
    Ok(owned)
}

fn ordinal(set: &str, pod: &str) -> Option<i64> {
    let digits = pod.strip_prefix(set)?.strip_prefix('-')?;
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    digits.parse().ok().filter(|ordinal| *ordinal >= 0)
}

/// Does what may be done now: with ordered management one pod at a time, each waiting for the one before it.
fn step(context: &Context, set: &Value, revision: &str, owned: &[(i64, Arc<Value>)]) -> Result<(), Status> {
    let start = int(set, "/spec/ordinals/start", 0);
    let end = start.saturating_add(int(set, "/spec/replicas", 1));
    let parallel = set.pointer("/spec/podManagementPolicy").and_then(Value::as_str) == Some("Parallel");
    let minimum = int(set, "/spec/minReadySeconds", 0);
    let healthy = |pod: &Value| {
        !meta::is_deleting(pod)
            && pods::available_in(pod, minimum, context.clock.now()).is_some_and(|left| left.is_zero())
    };
    for ordinal in start..end {
        match owned.iter().find(|(at, _)| *at == ordinal).map(|(_, pod)| pod) {
            None => create(context, set, revision, ordinal)?,
            Some(pod) if pods::is_finished(pod) && !meta::is_deleting(pod) => {
                // A finished pod is replaced under the same name.
                delete(context, set, pod, "")?;
            }
            Some(pod) if healthy(pod) => continue,
            Some(_) => {}
        }
        if !parallel {
            return Ok(());
        }
    }
    let surplus: Vec<&Arc<Value>> = owned
        .iter()
        .rev()
        .filter(|(at, _)| *at < start || *at >= end)
        .map(|(_, pod)| pod)
        .collect();
    for pod in &surplus {
        if !meta::is_deleting(pod) {
            delete(context, set, pod, "")?;
        }
        if !parallel {
            return Ok(());
        }
    }
    if set.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") {
        return Ok(());
    }
    let partition = int(set, "/spec/updateStrategy/rollingUpdate/partition", 0);
    for (ordinal, pod) in owned.iter().rev() {
        if *ordinal < start + partition || *ordinal >= end {
            continue;
        }
        if pod_revision(pod) != Some(revision) && !meta::is_deleting(pod) {
            return delete(context, set, pod, "");
        }
        if !healthy(pod) {
            return Ok(());
        }
    }
    Ok(())
}

fn pod_revision(pod: &Value) -> Option<&str> {
    meta::labels(pod)?.get(REVISION_LABEL)?.as_str()
}

fn create(context: &Context, set: &Value, revision: &str, ordinal: i64) -> Result<(), Status> {
    let Some(template) = set.pointer("/spec/template") else {
        return Ok(());
    };
    let namespace = meta::namespace(set);
    let name = format!("{}-{ordinal}", meta::name(set));
    let mut pod = pods::from_template(
        template,
        namespace,
        pods::owner_reference(set, "apps/v1", "StatefulSet"),
    );
    meta::set(&mut pod, "name", name.clone());
    if let Some(labels) = meta::metadata_mut(&mut pod).and_then(|metadata| {
        metadata
            .entry("labels")
            .or_insert_with(|| json!({}))
            .as_object_mut()
    }) {
        labels.insert(REVISION_LABEL.into(), revision.into());
        labels.insert("statefulset.kubernetes.io/pod-name".into(), name.clone().into());
        labels.insert("apps.kubernetes.io/pod-index".into(), ordinal.to_string().into());
    }
    pod["spec"]["hostname"] = name.clone().into();
    if let Some(service) = set.pointer("/spec/serviceName").filter(|s| s.is_string()) {
        pod["spec"]["subdomain"] = service.clone();
    }
    let claims = set
        .pointer("/spec/volumeClaimTemplates")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for claim in claims {
        let volume = meta::name(claim);
        let entry =
            json!({"name": volume, "persistentVolumeClaim": {"claimName": format!("{volume}-{name}")}});
        let spec = &mut pod["spec"];
        if !spec["volumes"].is_array() {
            spec["volumes"] = json!([]);
        }
        if let Some(volumes) = spec["volumes"].as_array_mut() {
            volumes.retain(|present| present.get("name").and_then(Value::as_str) != Some(volume));
            volumes.push(entry);
        }
    }
    match context.objects.create(PODS, Some(namespace), pod) {
        Ok(_) => {
            let message = format!("create Pod {name} in StatefulSet {} successful", meta::name(set));
            context
                .objects
                .record_event(set, "Normal", "SuccessfulCreate", &message, COMPONENT);
            Ok(())
        }
        // Somebody else's pod has the name; it is looked at again when that changes.
        Err(status) if status.is_already_exists() => Ok(()),
        Err(status) => {
            if !replicaset::is_terminating(&status) {
                let message = format!(
                    "create Pod {name} in StatefulSet {} failed error: {status}",
                    meta::name(set)
                );
                context
                    .objects
                    .record_event(set, "Warning", "FailedCreate", &message, COMPONENT);
            }
            Err(status)
        }
    }
}

fn delete(context: &Context, set: &Value, pod: &Value, why: &str) -> Result<(), Status> {
    match context.objects.delete(
        PODS,
        Some(meta::namespace(pod)),
        meta::name(pod),
        &DeleteOptions::default(),
    ) {
        Ok(_) => {
            let message = format!(
                "delete Pod {} in StatefulSet {} successful{why}",
                meta::name(pod),
                meta::name(set)
            );
            context
                .objects
                .record_event(set, "Normal", "SuccessfulDelete", &message, COMPONENT);
            Ok(())
        }
        Err(status) if status.is_not_found() => Ok(()),
        Err(status) => Err(status),
    }
}

fn write_status(
    context: &Context,
    set: &Value,
    revision: &str,
    owned: &[(i64, Arc<Value>)],
) -> Result<Option<Duration>, Status> {
    let minimum = int(set, "/spec/minReadySeconds", 0);
    let now = context.clock.now();
    let before = set
        .get("status")
        .filter(|s| s.is_object())
        .cloned()
        .unwrap_or_else(|| json!({}));
    let current = before
        .get("currentRevision")
        .and_then(Value::as_str)
        .unwrap_or(revision)
        .to_owned();
    let (mut ready, mut available, mut updated, mut on_current) = (0_i64, 0_i64, 0_i64, 0_i64);
    let mut soon: Option<Duration> = None;
    for (_, pod) in owned {
        if let Some(left) = pods::available_in(pod, minimum, now) {
            ready += 1;
            if left.is_zero() {
                available += 1;
            } else {
                soon = Some(soon.map_or(left, |soon| soon.min(left)));
            }
        }
        if !meta::is_deleting(pod) {
            updated += i64::from(pod_revision(pod) == Some(revision));
            on_current += i64::from(pod_revision(pod) == Some(&current));
        }
    }
    let count = owned.len() as i64;
    let done = updated == count && ready == count && count == int(set, "/spec/replicas", 1);
    let mut status = before.clone();
    status["observedGeneration"] = meta::generation(set).into();
    status["replicas"] = count.into();
    // Unlike its siblings this one is always written out (no omitempty upstream).
    status["availableReplicas"] = available.into();
    for (field, value) in [
        ("readyReplicas", ready),
        ("currentReplicas", if done { count } else { on_current }),
        ("updatedReplicas", updated),
    ] {
        if value == 0 {
            if let Some(fields) = status.as_object_mut() {
                fields.shift_remove(field);
            }
        } else {
            status[field] = value.into();
        }
    }
    status["currentRevision"] = if done { revision.into() } else { current.into() };
    status["updateRevision"] = revision.into();
    status["collisionCount"] = int(set, "/status/collisionCount", 0).into();
    if status != before {
        let name = meta::name(set);
        context.objects.modify(
            STATEFULSETS,
            Some(meta::namespace(set)),
            name,
            Subresource::Status,
            |set| {
                set["status"] = status.clone();
            },
        )?;
    }
    Ok(soon)
}

#[cfg(test)]
mod tests {
    use super::ordinal;

    #[test]
    fn only_exact_ordinals_are_ours() {
        assert_eq!(ordinal("web", "web-0"), Some(0));
        assert_eq!(ordinal("web", "web-12"), Some(12));
        for other in ["web", "web-", "web-01", "web-a", "web--1", "webx-1", "web-0-1"] {
            assert_eq!(ordinal("web", other), None, "{other}");
        }
    }
}
