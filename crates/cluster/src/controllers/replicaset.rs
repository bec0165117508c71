//! ReplicaSets and ReplicationControllers: as many pods as asked for (upstream's `replica_set.go`).

use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::builtin::{PODS, REPLICASETS, REPLICATIONCONTROLLERS};
use capstan_kubeapi::{Resource, Status, meta};
use serde_json::{Map, Value, json};

use super::Context;
use super::driver::{Controller, Key};
use super::labels;
use super::pods::{self, int};
use crate::objects::{DeleteOptions, Subresource};
use crate::watch::Event;

/// Pods created or deleted in one pass, as upstream's `burstReplicas`.
const BURST: usize = 500;

/// One of the two kinds that mean "this many pods".
#[derive(Debug)]
pub(crate) struct Replicas {
    resource: Resource,
    /// ReplicationControllers select with a plain map.
    plain_selector: bool,
    component: &'static str,
}

impl Replicas {
    pub(crate) fn replica_sets() -> Self {
        Self {
            resource: REPLICASETS,
            plain_selector: false,
            component: "replicaset-controller",
        }
    }

    pub(crate) fn replication_controllers() -> Self {
        Self {
            resource: REPLICATIONCONTROLLERS,
            plain_selector: true,
            component: "replication-controller",
        }
    }

    fn selects(&self, set: &Value, labels: Option<&Map<String, Value>>) -> bool {
        let selector = set.pointer("/spec/selector");
        if self.plain_selector {
            labels::map_selects(selector, labels)
        } else {
            labels::selects(selector, labels)
        }
    }

    fn is_ours(&self, owner: &Value) -> bool {
        owner.get("kind").and_then(Value::as_str) == Some(self.resource.kind)
            && owner.get("apiVersion").and_then(Value::as_str) == Some(&self.resource.api_version())
    }

    /// The active pods of the set, after adopting orphans and releasing those that no longer match, and how many
    /// more are terminating.
    fn claim(&self, context: &Context, set: &Value) -> Result<(Vec<Arc<Value>>, usize), Status> {
        let (namespace, uid) = (meta::namespace(set), meta::uid(set));
        let mut owned = Vec::new();
        let mut terminating = 0;
        for pod in context.objects.list(PODS, Some(namespace)).items {
            if !pods::is_active(&pod) {
                let leaving = !pods::is_finished(&pod) && pods::controller_uid(&pod) == Some(uid);
                terminating += usize::from(leaving);
                continue;
            }
            let matches = self.selects(set, meta::labels(&pod));
            match pods::controller_uid(&pod) {
                Some(owner) if owner == uid => {
                    if matches {
                        owned.push(pod);
                    } else {
                        release(context, &pod, uid)?;
                    }
                }
                None if matches && !meta::is_deleting(set) => {
                    let owner = pods::owner_reference(set, &self.resource.api_version(), self.resource.kind);
                    owned.push(adopt(context, &pod, &owner)?);
                }
                _ => {}
            }
        }
        Ok((owned, terminating))
    }

    fn create(&self, context: &Context, set: &Value, count: usize) -> Result<(), Status> {
        let Some(template) = set.pointer("/spec/template") else {
            return Ok(());
        };
        let owner = pods::owner_reference(set, &self.resource.api_version(), self.resource.kind);
        let namespace = meta::namespace(set);
        for _ in 0..count {
            let mut pod = pods::from_template(template, namespace, owner.clone());
            meta::set(&mut pod, "generateName", format!("{}-", meta::name(set)));
            match context.objects.create(PODS, Some(namespace), pod) {
                Ok(made) => {
                    let message = format!("Created pod: {}", meta::name(&made));
                    context
                        .objects
                        .record_event(set, "Normal", "SuccessfulCreate", &message, self.component);
                }
                Err(status) => {
                    // A namespace on its way out refuses new content; that is no fault of the set.
                    if !is_terminating(&status) {
                        let message = format!("Error creating: {status}");
                        context.objects.record_event(
                            set,
                            "Warning",
                            "FailedCreate",
                            &message,
                            self.component,
                        );
                    }
                    return Err(status);
                }
            }
        }
        Ok(())
    }

    fn delete(&self, context: &Context, set: &Value, victims: &[Arc<Value>]) -> Result<(), Status> {
        for pod in victims {
            match context.objects.delete(
                PODS,
                Some(meta::namespace(pod)),
                meta::name(pod),
                &DeleteOptions::default(),
            ) {
                Ok(_) => {
                    let message = format!("Deleted pod: {}", meta::name(pod));
                    context
                        .objects
                        .record_event(set, "Normal", "SuccessfulDelete", &message, self.component);
                }
                Err(status) if status.is_not_found() => {}
                Err(status) => return Err(status),
            }
        }
        Ok(())
    }

