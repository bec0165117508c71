//! The ReplicaSets of a deployment.

use std::sync::Arc;

use capstan_kubeapi::builtin::{DEPLOYMENTS, PODS, REPLICASETS};
use capstan_kubeapi::{Status, meta};
use serde_json::{Value, json};

use super::{COMPONENT, annotate};
use crate::controllers::pods::{self, int};
use crate::controllers::{Context, labels};
use crate::objects::Subresource;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";
pub(super) const HASH_LABEL: &str = "pod-template-hash";

/// The deployment's sets, oldest first, after adopting orphans that its selector matches and releasing others.
pub(super) fn claim(context: &Context, deployment: &Value) -> Result<Vec<Arc<Value>>, Status> {
    let (namespace, uid) = (meta::namespace(deployment), meta::uid(deployment));
    let mut owned = Vec::new();
    for set in context.objects.list(REPLICASETS, Some(namespace)).items {
        let matches = labels::selects(deployment.pointer("/spec/selector"), meta::labels(&set));
        match pods::controller_uid(&set) {
            Some(owner) if owner == uid && matches => owned.push(set),
            None if matches && !meta::is_deleting(deployment) && !meta::is_deleting(&set) => {
                let owner = pods::owner_reference(deployment, "apps/v1", "Deployment");
                let change = |set: &mut Value| {
                    if meta::controller(set).is_none()
                        && let Some(metadata) = meta::metadata_mut(set)
                        && let Some(list) = metadata
                            .entry("ownerReferences")
                            .or_insert_with(|| json!([]))
                            .as_array_mut()
                    {
                        list.push(owner.clone());
                    }
                };
                owned.push(context.objects.modify(
                    REPLICASETS,
                    Some(namespace),
                    meta::name(&set),
                    Subresource::None,
                    change,
                )?);
            }
            _ => {}
        }
    }
    owned.sort_by(|a, b| {
        pods::created(a)
            .cmp(pods::created(b))
            .then_with(|| revision(a).cmp(&revision(b)))
            .then_with(|| meta::name(a).cmp(meta::name(b)))
    });
    Ok(owned)
}

/// The set whose template is the deployment's, the oldest if there are several.
pub(super) fn find_new<'a>(deployment: &Value, owned: &'a [Arc<Value>]) -> Option<&'a Arc<Value>> {
    let wanted = bare_template(deployment);
    owned.iter().find(|set| bare_template(set) == wanted)
}

/// `spec.template` without the hash label.
fn bare_template(object: &Value) -> Value {
    let mut template = object.pointer("/spec/template").cloned().unwrap_or(Value::Null);
    if let Some(labels) = template
        .pointer_mut("/metadata/labels")
        .and_then(Value::as_object_mut)
    {
        labels.shift_remove(HASH_LABEL);
    }
    // The API may or may not have written this one out.
    if let Some(metadata) = template.pointer_mut("/metadata").and_then(Value::as_object_mut)
        && metadata.get("creationTimestamp").is_some_and(Value::is_null)
    {
        metadata.shift_remove("creationTimestamp");
    }
    template
}

