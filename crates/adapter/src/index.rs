//! Which collectors the HPAs want, as HPAs come, change and go. No I/O: objects in, changes out.
//!
//! A change of one metric leaves the collectors of all others alone. Two HPAs that want the same series collected in
//! different ways cannot both have it, since a reader names only the series: the older HPA keeps it, and the other is
//! told.

mod claim;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use capstan_collectors::{Wanted, annotations};
use capstan_hpa::autoscaling::HorizontalPodAutoscaler;
use capstan_metrics::Owner;

pub use claim::Claim;

/// Namespace and name of an HPA.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// Of an HPA.
    pub fn of(hpa: &HorizontalPodAutoscaler) -> Self {
        Self {
            namespace: hpa.namespace().to_owned(),
            name: hpa.name().to_owned(),
        }
    }
}

/// What to do about a collector.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Start one.
    Start(Owner, Box<Wanted>),
    /// Stop it, and forget its values.
    Stop(Owner),
}

/// One metric of an HPA that wants a collector.
#[derive(Debug)]
pub struct Slot {
    /// What is wanted.
    pub wanted: Wanted,
    /// By which its collector and values are known.
    pub owner: Owner,
    /// Why it has no collector: an annotation that cannot be read.
    pub error: Option<String>,
    /// The HPA that has this series collected in another way.
    pub rival: Option<Key>,
    claim: Claim,
    running: bool,
}

/// An HPA.
#[derive(Debug)]
pub struct Entry {
    /// Its metrics that want a collector, in its order.
    pub slots: Vec<Slot>,
    /// What its annotations say in vain.
    pub remarks: Vec<String>,
    /// For events.
    pub uid: String,
    /// For events.
    pub resource_version: String,
    /// Older ones keep what they have.
    created: String,
}

/// All HPAs. The owner of a slot is never used again.
#[derive(Debug, Default)]
pub struct Index {
    entries: BTreeMap<Key, Entry>,
    /// Who wants a series.
    claims: BTreeMap<Claim, BTreeSet<(Key, Owner)>>,
    last_owner: u64,
    /// Whether the last of several claims wins by chance, as in kube-metrics-adapter, instead of the oldest.
    shared: bool,
}

impl Index {
    /// An index without HPAs. With `compatible`, HPAs that want one series collected in different ways all collect it.
    pub fn new(compatible: bool) -> Self {
        Self {
            shared: compatible,
            ..Self::default()
        }
    }

