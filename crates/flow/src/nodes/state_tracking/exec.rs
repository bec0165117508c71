use std::sync::Arc;

use capstan_model::{Block, Column, GroupId, Values};

use crate::engine::build::Builder;
use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::predicate::Predicate;

/// What is counted while the state holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Track {
    /// Time since it began, as a float in units (N-75).
    Duration { unit: i64 },
    /// Points, as an int (N-76).
    Count,
}

/// Since when (in nanoseconds), or for how many points, the state has held.
type Since = Option<i64>;

#[derive(Debug)]
pub(super) struct StateTracking {
    predicate: Predicate,
    name: Arc<str>,
    track: Track,
    since: PerGroup<Since>,
}

impl StateTracking {
    pub(super) fn new(
        config: &NodeConfig,
        builder: &Builder<'_>,
        name: &str,
        track: Track,
    ) -> Result<Self, String> {
        let body = config
            .lambda_arguments()
            .into_iter()
            .next()
            .ok_or("nil expression passed to the node")?;
        Ok(Self {
            predicate: Predicate::compile(&body, builder.ports)?,
            name: config.string("as").unwrap_or_else(|| Arc::from(name)),
            track,
            since: PerGroup::default(),
        })
    }

    fn run(
        &mut self,
        ctx: &mut Context<'_>,
        block: &Block,
        group: impl Fn(usize) -> GroupId,
    ) -> (Vec<u32>, Column) {
        let mut rows = Vec::with_capacity(block.len());
        let (mut floats, mut ints) = (Vec::new(), Vec::new());
        let (since, track) = (&mut self.since, self.track);
        self.predicate.each(ctx, block, &group, |row, holds| {
            rows.push(row as u32);
            let since = since.entry(group(row), || None);
            let time = block.time[row];
            match track {
                Track::Duration { unit } => floats.push(if holds {
                    time.saturating_sub(*since.get_or_insert(time)) as f64 / unit as f64
                } else {
                    *since = None;
                    -1.0
                }),
                Track::Count => ints.push(if holds {
                    let count = since.unwrap_or(0) + 1;
                    *since = Some(count);
                    count
                } else {
                    *since = None;
                    -1
                }),
            }
        });
        let values = match track {
            Track::Duration { .. } => Values::Float(floats),
            Track::Count => Values::Int(ints),
        };
        (rows, Column::dense(Arc::clone(&self.name), values))
    }
}

impl Node for StateTracking {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let (rows, column) = self.run(ctx, &points.block, |row| points.groups[row]);
        let Points { block, groups } = points.gather(&rows);
        let block = Arc::unwrap_or_clone(block).with_column(column);
        ctx.emit(Message::Points(Points {
            block: Arc::new(block),
            groups,
        }));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        self.predicate.touch(batch.group);
        *self.since.entry(batch.group, || None) = None;
        let (rows, column) = self.run(ctx, &batch.rows, |_| batch.group);
        let kept = batch.gather(&rows);
        let block = Block::clone(&kept.rows).with_column(column);
        ctx.emit(Message::Batch(Arc::new(kept.with_rows(Arc::new(block)))));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.predicate.forget(group);
        self.since.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.predicate.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let since = self.since.store(groups, |since| *since);
        let predicate = self.predicate.snapshot(groups)?;
        serde_json::value::to_raw_value(&(predicate, since)).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let (predicate, stored): (Json, Vec<(u32, Since)>) = serde_json::from_str(state.get())?;
        self.predicate.restore(&predicate, groups)?;
        self.since.unstore(stored, groups, |_, since| since);
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}
