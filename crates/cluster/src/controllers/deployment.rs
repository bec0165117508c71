//! Deployments: ReplicaSets by pod template, and the rollout from one to the next (upstream's `pkg/controller/deployment`).

mod plan;
mod sets;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::builtin::{DEPLOYMENTS, PODS, REPLICASETS};
use capstan_kubeapi::{Resource, Status, meta};
use serde_json::Value;

use super::driver::{Controller, Key};
use super::pods::{self, int};
use super::{Context, labels};
use crate::objects::{DeleteOptions, Subresource};
use crate::watch::Event;
use plan::SetView;
pub(crate) use sets::template_hash;

const COMPONENT: &str = "deployment-controller";

/// The controller of `deployments.apps`.
#[derive(Debug)]
pub(crate) struct Deployments;

impl Controller for Deployments {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> Vec<Resource> {
        vec![DEPLOYMENTS, REPLICASETS, PODS]
    }

    fn concerns(&self, context: &Context, resource: Resource, event: &Event) -> Vec<Key> {
        if resource == DEPLOYMENTS {
            return vec![Key::of(&event.object)];
        }
        let namespace = meta::namespace(&event.object);
        if resource == PODS {
            // Only Recreate waits for pods, and only for their end.
            let ended = event.kind == crate::storage::EventKind::Deleted || pods::is_finished(&event.object);
            if !ended {
                return Vec::new();
            }
            let owner = owner_name(&event.object, "ReplicaSet");
            let set = owner.and_then(|name| context.objects.get(REPLICASETS, Some(namespace), name).ok());
            return set
                .iter()
                .filter_map(|set| owner_name(set, "Deployment"))
                .map(|n| Key::new(namespace, n))
                .collect();
        }
        match owner_name(&event.object, "Deployment") {
            Some(name) => vec![Key::new(namespace, name)],
            None if meta::controller(&event.object).is_some() => Vec::new(),
            None => context
                .objects
                .list(DEPLOYMENTS, Some(namespace))
                .items
                .iter()
                .filter(|d| labels::selects(d.pointer("/spec/selector"), meta::labels(&event.object)))
                .map(|d| Key::of(d))
                .collect(),
        }
    }

    fn reconcile(&self, context: &Context, key: &Key) -> Result<Option<Duration>, Status> {
        let deployment = match context.objects.get(DEPLOYMENTS, key.scope(), &key.name) {
            Ok(deployment) => deployment,
            Err(status) if status.is_not_found() => return Ok(None),
            Err(status) => return Err(status),
        };
        let owned = sets::claim(context, &deployment)?;
        if meta::is_deleting(&deployment) {
            let new = sets::find_new(&deployment, &owned).cloned();
            return status::write(context, &deployment, &owned, new.as_ref());
        }
        let paused = deployment.pointer("/spec/paused").and_then(Value::as_bool) == Some(true);
        let recreate = deployment.pointer("/spec/strategy/type").and_then(Value::as_str) == Some("Recreate");
        let old = |owned: &[Arc<Value>], new: Option<&Arc<Value>>| -> Vec<Arc<Value>> {
            owned
                .iter()
                .filter(|set| new.is_none_or(|new| meta::uid(new) != meta::uid(set)))
                .cloned()
                .collect()
        };
        if paused {
            // A paused rollout still scales.
            if let Some(active) = sets::active_or_latest(&owned, sets::find_new(&deployment, &owned)) {
                sets::scale(
                    context,
                    &deployment,
                    &active,
                    int(&deployment, "/spec/replicas", 1),
                )?;
            }
        } else if recreate {
            let present = sets::find_new(&deployment, &owned).cloned();
            let mut scaled = false;
            for set in old(&owned, present.as_ref()) {
                scaled |= sets::scale(context, &deployment, &set, 0)?;
            }
            if !scaled && !sets::has_running_pods(context, &old(&owned, present.as_ref())) {
                let new = sets::ensure_new(context, &deployment, &owned)?;
                sets::scale(context, &deployment, &new, int(&deployment, "/spec/replicas", 1))?;
            }
        } else {
            let new = sets::ensure_new(context, &deployment, &owned)?;
            let olds = old(&owned, Some(&new));
            let old_views: Vec<SetView> = olds.iter().map(|set| SetView::of(set)).collect();
            let steps = plan::rolling(&plan::Limits::of(&deployment), &SetView::of(&new), &old_views);
            for (index, replicas) in steps.old {
                sets::scale(context, &deployment, &olds[index], replicas)?;
            }
            sets::scale(context, &deployment, &new, steps.new)?;
        }
        let owned = sets::claim(context, &deployment)?;
        let new = sets::find_new(&deployment, &owned).cloned();
        if !paused && status::is_complete(&deployment, &owned, new.as_ref()) {
            clean_up(context, &deployment, &old(&owned, new.as_ref()))?;
        }
        // Scaling a set does not change its status yet; the sets' own changes bring us back here.
        status::write(context, &deployment, &owned, new.as_ref())
    }
}

/// Deletes empty old sets beyond `spec.revisionHistoryLimit`, oldest revision first.
fn clean_up(context: &Context, deployment: &Value, old: &[Arc<Value>]) -> Result<(), Status> {
    let limit = usize::try_from(int(deployment, "/spec/revisionHistoryLimit", 10)).unwrap_or(usize::MAX);
    let mut candidates: Vec<&Arc<Value>> = old.iter().filter(|set| !meta::is_deleting(set)).collect();
    if candidates.len() <= limit {
        return Ok(());
    }
    candidates.sort_by_key(|set| sets::revision(set));
    let surplus = candidates.len() - limit;
    for set in &candidates[..surplus] {
        let busy = int(set, "/status/replicas", 0) != 0
            || int(set, "/spec/replicas", 1) != 0
            || meta::generation(set) > int(set, "/status/observedGeneration", 0);
        if busy {
            continue;
        }
        match context.objects.delete(
            REPLICASETS,
            Some(meta::namespace(set)),
            meta::name(set),
            &DeleteOptions::default(),
        ) {
            Err(status) if !status.is_not_found() => return Err(status),
            _ => {}
        }
    }
    Ok(())
}

fn owner_name<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    let owner = meta::controller(object)?;
    if owner.get("kind").and_then(Value::as_str) != Some(kind) {
        return None;
    }
    owner.get("name").and_then(Value::as_str)
}

/// Writes an annotation of the deployment if it differs.
fn annotate(context: &Context, deployment: &Value, name: &str, value: &str) -> Result<(), Status> {
    if meta::annotation(deployment, name) == Some(value) {
        return Ok(());
    }
    let namespace = meta::namespace(deployment);
    context.objects.modify(
        DEPLOYMENTS,
        Some(namespace),
        meta::name(deployment),
        Subresource::None,
        |deployment| {
            sets::set_annotation(deployment, name, value);
        },
    )?;
    Ok(())
}