    /// The status of the set as its pods are now, and how long until one more of them counts as available.
    fn status(
        context: &Context,
        set: &Value,
        owned: &[Arc<Value>],
        failure: Option<&Status>,
    ) -> (Value, Option<Duration>) {
        let wanted = set
            .pointer("/spec/template/metadata/labels")
            .and_then(Value::as_object);
        let minimum = int(set, "/spec/minReadySeconds", 0);
        let now = context.clock.now();
        let (mut labelled, mut ready, mut available) = (0, 0, 0);
        let mut soon: Option<Duration> = None;
        for pod in owned {
            let labels = meta::labels(pod);
            if wanted.is_none_or(|wanted| {
                wanted
                    .iter()
                    .all(|(k, v)| labels.and_then(|l| l.get(k)) == Some(v))
            }) {
                labelled += 1;
            }
            match pods::available_in(pod, minimum, now) {
                None => {}
                Some(left) => {
                    ready += 1;
                    if left.is_zero() {
                        available += 1;
                    } else {
                        soon = Some(soon.map_or(left, |soon| soon.min(left)));
                    }
                }
            }
        }
        let mut status = set
            .get("status")
            .filter(|s| s.is_object())
            .cloned()
            .unwrap_or_else(|| json!({}));
        if let Some(fields) = status.as_object_mut() {
            fields.insert("replicas".into(), owned.len().into());
            // Zero is left out, as omitempty does.
            for (name, count) in [
                ("fullyLabeledReplicas", labelled),
                ("readyReplicas", ready),
                ("availableReplicas", available),
            ] {
                if count == 0 {
                    fields.shift_remove(name);
                } else {
                    fields.insert(name.into(), count.into());
                }
            }
            fields.insert("observedGeneration".into(), meta::generation(set).into());
            if failure.is_none()
                && let Some(conditions) = fields.get_mut("conditions").and_then(Value::as_array_mut)
            {
                conditions.retain(|condition| {
                    condition.get("type").and_then(Value::as_str) != Some("ReplicaFailure")
                });
                if conditions.is_empty() {
                    fields.shift_remove("conditions");
                }
            }
        }
        if let Some(failure) = failure {
            let condition = json!({
                "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": failure.to_string(),
            });
            pods::set_condition(&mut status, condition, &context.timestamp());
        }
        (status, soon)
    }
}

impl Controller for Replicas {
    fn name(&self) -> &'static str {
        self.component
    }

    fn watches(&self) -> Vec<Resource> {
        vec![self.resource, PODS]
    }

    fn concerns(&self, context: &Context, resource: Resource, event: &Event) -> Vec<Key> {
        if resource == self.resource {
            return vec![Key::of(&event.object)];
        }
        let namespace = meta::namespace(&event.object);
        let mut keys = Vec::new();
        for pod in std::iter::once(&event.object).chain(event.previous.as_ref()) {
            match meta::controller(pod) {
                Some(owner) => {
                    if self.is_ours(owner)
                        && let Some(name) = owner.get("name").and_then(Value::as_str)
                    {
                        keys.push(Key::new(namespace, name));
                    }
                }
                // An orphan concerns whoever may adopt it.
                None => {
                    for set in context.objects.list(self.resource, Some(namespace)).items {
                        if self.selects(&set, meta::labels(pod)) {
                            keys.push(Key::of(&set));
                        }
                    }
                }
            }
        }
        keys.sort();
        keys.dedup();
        keys
    }

    fn reconcile(&self, context: &Context, key: &Key) -> Result<Option<Duration>, Status> {
        let set = match context.objects.get(self.resource, key.scope(), &key.name) {
            Ok(set) => set,
            Err(status) if status.is_not_found() => return Ok(None),
            Err(status) => return Err(status),
        };
        let (mut owned, mut terminating) = self.claim(context, &set)?;
        let wanted = usize::try_from(int(&set, "/spec/replicas", 1)).unwrap_or(0);
        let mut again = None;
        let mut failure = None;
        if !meta::is_deleting(&set) {
            let present = owned.len();
            if present < wanted {
                let missing = wanted - present;
                failure = self.create(context, &set, missing.min(BURST)).err();
                if missing > BURST {
                    again = Some(Duration::ZERO);
                }
                (owned, terminating) = self.claim(context, &set)?;
            } else if present > wanted {
                let surplus = present - wanted;
                owned.sort_by(|a, b| pods::deletion_order(a, b));
                self.delete(context, &set, &owned[..surplus.min(BURST)])?;
                if surplus > BURST {
                    again = Some(Duration::ZERO);
                }
                (owned, terminating) = self.claim(context, &set)?;
            }
        }
        let (mut status, soon) = Self::status(context, &set, &owned, failure.as_ref());
        if self.resource == REPLICASETS {
            status["terminatingReplicas"] = terminating.into();
        }
        if set.get("status") != Some(&status) {
            let written = context.objects.modify(
                self.resource,
                key.scope(),
                &key.name,
                Subresource::Status,
                |set| {
                    set["status"] = status.clone();
                },
            );
            match written {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        match failure {
            Some(status) if !is_terminating(&status) => Err(status),
            _ => Ok(again.or(soon)),
        }
    }
}

/// Whether a create was refused because the namespace is being deleted.
pub(crate) fn is_terminating(status: &Status) -> bool {
    status.code == 403 && status.message.contains("being terminated")
}

/// Makes `owner` (a reference) the controller of a pod that has none.
pub(crate) fn adopt(context: &Context, pod: &Arc<Value>, owner: &Value) -> Result<Arc<Value>, Status> {
    let namespace = meta::namespace(pod);
    context
        .objects
        .modify(PODS, Some(namespace), meta::name(pod), Subresource::None, |pod| {
            if meta::controller(pod).is_some() {
                return;
            }
            if let Some(metadata) = meta::metadata_mut(pod)
                && let Some(list) = metadata
                    .entry("ownerReferences")
                    .or_insert_with(|| json!([]))
                    .as_array_mut()
            {
                list.push(owner.clone());
            }
        })
}

/// Removes the reference to the owner with this uid.
pub(crate) fn release(context: &Context, pod: &Value, uid: &str) -> Result<(), Status> {
    let namespace = meta::namespace(pod);
    let released = context
        .objects
        .modify(PODS, Some(namespace), meta::name(pod), Subresource::None, |pod| {
            if let Some(metadata) = meta::metadata_mut(pod)
                && let Some(list) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut)
            {
                list.retain(|owner| owner.get("uid").and_then(Value::as_str) != Some(uid));
                if list.is_empty() {
                    metadata.shift_remove("ownerReferences");
                }
            }
        });
    match released {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}
