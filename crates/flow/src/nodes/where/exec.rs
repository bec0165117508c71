use std::sync::Arc;

use capstan_model::{Block, GroupId};

use crate::engine::build::Builder;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::predicate::Predicate;

/// Filters (N-38).
#[derive(Debug)]
pub(super) struct Where {
    predicate: Predicate,
}

impl Where {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let body = config
            .lambda_arguments()
            .into_iter()
            .next()
            .ok_or("nil expression passed to WhereNode")?;
        let predicate = Predicate::compile(&body, builder.ports)
            .map_err(|error| format!("Failed to compile expression in where clause: {error}"))?;
        Ok(Self { predicate })
    }

    fn matching(
        &mut self,
        ctx: &mut Context<'_>,
        block: &Block,
        group: impl Fn(usize) -> GroupId,
    ) -> Vec<u32> {
        let mut rows = Vec::with_capacity(block.len());
        self.predicate.each(ctx, block, group, |row, pass| {
            if pass {
                rows.push(row as u32);
            }
        });
        rows
    }
}

impl Node for Where {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let rows = self.matching(ctx, &points.block, |row| points.groups[row]);
        ctx.emit(Message::Points(points.gather(&rows)));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        self.predicate.touch(batch.group);
        let rows = self.matching(ctx, &batch.rows, |_| batch.group);
        let batch = if rows.len() == batch.rows.len() {
            batch
        } else {
            Arc::new(batch.gather(&rows))
        };
        ctx.emit(Message::Batch(batch));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.predicate.forget(group);
    }

    fn cardinality(&self) -> usize {
        self.predicate.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        self.predicate.snapshot(groups)
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        self.predicate.restore(state, groups)
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}
