use std::sync::Arc;

use capstan_expr::State;
use capstan_model::{Block, Groups};

use crate::dimensions;
use crate::engine::build::Builder;
use crate::go_time;
use crate::group_state::Grouping;
use crate::lambda::{self, Lambda};
use crate::message::{Message, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::states;

/// Filters, moves times, groups (N-30…N-35).
#[derive(Debug)]
pub(super) struct From {
    database: Arc<str>,
    retention_policy: Arc<str>,
    measurement: Arc<str>,
    /// With one state for the whole node (E-11).
    filter: Option<(Lambda, State)>,
    truncate: i64,
    round: i64,
    by_name: bool,
    grouping: Grouping,
}

impl From {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let text = |name| config.string(name).unwrap_or_else(|| Arc::from(""));
        let filter = config.lambda("where").map(|body| {
            let lambda = Lambda::compile(&body, &lambda::environment(builder.ports))
                .map_err(|error| format!("Failed to compile from expression: {error}"))?;
            let state = lambda.state();
            Ok::<_, String>((lambda, state))
        });
        Ok(Self {
            database: text("database"),
            retention_policy: text("retentionPolicy"),
            measurement: text("measurement"),
            filter: filter.transpose()?,
            truncate: config.duration("truncate"),
            round: config.duration("round"),
            by_name: config.flag("groupByMeasurement"),
            grouping: Grouping::new(dimensions::choice(
                config.property("groupBy").unwrap_or_default(),
                &[],
            )),
        })
    }

    fn wants(&self, block: &Block) -> bool {
        let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        fits(&self.measurement, &block.name)
            && fits(&self.database, &block.database)
            && fits(&self.retention_policy, &block.retention_policy)
    }

    /// The rows for which the filter is true.
    fn matching(&mut self, ctx: &mut Context<'_>, block: &Block) -> Option<Vec<u32>> {
        let (lambda, state) = self.filter.as_mut()?;
        let bound = lambda.bind(block);
        if let Some(pass) = bound.bool_columns() {
            return Some(
                (0..block.len() as u32)
                    .filter(|&row| pass[row as usize])
                    .collect(),
            );
        }
        let mut rows = Vec::with_capacity(block.len());
        for row in 0..block.len() {
            match bound.predicate(state, row) {
                Ok(true) => rows.push(row as u32),
                Ok(false) => {}
                Err(error) => ctx.error("failed to evaluate WHERE expression", error),
            }
        }
        Some(rows)
    }

    /// The times after truncating and rounding; `None` when all stay as they are.
    fn times(&self, times: &[i64]) -> Option<Vec<i64>> {
        // Points of one time come together: the last answer is usually the next one, and saves two divisions.
        let mut last = (0, go_time::round(go_time::truncate(0, self.truncate), self.round));
        let mut change = |time| {
            if last.0 != time {
                last = (
                    time,
                    go_time::round(go_time::truncate(time, self.truncate), self.round),
                );
            }
            last.1
        };
        times
            .iter()
            .any(|&time| change(time) != time)
            .then(|| times.iter().map(|&time| change(time)).collect())
    }
}

impl Node for From {
    fn points(&mut self, ctx: &mut Context<'_>, mut points: Points) -> Outcome {
        if !self.wants(&points.block) {
            return Ok(());
        }
        if let Some(rows) = self.matching(ctx, &points.block) {
            points = points.gather(&rows);
        }
        if points.is_empty() {
            return Ok(());
        }
        if (self.truncate > 0 || self.round > 0)
            && let Some(times) = self.times(&points.block.time)
        {
            points.block = Arc::new(Block {
                time: Arc::new(times),
                ..(*points.block).clone()
            });
        }
        let mut groups = Vec::with_capacity(points.len());
        self.grouping
            .assign(ctx.groups, &points.block, self.by_name, &mut groups);
        points.groups = Arc::new(groups);
        ctx.emit(Message::Points(points));
        Ok(())
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let (_, state) = self
            .filter
            .as_ref()
            .filter(|(lambda, _)| lambda.compiled().is_stateful())?;
        let one = (Groups::UNGROUPED, std::slice::from_ref(state));
        states::snapshot(groups, std::iter::once(one))
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        if let Some((lambda, own)) = &mut self.filter {
            let restored = states::restore(state, groups, &[lambda.compiled()])?;
            if let Some(state) = restored.into_iter().flat_map(|(_, states)| states).next() {
                *own = state;
            }
        }
        Ok(())
    }

    fn groups_by_name(&self) -> bool {
        self.by_name
    }

    fn forget_keys(&mut self) -> bool {
        self.grouping.forget_keys();
        true
    }
}
