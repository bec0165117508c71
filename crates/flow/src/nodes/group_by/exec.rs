use std::sync::Arc;

use capstan_model::GroupId;

use super::batches::Regroup;
use super::spec::excluded;
use crate::dimensions;
use crate::group_state::Grouping;
use crate::message::{Barrier, Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;

/// Changes dimensions; tags stay (N-36).
#[derive(Debug)]
pub(super) struct GroupBy {
    by_name: bool,
    grouping: Grouping,
    batches: Regroup,
}

impl GroupBy {
    pub(super) fn new(config: &NodeConfig) -> Self {
        Self {
            by_name: config.flag("byMeasurement"),
            grouping: Grouping::new(dimensions::choice(&config.arguments, &excluded(config))),
            batches: Regroup::default(),
        }
    }

    /// Groups rows whose groups have the measurement in them already apart from the others.
    fn assign_each(&mut self, ctx: &mut Context<'_>, points: &Points, out: &mut Vec<GroupId>) {
        for (row, &group) in points.groups.iter().enumerate() {
            let by_name = ctx.group(group).dimensions().by_name;
            out.push(self.grouping.of_row(ctx.groups, &points.block, row, by_name));
        }
    }
}

impl Node for GroupBy {
    fn points(&mut self, ctx: &mut Context<'_>, mut points: Points) -> Outcome {
        let mut groups = Vec::with_capacity(points.len());
        if self.by_name || !ctx.any_by_name() {
            self.grouping
                .assign(ctx.groups, &points.block, self.by_name, &mut groups);
        } else {
            self.assign_each(ctx, &points, &mut groups);
        }
        points.groups = Arc::new(groups);
        ctx.emit(Message::Points(points));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        self.batches.advance(ctx, batch.tmax);
        let by_name = self.by_name || ctx.group(batch.group).dimensions().by_name;
        let mut groups = Vec::with_capacity(batch.rows.len());
        self.grouping
            .assign(ctx.groups, &batch.rows, by_name, &mut groups);
        self.batches.add(&batch, &groups);
        Ok(())
    }

    fn barrier(&mut self, ctx: &mut Context<'_>, barrier: Barrier) -> Outcome {
        self.batches.advance(ctx, barrier.time);
        ctx.emit(Message::Barrier(barrier));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.batches.forget(group);
    }

    fn cardinality(&self) -> usize {
        self.batches.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        self.batches.snapshot(groups)
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        self.batches.restore(state, groups)
    }

    fn groups_by_name(&self) -> bool {
        self.by_name
    }

    fn forget_keys(&mut self) -> bool {
        self.grouping.forget_keys();
        self.batches.forget_keys();
        true
    }
}
