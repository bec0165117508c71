//! The garbage collector: when an owner goes, what it owned goes too, stays as orphan, or has to go first (upstream's
//! `pkg/controller/garbagecollector`). An index from owner to dependents is kept from watches, so that the end of
//! one object never costs a look at all others.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::builtin::EVENTS;
use capstan_kubeapi::resource::{find_kind_in, storage_of};
use capstan_kubeapi::{Resource, Status, meta};
use capstan_runtime::{sleep, spawn};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Context;
use super::driver::{Key, follow};
use crate::objects::{DeleteOptions, Propagation, Subresource};
use crate::storage::EventKind;
use crate::watch::Event;

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";
const RETRY: Duration = Duration::from_millis(100);
/// Work that keeps failing is given up after this many tries; the next change of the object brings it back.
const ATTEMPTS: u32 = 50;

/// An object: its kind's place in [`Graph::kinds`], and its key. Ordered, so that work is done in a repeatable order.
type Reference = (usize, Key);

#[derive(Debug, Default)]
struct Graph {
    /// The tables that are followed.
    kinds: Vec<Resource>,
    /// Everything that owners can be.
    served: Arc<Vec<Resource>>,
    /// The uids of the owners of each object that has any.
    owners: HashMap<Reference, Vec<String>>,
    /// The dependents of each owner, by its uid.
    dependents: HashMap<String, BTreeSet<Reference>>,
    /// Objects that wait for the collector: how often they failed.
    work: BTreeMap<Reference, u32>,
    /// Uids that were deleted; their dependents are looked at.
    gone: Vec<String>,
    /// Owners known not to exist, so that a thousand orphans ask once.
    absent: HashSet<String>,
}

/// Starts the collector. When kinds come or go it begins anew: everything that has owners is looked at again.
pub(crate) fn start(context: &Context) -> JoinHandle<()> {
    let context = context.clone();
    spawn("garbage-collector", async move {
        loop {
            let served = context.objects.kinds();
            let mut changes = served.changes();
            let kinds: Vec<Resource> = served.stored().into_iter().filter(|r| *r != EVENTS).collect();
            let graph = Arc::new(Mutex::new(Graph {
                kinds: kinds.clone(),
                served: served.all(),
                ..Graph::default()
            }));
            let wake = Arc::new(Notify::new());
            let mut followers = Vec::new();
            for (index, &resource) in kinds.iter().enumerate() {
                let (context, graph, wake) = (context.clone(), Arc::clone(&graph), Arc::clone(&wake));
                followers.push(spawn("garbage watch", async move {
                    follow(&context, resource, |event| {
                        if graph.lock().observe(index, event) {
                            wake.notify_one();
                        }
                    })
                    .await;
                }));
            }
            let again = tokio::select! {
                () = collect(&context, &kinds, &graph, &wake) => false,
                changed = changes.changed() => changed.is_ok(),
            };
            for follower in followers {
                follower.abort();
            }
            if !again {
                return;
            }
        }
    })
}

async fn collect(context: &Context, kinds: &[Resource], graph: &Mutex<Graph>, wake: &Notify) {
    loop {
        tokio::select! {
            () = context.shutdown.raised() => return,
            () = wake.notified() => {}
        }
        loop {
            let batch: Vec<(Reference, u32)> = {
                let mut graph = graph.lock();
                graph.spread();
                std::mem::take(&mut graph.work).into_iter().collect()
            };
            if batch.is_empty() {
                break;
            }
            let mut failed = false;
            for (reference, attempts) in batch {
                if let Err(error) = attend(context, kinds, graph, &reference) {
                    tracing::debug!(%error, name = reference.1.name, "collecting failed");
                    if attempts < ATTEMPTS {
                        failed = true;
                        graph.lock().work.insert(reference, attempts + 1);
                    }
                }
                tokio::task::yield_now().await;
            }
            if failed {
                tokio::select! {
                    () = context.shutdown.raised() => return,
                    () = sleep(RETRY) => {}
                }
            }
        }
    }
}

