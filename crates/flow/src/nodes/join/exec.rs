use std::sync::Arc;

use capstan_model::GroupId;

use super::matching::Matching;
use super::merge::Merge;
use super::sets::{Arrived, JoinGroup, Set};
use super::stored::Stored;
use crate::go_time;
use crate::group_state::PerGroup;
use crate::message::Message;
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::{EdgeType, NodeConfig};
use crate::rows::OutputRows;
use crate::script::Value;

/// Points that may wait for a silent parent; beyond it the oldest of their group go without that parent (N-83).
const MAX_HELD: usize = 1_000_000;

/// Joins parents by group and time (N-80).
#[derive(Debug)]
pub(super) struct Join {
    parents: usize,
    tolerance: i64,
    delete_all: bool,
    stream: bool,
    groups: PerGroup<JoinGroup>,
    /// Only with `on`.
    matching: Option<Matching>,
    merge: Merge,
    /// Points in the sets of all groups.
    held: usize,
    /// Emptied after each use.
    ready: Vec<Set>,
    arrived: Vec<(usize, Arrived)>,
}

impl Join {
    pub(super) fn new(config: &NodeConfig) -> Result<Self, String> {
        let parents = config.parents.len();
        let tolerance = config.duration("tolerance");
        let on = config.strings("on");
        Ok(Self {
            parents,
            tolerance,
            delete_all: matches!(config.property("deleteAll"), Some([Value::Bool(true)])),
            stream: config.provides == EdgeType::Stream,
            groups: PerGroup::default(),
            matching: (!on.is_empty()).then(|| Matching::new(on, tolerance, parents)),
            merge: Merge::new(config)?,
            held: 0,
            ready: Vec::new(),
            arrived: Vec::new(),
        })
    }

    fn take(&mut self, ctx: &mut Context<'_>, out: &mut OutputRows, parent: usize, arrived: Arrived) {
        let group = arrived.group;
        let mut all = std::mem::take(&mut self.arrived);
        match &mut self.matching {
            Some(matching) => matching.collect(ctx.groups, parent, arrived, &mut all),
            None => all.push((parent, arrived)),
        }
        for (parent, arrived) in all.drain(..) {
            self.collect(ctx, out, parent, arrived);
        }
        if self.waiting() > MAX_HELD {
            ctx.error(
                "join holds too many points",
                "a parent is silent, the oldest points of the others are joined without it",
            );
            while self.waiting() > MAX_HELD {
                let one = self
                    .matching
                    .as_mut()
                    .is_some_and(|matching| matching.give_up(ctx.groups, group, &mut all));
                for (parent, arrived) in all.drain(..) {
                    self.collect(ctx, out, parent, arrived);
                }
                if !one && !self.release_oldest(ctx, out, group) {
                    break;
                }
            }
        }
        self.arrived = all;
    }

    fn waiting(&self) -> usize {
        self.held + self.matching.as_ref().map_or(0, |matching| matching.held)
    }

    /// Puts something into the sets of its group and sends those that are ready.
    fn collect(&mut self, ctx: &mut Context<'_>, out: &mut OutputRows, parent: usize, arrived: Arrived) {
        let parents = self.parents;
        let time = go_time::round(arrived.time, self.tolerance);
        self.held += arrived.weight();
        self.groups
            .entry(arrived.group, || JoinGroup::new(parents))
            .collect(parent, time, arrived, &mut self.ready);
        self.send(ctx, out);
    }

    fn release_oldest(&mut self, ctx: &mut Context<'_>, out: &mut OutputRows, group: GroupId) -> bool {
        let any = self
            .groups
            .get_mut(group)
            .is_some_and(|join| join.release_oldest(&mut self.ready));
        self.send(ctx, out);
        any
    }

    fn send(&mut self, ctx: &mut Context<'_>, out: &mut OutputRows) {
        let mut ready = std::mem::take(&mut self.ready);
        for set in ready.drain(..) {
            self.held -= set.weight();
            if self.stream {
                self.merge.point(ctx, out, &set);
            } else if let Some(batch) = self.merge.batch(ctx, &set) {
                ctx.emit(Message::Batch(Arc::new(batch)));
            }
        }
        self.ready = ready;
    }
}

impl Node for Join {
    fn message(&mut self, ctx: &mut Context<'_>, input: usize, message: Message) -> Outcome {
        let parents = self.parents;
        let mut out = self.merge.output();
        match message {
            Message::Points(points) => {
                for (row, &group) in points.groups.iter().enumerate() {
                    let arrived = Arrived::point(&points.block, row, group);
                    self.take(ctx, &mut out, input, arrived);
                }
            }
            Message::Batch(batch) => self.take(ctx, &mut out, input, Arrived::batch(batch)),
            Message::Barrier(barrier) => {
                let time = go_time::round(barrier.time, self.tolerance);
                self.groups
                    .entry(barrier.group, || JoinGroup::new(parents))
                    .advance(input, time, &mut self.ready);
                self.send(ctx, &mut out);
                out.finish().for_each(|message| ctx.emit(message));
                ctx.emit(Message::Barrier(barrier));
                return Ok(());
            }
            Message::DeleteGroup(group) => {
                self.forget_group(group);
                if let Some(matching) = &mut self.matching {
                    matching.delete_group(group, (!self.delete_all).then_some(input));
                }
                ctx.emit(Message::DeleteGroup(group));
            }
        }
        out.finish().for_each(|message| ctx.emit(message));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.held -= self.groups.remove(group).map_or(0, |join| join.weight());
        self.merge.forget(group);
    }

    fn finish(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let mut out = self.merge.output();
        let groups: Vec<_> = self.groups.iter().map(|(group, _)| group).collect();
        for group in groups {
            while self.release_oldest(ctx, &mut out, group) {}
        }
        out.finish().for_each(|message| ctx.emit(message));
        Ok(())
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        serde_json::value::to_raw_value(&Stored::of(&self.groups, self.matching.as_ref(), groups)).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored: Stored = serde_json::from_str(state.get())?;
        self.groups = stored.restore(self.parents, self.matching.as_mut(), groups, &self.merge.keys);
        self.held = self.groups.iter().map(|(_, join)| join.weight()).sum();
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        // With `on`, groups are known by those they are joined on, which no message names.
        let free = self.held == 0 && self.matching.is_none();
        if free {
            self.merge.forget_keys();
        }
        free
    }
}