/// The set of the present template, made if it does not exist; its revision becomes the highest.
pub(super) fn ensure_new(
    context: &Context,
    deployment: &Value,
    owned: &[Arc<Value>],
) -> Result<Arc<Value>, Status> {
    let namespace = meta::namespace(deployment);
    let present = find_new(deployment, owned);
    let newest_old = owned
        .iter()
        .filter(|set| present.is_none_or(|new| meta::uid(new) != meta::uid(set)))
        .map(|set| revision(set))
        .max()
        .unwrap_or(0);
    if let Some(set) = present {
        let revision = revision(set).max(newest_old + 1).to_string();
        let set = context.objects.modify(
            REPLICASETS,
            Some(namespace),
            meta::name(set),
            Subresource::None,
            |set| {
                copy_annotations(deployment, set);
                set_annotation(set, REVISION, &revision);
                if let Some(minimum) = deployment.pointer("/spec/minReadySeconds") {
                    set["spec"]["minReadySeconds"] = minimum.clone();
                }
            },
        )?;
        annotate(context, deployment, REVISION, &revision)?;
        return Ok(set);
    }
    let revision = (newest_old + 1).to_string();
    let hash = template_hash(deployment);
    let name = format!("{}-{hash}", meta::name(deployment));
    let set = new_set(deployment, &name, &hash, &revision, owned);
    match context.objects.create(REPLICASETS, Some(namespace), set) {
        Ok(made) => {
            let message = format!(
                "Scaled up replica set {name} from 0 to {}",
                int(&made, "/spec/replicas", 0)
            );
            if int(&made, "/spec/replicas", 0) > 0 {
                context
                    .objects
                    .record_event(deployment, "Normal", "ScalingReplicaSet", &message, COMPONENT);
            }
            annotate(context, deployment, REVISION, &revision)?;
            Ok(made)
        }
        Err(status) if status.is_already_exists() => {
            // Another template has this hash: next time it is another one.
            context.objects.modify(
                DEPLOYMENTS,
                Some(namespace),
                meta::name(deployment),
                Subresource::Status,
                |found| {
                    let count = int(found, "/status/collisionCount", 0) + 1;
                    found["status"]["collisionCount"] = count.into();
                },
            )?;
            Err(Status::modified(DEPLOYMENTS.0, meta::name(deployment)))
        }
        Err(status) => Err(status),
    }
}

fn new_set(deployment: &Value, name: &str, hash: &str, revision: &str, owned: &[Arc<Value>]) -> Value {
    let mut template = deployment
        .pointer("/spec/template")
        .cloned()
        .unwrap_or_else(|| json!({}));
    if let Some(labels) = meta::metadata_mut(&mut template).and_then(|metadata| {
        metadata
            .entry("labels")
            .or_insert_with(|| json!({}))
            .as_object_mut()
    }) {
        labels.insert(HASH_LABEL.into(), hash.into());
    }
    let mut selector = deployment
        .pointer("/spec/selector")
        .cloned()
        .unwrap_or_else(|| json!({}));
    if let Some(labels) = meta::object_at(&mut selector, "matchLabels") {
        labels.insert(HASH_LABEL.into(), hash.into());
    }
    // Born at the size that the plan allows, so that no pass is lost.
    let olds: Vec<super::SetView> = owned.iter().map(|set| super::SetView::of(set)).collect();
    let limits = super::plan::Limits::of(deployment);
    let recreate = deployment.pointer("/spec/strategy/type").and_then(Value::as_str) == Some("Recreate");
    let replicas = if recreate {
        limits.replicas
    } else {
        super::plan::rolling(
            &limits,
            &super::SetView {
                replicas: 0,
                available: 0,
            },
            &olds,
        )
        .new
    };
    let mut set = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": meta::namespace(deployment),
            "labels": template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({})),
            "ownerReferences": [pods::owner_reference(deployment, "apps/v1", "Deployment")],
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    });
    if let Some(minimum) = deployment.pointer("/spec/minReadySeconds") {
        set["spec"]["minReadySeconds"] = minimum.clone();
    }
    copy_annotations(deployment, &mut set);
    set_annotation(&mut set, REVISION, revision);
    size_annotations(&limits, &mut set);
    set
}

/// Writes the set's replica count, with an event; returns whether it changed.
pub(super) fn scale(
    context: &Context,
    deployment: &Value,
    set: &Arc<Value>,
    replicas: i64,
) -> Result<bool, Status> {
    let before = int(set, "/spec/replicas", 1);
    let limits = super::plan::Limits::of(deployment);
    context.objects.modify(
        REPLICASETS,
        Some(meta::namespace(set)),
        meta::name(set),
        Subresource::None,
        |set| {
            set["spec"]["replicas"] = replicas.into();
            size_annotations(&limits, set);
        },
    )?;
    if before == replicas {
        return Ok(false);
    }
    let direction = if replicas > before { "up" } else { "down" };
    let message = format!(
        "Scaled {direction} replica set {} from {before} to {replicas}",
        meta::name(set)
    );
    context
        .objects
        .record_event(deployment, "Normal", "ScalingReplicaSet", &message, COMPONENT);
    Ok(true)
}

