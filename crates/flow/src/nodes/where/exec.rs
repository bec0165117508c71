use std::sync::Arc;

use capstan_expr::State;
use capstan_model::{Block, GroupId};
use serde_json::Value as Json;

use crate::engine::build::Builder;
use crate::group_state::PerGroup;
use crate::lambda::{self, Lambda};
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::states;

/// Filters; one expression state per group (N-38).
#[derive(Debug)]
pub(super) struct Where {
    lambda: Lambda,
    states: PerGroup<State>,
}

impl Where {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let body = config.lambda_arguments().into_iter().next().ok_or("nil expression passed to WhereNode")?;
        let lambda = Lambda::compile(&body, &lambda::environment(builder.ports))
            .map_err(|error| format!("Failed to compile expression in where clause: {error}"))?;
        Ok(Self { lambda, states: PerGroup::default() })
    }

    /// The rows for which the expression is true. `group` is the group of a row.
    fn matching(&mut self, ctx: &mut Context<'_>, block: &Block, group: impl Fn(usize) -> GroupId) -> Vec<u32> {
        let fresh = self.lambda.state();
        let bound = self.lambda.bind(block);
        if let Some(pass) = bound.bool_columns() {
            for row in 0..block.len() {
                self.states.entry(group(row), || fresh.clone());
            }
            return (0..block.len() as u32).filter(|&row| pass[row as usize]).collect();
        }
        let mut rows = Vec::with_capacity(block.len());
        for row in 0..block.len() {
            let state = self.states.entry(group(row), || bound.compiled().state());
            match bound.predicate(state, row) {
                Ok(true) => rows.push(row as u32),
                Ok(false) => {}
                Err(error) => ctx.error("error while evaluating expression", error),
            }
        }
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
        let lambda = &self.lambda;
        self.states.entry(batch.group, || lambda.state());
        let rows = self.matching(ctx, &batch.rows, |_| batch.group);
        let batch = if rows.len() == batch.rows.len() { batch } else { Arc::new(batch.gather(&rows)) };
        ctx.emit(Message::Batch(batch));
        Ok(())
    }

    fn delete_group(&mut self, ctx: &mut Context<'_>, group: GroupId) -> Outcome {
        self.states.remove(group);
        ctx.emit(Message::DeleteGroup(group));
        Ok(())
    }

    fn cardinality(&self) -> usize {
        self.states.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        states::snapshot(groups, self.states.iter().map(|(group, state)| (group, std::slice::from_ref(state))))
    }

    fn restore(&mut self, state: Json, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        for (group, mut restored) in states::restore(state, groups, &[self.lambda.compiled()])? {
            if let Some(state) = restored.pop() {
                self.states.entry(group, || state);
            }
        }
        Ok(())
    }
}
