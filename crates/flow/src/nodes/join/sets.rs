//! What waits in one group to be joined, by time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use capstan_model::{Block, GroupId, Value};

use crate::message::PointBatch;

/// A point or a batch of one parent.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) group: GroupId,
    /// Its own time, not rounded.
    pub(super) time: i64,
    /// Measurement.
    pub(super) name: Arc<str>,
    pub(super) data: Data,
}

#[derive(Debug, Clone)]
pub(super) enum Data {
    /// Fields of a point, sorted by name.
    Point(Arc<[(Arc<str>, Value)]>),
    Batch(Arc<PointBatch>),
}

impl Arrived {
    /// A row of a stream.
    pub(super) fn point(block: &Block, row: usize, group: GroupId) -> Self {
        let fields = block
            .columns
            .iter()
            .filter_map(|column| Some((Arc::clone(&column.name), column.get(row)?.to_value())));
        Self {
            group,
            time: block.time[row],
            name: Arc::clone(&block.name),
            data: Data::Point(fields.collect()),
        }
    }

    /// A batch, whose time is its end.
    pub(super) fn batch(batch: Arc<PointBatch>) -> Self {
        Self {
            group: batch.group,
            time: batch.tmax,
            name: Arc::clone(&batch.name),
            data: Data::Batch(batch),
        }
    }

    /// How many points it holds on to.
    pub(super) fn weight(&self) -> usize {
        match &self.data {
            Data::Point(_) => 1,
            Data::Batch(batch) => batch.rows.len().max(1),
        }
    }
}

/// What the parents gave for one time, at most one thing each.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) time: i64,
    /// By parent.
    pub(super) values: Vec<Option<Arrived>>,
}

impl Set {
    fn complete(&self) -> bool {
        self.values.iter().all(Option::is_some)
    }

    /// What the first parent that is there gave.
    pub(super) fn first(&self) -> Option<&Arrived> {
        self.values.iter().flatten().next()
    }

    pub(super) fn weight(&self) -> usize {
        self.values.iter().flatten().map(Arrived::weight).sum()
    }
}

/// The sets of one group.
#[derive(Debug)]
pub(super) struct JoinGroup {
    /// By rounded time; several of one time pair in the order of arrival (N-86).
    pub(super) sets: BTreeMap<i64, VecDeque<Set>>,
    /// By parent: the time of what came last.
    pub(super) heads: Vec<Option<i64>>,
}

impl JoinGroup {
    pub(super) fn new(parents: usize) -> Self {
        Self {
            sets: BTreeMap::new(),
            heads: vec![None; parents],
        }
    }

    /// Puts something into its set. Sets that are complete, or that nothing can complete any more, go to `ready`.
    pub(super) fn collect(&mut self, parent: usize, time: i64, arrived: Arrived, ready: &mut Vec<Set>) {
        let parents = self.heads.len();
        let sets = self.sets.entry(time).or_default();
        let at = sets
            .iter()
            .position(|set| set.values[parent].is_none())
            .unwrap_or_else(|| {
                sets.push_back(Set {
                    time,
                    values: vec![None; parents],
                });
                sets.len() - 1
            });
        sets[at].values[parent] = Some(arrived);
        self.advance(parent, time, ready);
    }

    /// A parent will give nothing older than `time`.
    pub(super) fn advance(&mut self, parent: usize, time: i64, ready: &mut Vec<Set>) {
        self.heads[parent] = Some(time);
        // Complete sets of the oldest time go; as long as every parent is past it, so do the others (N-83).
        while let Some((&oldest, _)) = self.sets.first_key_value() {
            if !self.all_past(oldest) {
                self.release(oldest, true, ready);
                break;
            }
            self.release(oldest, false, ready);
        }
    }

    fn all_past(&self, time: i64) -> bool {
        self.heads.iter().all(|head| head.is_some_and(|head| head > time))
    }

    fn release(&mut self, time: i64, complete_only: bool, ready: &mut Vec<Set>) {
        let Some(sets) = self.sets.get_mut(&time) else {
            return;
        };
        while sets.front().is_some_and(|set| !complete_only || set.complete()) {
            ready.extend(sets.pop_front());
        }
        if sets.is_empty() {
            self.sets.remove(&time);
        }
    }

    /// Gives up waiting for the oldest time; false if there is none.
    pub(super) fn release_oldest(&mut self, ready: &mut Vec<Set>) -> bool {
        let Some((&oldest, _)) = self.sets.first_key_value() else {
            return false;
        };
        self.release(oldest, false, ready);
        true
    }

    pub(super) fn weight(&self) -> usize {
        self.sets.values().flatten().map(Set::weight).sum()
    }
}
