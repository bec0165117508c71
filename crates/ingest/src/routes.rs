//! Who gets what.

use std::sync::Arc;

use capstan_model::{Batch, Run};
use parking_lot::RwLock;

/// A database and a retention policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DbRp {
    pub database: String,
    pub retention_policy: String,
}

impl DbRp {
    /// A pair.
    pub fn new(database: impl Into<String>, retention_policy: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            retention_policy: retention_policy.into(),
        }
    }
}

/// Which points somebody wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    /// From any of these; they must match exactly (H-22).
    pub dbrps: Vec<DbRp>,
    /// Only these measurements; `None` is all.
    pub measurements: Option<Vec<String>>,
}

/// Takes batches.
pub trait Sink: Send + Sync {
    /// Takes a batch of one database and retention policy. Must not wait and must not write to the same [`crate::Ingest`]:
    /// it is called with the series of that database locked.
    fn deliver(&self, batch: &Arc<Batch>, database: &Arc<str>, retention_policy: &Arc<str>);
}

/// Names a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(u64);

#[derive(Clone)]
struct Route {
    id: SubscriptionId,
    subscription: Arc<Subscription>,
    sink: Arc<dyn Sink>,
}

/// Subscriptions in the order in which they were made.
#[derive(Default)]
pub(crate) struct Routes {
    list: RwLock<(u64, Arc<[Route]>)>,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = &self.list.read().1;
        f.debug_list()
            .entries(list.iter().map(|route| (route.id, &route.subscription)))
            .finish()
    }
}

impl Routes {
    pub(crate) fn add(&self, subscription: Subscription, sink: Arc<dyn Sink>) -> SubscriptionId {
        let mut list = self.list.write();
        list.0 += 1;
        let id = SubscriptionId(list.0);
        let route = Route {
            id,
            subscription: Arc::new(subscription),
            sink,
        };
        list.1 = list.1.iter().cloned().chain([route]).collect();
        id
    }

    pub(crate) fn remove(&self, id: SubscriptionId) -> bool {
        let mut list = self.list.write();
        let before = list.1.len();
        list.1 = list.1.iter().filter(|route| route.id != id).cloned().collect();
        list.1.len() < before
    }

    pub(crate) fn deliver(&self, batch: &Arc<Batch>, database: &Arc<str>, retention_policy: &Arc<str>) {
        // The list is copied out so that a sink may subscribe or unsubscribe.
        let routes = Arc::clone(&self.list.read().1);
        let from_here =
            |dbrp: &DbRp| *dbrp.database == **database && *dbrp.retention_policy == **retention_policy;
        for route in routes
            .iter()
            .filter(|route| route.subscription.dbrps.iter().any(from_here))
        {
            match &route.subscription.measurements {
                None => route.sink.deliver(batch, database, retention_policy),
                Some(names) => {
                    if let Some(part) = only(batch, names) {
                        route.sink.deliver(&part, database, retention_policy);
                    }
                }
            }
        }
    }
}

/// The part of a batch that is of these measurements; the batch itself if that is all of it.
fn only(batch: &Arc<Batch>, names: &[String]) -> Option<Arc<Batch>> {
    let wanted = |block: &Arc<capstan_model::Block>| names.iter().any(|name| **name == *block.name);
    let kept = batch.blocks.iter().filter(|block| wanted(block)).count();
    if kept == batch.blocks.len() {
        return (kept > 0).then(|| Arc::clone(batch));
    }
    if kept == 0 {
        return None;
    }
    let mut part = Batch::default();
    let mut position = vec![None; batch.blocks.len()];
    for (at, block) in batch.blocks.iter().enumerate().filter(|(_, block)| wanted(block)) {
        position[at] = Some(part.blocks.len() as u32);
        part.blocks.push(Arc::clone(block));
    }
    if kept > 1 {
        let moved = |run: &Run| {
            Some(Run {
                block: position[run.block as usize]?,
                ..*run
            })
        };
        part.runs = batch.runs.iter().filter_map(moved).collect();
    }
    Some(Arc::new(part))
}
