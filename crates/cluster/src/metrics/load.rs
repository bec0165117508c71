//! The load of pods that are not processes, from annotations:
//!
//! | annotation | on | means |
//! |---|---|---|
//! | `capstan.dev/cpu-usage`, `capstan.dev/memory-usage` | a pod, so also a pod template | what the pod uses |
//! | the same | the Deployment, StatefulSet, ReplicaSet or ReplicationController | what each of its pods uses that says nothing itself |
//! | `capstan.dev/cpu-load`, `capstan.dev/memory-load` | the same owners | what all its running pods use together, in equal parts |
//!
//! Values are quantities (`350m`, `64Mi`). What an owner says can be changed without new pods. A pod has a load when a CPU
//! or a memory annotation applies to it; the other one then counts as nothing.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use capstan_kubeapi::builtin::{DEPLOYMENTS, REPLICASETS, REPLICATIONCONTROLLERS, STATEFULSETS};
use capstan_kubeapi::quantity::Quantity;
use capstan_kubeapi::{Resource, meta};
use serde_json::Value;

use super::Usage;
use crate::objects::Objects;

const CPU_USAGE: &str = "capstan.dev/cpu-usage";
const MEMORY_USAGE: &str = "capstan.dev/memory-usage";
const CPU_LOAD: &str = "capstan.dev/cpu-load";
const MEMORY_LOAD: &str = "capstan.dev/memory-load";

/// An owner by namespace, kind and name.
type OwnerKey = (String, &'static str, String);

/// The loads of pods at one time.
pub(super) struct Loads<'a> {
    objects: &'a Objects,
    pods: &'a [Arc<Value>],
    /// Running pods by the owner whose load they share; counted when the first such owner is met.
    sharing: OnceCell<HashMap<OwnerKey, u64>>,
}

impl<'a> Loads<'a> {
    /// `pods` are all that can share a load with those that will be asked about.
    pub(super) fn new(objects: &'a Objects, pods: &'a [Arc<Value>]) -> Self {
        Self {
            objects,
            pods,
            sharing: OnceCell::new(),
        }
    }

    /// How many running pods share an owner's load.
    fn among(&self, key: &OwnerKey) -> u64 {
        let sharing = self.sharing.get_or_init(|| {
            let mut counts = HashMap::new();
            for pod in self.pods.iter().filter(|pod| is_running(pod)) {
                for (key, _) in self.owners(pod) {
                    *counts.entry(key).or_default() += 1;
                }
            }
            counts
        });
        sharing.get(key).copied().unwrap_or(0).max(1)
    }

    /// What a pod as a whole uses; `None` when nothing is said about it.
    pub(super) fn of(&self, pod: &Value) -> Option<Usage> {
        let owners = self.owners(pod);
        let cpu = self.resource(pod, &owners, CPU_USAGE, CPU_LOAD, |q| {
            at_least_zero(q.milli_value()).saturating_mul(1_000_000)
        });
        let memory = self.resource(pod, &owners, MEMORY_USAGE, MEMORY_LOAD, |q| {
            at_least_zero(q.value())
        });
        if cpu.is_none() && memory.is_none() {
            return None;
        }
        Some(Usage {
            nanocores: cpu.unwrap_or(0),
            bytes: memory.unwrap_or(0),
        })
    }

    fn resource(
        &self,
        pod: &Value,
        owners: &[(OwnerKey, Arc<Value>)],
        usage: &str,
        load: &str,
        amount: impl Fn(&Quantity) -> u64,
    ) -> Option<u64> {
        let said = |object: &Value, key: &str| {
            let quantity = Quantity::parse(meta::annotation(object, key)?.trim()).ok()?;
            Some(amount(&quantity))
        };
        said(pod, usage)
            .or_else(|| owners.iter().find_map(|(_, owner)| said(owner, usage)))
            .or_else(|| {
                owners.iter().find_map(|(key, owner)| {
                    let together = said(owner, load)?;
                    Some(together / self.among(key))
                })
            })
    }

    /// The controller of a pod and the controller of that, as far as they are kinds that have pods.
    fn owners(&self, pod: &Value) -> Vec<(OwnerKey, Arc<Value>)> {
        let namespace = meta::namespace(pod);
        let mut found: Vec<(OwnerKey, Arc<Value>)> = Vec::new();
        let mut of = meta::controller(pod).cloned();
        // A Deployment's pods belong to its replica sets: two steps at most.
        while let Some(reference) = of.filter(|_| found.len() < 2) {
            let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or("");
            let Some(resource) = workload(text("kind")) else {
                break;
            };
            let Ok(owner) = self.objects.get(resource, Some(namespace), text("name")) else {
                break;
            };
            of = meta::controller(&owner).cloned();
            let key = (
                namespace.to_owned(),
                resource.0.plural,
                meta::name(&owner).to_owned(),
            );
            found.push((key, owner));
        }
        found
    }
}

fn workload(kind: &str) -> Option<Resource> {
    match kind {
        "Deployment" => Some(DEPLOYMENTS),
        "ReplicaSet" => Some(REPLICASETS),
        "StatefulSet" => Some(STATEFULSETS),
        "ReplicationController" => Some(REPLICATIONCONTROLLERS),
        _ => None,
    }
}

fn is_running(pod: &Value) -> bool {
    pod.pointer("/status/phase").and_then(Value::as_str) == Some("Running") && !meta::is_deleting(pod)
}

/// Nobody uses less than nothing.
fn at_least_zero(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