impl Graph {
    /// Learns from a change; whether there is work now.
    fn observe(&mut self, kind: usize, event: &Event) -> bool {
        let reference = (kind, Key::of(&event.object));
        let uid = meta::uid(&event.object);
        if event.kind == EventKind::Deleted {
            self.set_owners(&reference, Vec::new());
            self.work.remove(&reference);
            if self.dependents.contains_key(uid) {
                self.gone.push(uid.to_owned());
            }
            // An owner that waits for its dependents may be waiting for this one.
            for owner in meta::owner_references(&event.object) {
                self.wake_owner(owner, &reference.1.namespace);
            }
            return true;
        }
        let owners: Vec<String> = meta::owner_references(&event.object)
            .iter()
            .filter_map(|owner| owner.get("uid").and_then(Value::as_str))
            .map(str::to_owned)
            .collect();
        self.absent.remove(uid);
        // Two events of one change are no news; new references are.
        let known = self.owners.get(&reference).map_or(&[][..], Vec::as_slice);
        let mut work = false;
        if known != owners.as_slice() {
            work = !owners.is_empty();
            self.set_owners(&reference, owners);
        }
        if meta::is_deleting(&event.object) {
            let waiting = meta::finalizers(&event.object)
                .iter()
                .any(|f| *f == FOREGROUND || *f == ORPHAN);
            work |= waiting;
        }
        if work {
            self.work.entry(reference).or_insert(0);
        }
        work
    }

    fn wake_owner(&mut self, owner: &Value, namespace: &str) {
        let text = |field: &str| owner.get(field).and_then(Value::as_str).unwrap_or("");
        let found = find_kind_in(&self.served, text("apiVersion"), text("kind"));
        let Some(resource) = found.map(storage_of) else {
            return;
        };
        let Some(index) = self.kinds.iter().position(|kind| *kind == resource) else {
            return;
        };
        let namespace = if resource.namespaced { namespace } else { "" };
        self.work
            .entry((index, Key::new(namespace, text("name"))))
            .or_insert(0);
    }

    fn set_owners(&mut self, reference: &Reference, owners: Vec<String>) {
        if let Some(before) = self.owners.remove(reference) {
            for uid in before {
                if let Some(set) = self.dependents.get_mut(&uid) {
                    set.remove(reference);
                    if set.is_empty() {
                        self.dependents.remove(&uid);
                    }
                }
            }
        }
        if !owners.is_empty() {
            for uid in &owners {
                self.dependents
                    .entry(uid.clone())
                    .or_default()
                    .insert(reference.clone());
            }
            self.owners.insert(reference.clone(), owners);
        }
    }

    /// Turns deleted owners into work on their dependents.
    fn spread(&mut self) {
        for uid in std::mem::take(&mut self.gone) {
            for reference in self.dependents.get(&uid).into_iter().flatten() {
                self.work.entry(reference.clone()).or_insert(0);
            }
            // Bounded: only owners that had dependents get here, and the set is emptied when it grows.
            if self.absent.len() > 4096 {
                self.absent.clear();
            }
            self.absent.insert(uid);
        }
    }

    fn dependents_of(&self, uid: &str) -> Vec<Reference> {
        self.dependents
            .get(uid)
            .map(|set| set.iter().cloned().collect())
            .unwrap_or_default()
    }
}

/// Does what one object needs.
fn attend(
    context: &Context,
    kinds: &[Resource],
    graph: &Mutex<Graph>,
    reference: &Reference,
) -> Result<(), Status> {
    let (resource, key) = (kinds[reference.0], &reference.1);
    let object = match context.objects.get(resource, key.scope(), &key.name) {
        Ok(object) => object,
        Err(status) if status.is_not_found() => return Ok(()),
        Err(status) => return Err(status),
    };
    let finalizers = meta::finalizers(&object);
    if meta::is_deleting(&object) {
        if finalizers.contains(&ORPHAN) {
            for (kind, dependent) in graph.lock().dependents_of(meta::uid(&object)) {
                release(context, kinds[kind], &dependent, meta::uid(&object))?;
            }
            return remove_finalizer(context, resource, key, ORPHAN);
        }
        if finalizers.contains(&FOREGROUND) {
            return foreground(context, kinds, graph, resource, key, &object);
        }
        return Ok(());
    }
    orphaned(context, graph, resource, key, &object)
}

