use std::sync::Arc;

use capstan_model::{Block, Column, GroupId, ValueRef, Values};
use serde_json::Value as Json;

use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;

/// The last good point of a group.
#[derive(Debug, Clone, Copy)]
struct Last {
    time: i64,
    value: f64,
}

/// (current − previous) ÷ (elapsed ÷ unit), as a float (N-70…N-73).
#[derive(Debug)]
pub(super) struct Derivative {
    field: Arc<str>,
    name: Arc<str>,
    unit: i64,
    non_negative: bool,
    groups: PerGroup<Option<Last>>,
}

/// What a point gives.
enum Step {
    Emit(f64),
    Drop,
    NotANumber(&'static str),
    NoTime,
}

impl Derivative {
    pub(super) fn new(config: &NodeConfig) -> Self {
        let field = config.string_argument(0);
        Self {
            name: config.string("as").unwrap_or_else(|| Arc::clone(&field)),
            field,
            unit: if config.flag("unit") {
                config.duration("unit")
            } else {
                1_000_000_000
            },
            non_negative: config.flag("nonNegative"),
            groups: PerGroup::default(),
        }
    }

    #[inline]
    fn step(&self, last: &mut Option<Last>, time: i64, value: f64) -> Step {
        let Some(previous) = last.replace(Last { time, value }) else {
            return Step::Drop;
        };
        let elapsed = time.wrapping_sub(previous.time);
        if elapsed == 0 {
            return Step::NoTime;
        }
        let difference = value - previous.value;
        if self.non_negative && difference < 0.0 {
            return Step::Drop;
        }
        Step::Emit(difference / (elapsed as f64 / self.unit as f64))
    }

    /// Computes all rows; gives those that stay, and their results.
    fn compute(
        &mut self,
        ctx: &mut Context<'_>,
        block: &Block,
        group: impl Fn(usize) -> GroupId,
    ) -> (Vec<u32>, Vec<f64>) {
        let column = block.column(&self.field);
        let mut rows = Vec::with_capacity(block.len());
        let mut results = Vec::with_capacity(block.len());
        let mut groups = std::mem::take(&mut self.groups);
        let dense = column
            .filter(|column| column.is_dense())
            .map(|column| &*column.values);
        for (row, &time) in block.time.iter().enumerate() {
            let last = groups.entry(group(row), || None);
            let step = match dense {
                Some(Values::Int(values)) => self.step(last, time, values[row] as f64),
                Some(Values::Float(values)) => self.step(last, time, values[row]),
                _ => match column.and_then(|column| column.get(row)) {
                    Some(ValueRef::Int(value)) => self.step(last, time, value as f64),
                    Some(ValueRef::Float(value)) => self.step(last, time, value),
                    Some(other) => Step::NotANumber(other.type_name()),
                    None => Step::NotANumber("<nil>"),
                },
            };
            match step {
                Step::Emit(value) => {
                    rows.push(row as u32);
                    results.push(value);
                }
                Step::Drop => {}
                Step::NotANumber(kind) => ctx.error(
                    "cannot perform derivative",
                    format_args!("field is the wrong type: field {} is {kind}", self.field),
                ),
                Step::NoTime => ctx.error("cannot perform derivative", "elapsed time was 0"),
            }
        }
        self.groups = groups;
        (rows, results)
    }

    fn with_result(&self, block: Arc<Block>, results: Vec<f64>) -> Arc<Block> {
        let column = Column::dense(Arc::clone(&self.name), Values::Float(results));
        Arc::new(Arc::unwrap_or_clone(block).with_column(column))
    }
}

impl Node for Derivative {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let (rows, results) = self.compute(ctx, &points.block, |row| points.groups[row]);
        if rows.is_empty() {
            return Ok(());
        }
        let Points { block, groups } = points.gather(&rows);
        ctx.emit(Message::Points(Points {
            block: self.with_result(block, results),
            groups,
        }));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        *self.groups.entry(batch.group, || None) = None;
        let (rows, results) = self.compute(ctx, &batch.rows, |_| batch.group);
        let kept = batch.gather(&rows);
        let rows = self.with_result(Arc::clone(&kept.rows), results);
        ctx.emit(Message::Batch(Arc::new(kept.with_rows(rows))));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let store = |last: &Option<Last>| last.map(|last| (last.time, last.value.to_bits()));
        serde_json::to_value(self.groups.store(groups, store)).ok()
    }

    fn restore(&mut self, state: Json, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored: Vec<(u32, Option<(i64, u64)>)> = serde_json::from_value(state)?;
        self.groups.unstore(stored, groups, |_, last| {
            last.map(|(time, bits)| Last {
                time,
                value: f64::from_bits(bits),
            })
        });
        Ok(())
    }
}