/// The set that a paused deployment scales: the only one with pods, else the newest.
pub(super) fn active_or_latest(owned: &[Arc<Value>], new: Option<&Arc<Value>>) -> Option<Arc<Value>> {
    let active: Vec<&Arc<Value>> = owned
        .iter()
        .filter(|set| int(set, "/spec/replicas", 1) > 0)
        .collect();
    match active.as_slice() {
        [] => new.or(owned.last()).cloned(),
        [one] => Some(Arc::clone(one)),
        _ => None,
    }
}

/// Whether any pod of these sets is still there and not finished.
pub(super) fn has_running_pods(context: &Context, sets: &[Arc<Value>]) -> bool {
    let Some(first) = sets.first() else { return false };
    let uids: Vec<&str> = sets.iter().map(|set| meta::uid(set)).collect();
    let pods = context.objects.list(PODS, Some(meta::namespace(first))).items;
    pods.iter().any(|pod| {
        !pods::is_finished(pod) && pods::controller_uid(pod).is_some_and(|uid| uids.contains(&uid))
    })
}

pub(super) fn revision(set: &Value) -> i64 {
    meta::annotation(set, REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

pub(super) fn set_annotation(object: &mut Value, name: &str, value: &str) {
    if let Some(annotations) = meta::metadata_mut(object).and_then(|metadata| {
        metadata
            .entry("annotations")
            .or_insert_with(|| json!({}))
            .as_object_mut()
    }) {
        annotations.insert(name.to_owned(), value.into());
    }
}

fn size_annotations(limits: &super::plan::Limits, set: &mut Value) {
    set_annotation(set, DESIRED, &limits.replicas.to_string());
    set_annotation(set, MAXIMUM, &(limits.replicas + limits.max_surge).to_string());
}

/// The deployment's annotations go to its sets, but for those that describe the deployment itself.
fn copy_annotations(deployment: &Value, set: &mut Value) {
    let Some(from) = deployment
        .pointer("/metadata/annotations")
        .and_then(Value::as_object)
    else {
        return;
    };
    for (name, value) in from {
        let own = name == "kubectl.kubernetes.io/last-applied-configuration"
            || name.starts_with("deployment.kubernetes.io/");
        if let (false, Some(text)) = (own, value.as_str()) {
            set_annotation(set, name, text);
        }
    }
}

/// A short name for a template: FNV-1a over its canonical JSON and the collision count, in letters that spell no words.
pub(crate) fn template_hash(deployment: &Value) -> String {
    let mut hash = 0x811c_9dc5_u32;
    let mut feed = |text: &str| {
        for byte in text.bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    };
    canonical(&bare_template(deployment), &mut feed);
    if let Some(count) = deployment
        .pointer("/status/collisionCount")
        .and_then(Value::as_i64)
        .filter(|count| *count > 0)
    {
        feed(&count.to_string());
    }
    const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    hash.to_string()
        .bytes()
        .map(|digit| char::from(SAFE[usize::from(digit) % SAFE.len()]))
        .collect()
}

/// Feeds JSON with sorted keys, so that the hash does not depend on the order in which a manifest was written.
fn canonical(value: &Value, feed: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            feed("{");
            for key in keys {
                feed(key);
                feed(":");
                canonical(&map[key], feed);
                feed(",");
            }
            feed("}");
        }
        Value::Array(items) => {
            feed("[");
            for item in items {
                canonical(item, feed);
                feed(",");
            }
            feed("]");
        }
        other => feed(&other.to_string()),
    }
}