/// Deletes the dependents of an owner in foreground deletion; lets it go when none blocks it any more.
fn foreground(
    context: &Context,
    kinds: &[Resource],
    graph: &Mutex<Graph>,
    resource: Resource,
    key: &Key,
    owner: &Value,
) -> Result<(), Status> {
    let mut blocked = false;
    let dependents = graph.lock().dependents_of(meta::uid(owner));
    for (kind, dependent) in dependents {
        let Ok(object) = context
            .objects
            .get(kinds[kind], dependent.scope(), &dependent.name)
        else {
            continue;
        };
        let Some(link) = meta::owner_references(&object)
            .iter()
            .find(|link| link.get("uid").and_then(Value::as_str) == Some(meta::uid(owner)))
        else {
            continue;
        };
        blocked |= link.get("blockOwnerDeletion").and_then(Value::as_bool) == Some(true);
        if meta::is_deleting(&object) {
            continue;
        }
        if meta::owner_references(&object).len() > 1 {
            // Another owner may hold it; ours only lets go.
            release(context, kinds[kind], &dependent, meta::uid(owner))?;
            continue;
        }
        let options = DeleteOptions {
            propagation: Some(Propagation::Foreground),
            uid: Some(meta::uid(&object).to_owned()),
            ..DeleteOptions::default()
        };
        match context
            .objects
            .delete(kinds[kind], dependent.scope(), &dependent.name, &options)
        {
            Err(status) if !status.is_not_found() && !status.is_conflict() => return Err(status),
            _ => {}
        }
    }
    if blocked {
        Ok(())
    } else {
        remove_finalizer(context, resource, key, FOREGROUND)
    }
}

/// Deletes an object whose owners are all gone; drops references to those that are gone when others remain.
fn orphaned(
    context: &Context,
    graph: &Mutex<Graph>,
    resource: Resource,
    key: &Key,
    object: &Value,
) -> Result<(), Status> {
    let links = meta::owner_references(object);
    if links.is_empty() {
        return Ok(());
    }
    let mut dangling = Vec::new();
    for link in links {
        let text = |field: &str| link.get(field).and_then(Value::as_str).unwrap_or("");
        let uid = text("uid");
        if graph.lock().absent.contains(uid) {
            dangling.push(uid);
            continue;
        }
        // A kind we do not know may well exist elsewhere; never delete on a guess.
        let Some(kind) = context
            .objects
            .kinds()
            .find_kind(text("apiVersion"), text("kind"))
        else {
            return Ok(());
        };
        let namespace = if kind.namespaced { key.scope() } else { None };
        match context.objects.get(kind, namespace, text("name")) {
            Ok(owner) if meta::uid(&owner) == uid => {}
            Ok(_) => dangling.push(uid),
            Err(status) if status.is_not_found() => dangling.push(uid),
            Err(status) => return Err(status),
        }
    }
    if dangling.is_empty() {
        return Ok(());
    }
    if dangling.len() < links.len() {
        for uid in dangling {
            release(context, resource, key, uid)?;
        }
        return Ok(());
    }
    let finalizers = meta::finalizers(object);
    let propagation = if finalizers.contains(&ORPHAN) {
        Propagation::Orphan
    } else if finalizers.contains(&FOREGROUND) {
        Propagation::Foreground
    } else {
        Propagation::Background
    };
    let options = DeleteOptions {
        propagation: Some(propagation),
        uid: Some(meta::uid(object).to_owned()),
        ..DeleteOptions::default()
    };
    match context.objects.delete(resource, key.scope(), &key.name, &options) {
        Err(status) if !status.is_not_found() && !status.is_conflict() => Err(status),
        _ => Ok(()),
    }
}

fn release(context: &Context, resource: Resource, key: &Key, uid: &str) -> Result<(), Status> {
    let released = context
        .objects
        .modify(resource, key.scope(), &key.name, Subresource::None, |object| {
            if let Some(metadata) = meta::metadata_mut(object)
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

fn remove_finalizer(context: &Context, resource: Resource, key: &Key, name: &str) -> Result<(), Status> {
    let removed = context
        .objects
        .modify(resource, key.scope(), &key.name, Subresource::None, |object| {
            if let Some(metadata) = meta::metadata_mut(object)
                && let Some(list) = metadata.get_mut("finalizers").and_then(Value::as_array_mut)
            {
                list.retain(|finalizer| finalizer.as_str() != Some(name));
                if list.is_empty() {
                    metadata.shift_remove("finalizers");
                }
            }
        });
    match removed {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}