    /// All HPAs.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter()
    }

    /// One HPA.
    pub fn entry(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// An HPA is new, or changed.
    pub fn set(&mut self, hpa: &HorizontalPodAutoscaler) -> Vec<Change> {
        let key = Key::of(hpa);
        let annotated = hpa
            .metadata
            .get("annotations")
            .and_then(serde_json::Value::as_object);
        let parsed = annotations::parse(
            annotated
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))),
        );
        let mut remarks = parsed.remarks;
        let mut before = self
            .entries
            .remove(&key)
            .map(|entry| entry.slots)
            .unwrap_or_default();
        let (mut slots, mut touched, mut used) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for metric in &hpa.spec.metrics {
            let mut wanted = Wanted {
                namespace: key.namespace.clone(),
                hpa: key.name.clone(),
                target: hpa.spec.scale_target_ref.clone(),
                metric: metric.clone(),
                config: annotations::MetricConfig::default(),
            };
            let Some(kind) = wanted.metric_type() else {
                continue;
            };
            let group = (kind, wanted.name().to_owned());
            if let Some(config) = parsed.configs.get(&group) {
                wanted.config = config.clone();
            }
            let error = parsed.errors.get(&group).cloned();
            used.insert(group);
            if let Some(same) = before
                .iter()
                .position(|slot| slot.wanted == wanted && slot.error == error)
            {
                slots.push(before.swap_remove(same));
                continue;
            }
            self.last_owner += 1;
            let owner = Owner(self.last_owner);
            let claim = Claim::of(&wanted);
            touched.insert(claim.clone());
            if error.is_none() {
                self.claims
                    .entry(claim.clone())
                    .or_default()
                    .insert((key.clone(), owner));
            }
            slots.push(Slot {
                wanted,
                owner,
                error,
                rival: None,
                claim,
                running: false,
            });
        }
        for (kind, name) in parsed.configs.keys().filter(|group| !used.contains(*group)) {
            remarks.push(format!(
                "annotations configure {kind}/{name}, which is none of the HPA's metrics"
            ));
        }
        let mut changes = self.drop_slots(&key, before, &mut touched);
        self.entries.insert(
            key,
            Entry {
                slots,
                remarks,
                uid: hpa.uid().to_owned(),
                resource_version: hpa.resource_version().to_owned(),
                created: hpa
                    .metadata
                    .get("creationTimestamp")
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
            },
        );
        for claim in &touched {
            self.settle(claim, &mut changes);
        }
        changes
    }

    /// An HPA is gone.
    pub fn remove(&mut self, key: &Key) -> Vec<Change> {
        let Some(entry) = self.entries.remove(key) else {
            return Vec::new();
        };
        let mut touched = BTreeSet::new();
        let mut changes = self.drop_slots(key, entry.slots, &mut touched);
        for claim in &touched {
            self.settle(claim, &mut changes);
        }
        changes
    }

    /// These HPAs are all there are.
    pub fn complete(&mut self, listed: &BTreeSet<Key>) -> Vec<Change> {
        let gone: Vec<Key> = self
            .entries
            .keys()
            .filter(|key| !listed.contains(*key))
            .cloned()
            .collect();
        gone.iter().flat_map(|key| self.remove(key)).collect()
    }

    fn drop_slots(&mut self, key: &Key, slots: Vec<Slot>, touched: &mut BTreeSet<Claim>) -> Vec<Change> {
        let mut changes = Vec::new();
        for slot in slots {
            if let Some(claimants) = self.claims.get_mut(&slot.claim) {
                claimants.remove(&(key.clone(), slot.owner));
                if claimants.is_empty() {
                    self.claims.remove(&slot.claim);
                }
            }
            if slot.running {
                changes.push(Change::Stop(slot.owner));
            }
            touched.insert(slot.claim);
        }
        changes
    }

    /// Starts and stops collectors of a series until only those run that agree with the oldest HPA that wants it.
    fn settle(&mut self, claim: &Claim, changes: &mut Vec<Change>) {
        let Some(claimants) = self.claims.get(claim).cloned() else {
            return;
        };
        let oldest = claimants
            .iter()
            .min_by_key(|(key, owner)| {
                let created = self.entries.get(key).map(|entry| entry.created.as_str());
                (created.unwrap_or_default(), key, owner)
            })
            .and_then(|(key, owner)| {
                let slot = self.slot(key, *owner)?;
                Some((key.clone(), claim::way(&slot.wanted)))
            });
        let Some((holder, way)) = oldest else { return };
        for (key, owner) in claimants {
            let shared = self.shared;
            let Some(slot) = self.slot_mut(&key, owner) else {
                continue;
            };
            let agrees = shared || claim::way(&slot.wanted) == way;
            slot.rival = (!agrees).then(|| holder.clone());
            match (agrees, slot.running) {
                (true, false) => changes.push(Change::Start(owner, Box::new(slot.wanted.clone()))),
                (false, true) => changes.push(Change::Stop(owner)),
                _ => {}
            }
            slot.running = agrees;
        }
    }

    fn slot(&self, key: &Key, owner: Owner) -> Option<&Slot> {
        self.entries
            .get(key)?
            .slots
            .iter()
            .find(|slot| slot.owner == owner)
    }

    fn slot_mut(&mut self, key: &Key, owner: Owner) -> Option<&mut Slot> {
        self.entries
            .get_mut(key)?
            .slots
            .iter_mut()
            .find(|slot| slot.owner == owner)
    }
}
