use std::sync::Arc;

use capstan_model::{Block, Column, GroupId, ValueRef, Values};

use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;

/// The last good point of a group.
#[derive(Debug, Clone, Copy)]
struct Last {
    time: i64,
    value: f64,
}

impl Last {
    /// None yet: a time that no point has, so that a group takes 16 bytes.
    const NONE: Self = Self {
        time: i64::MIN,
        value: 0.0,
    };
}

/// (current − previous) ÷ (elapsed ÷ unit), as a float (N-70…N-73).
#[derive(Debug)]
pub(super) struct Derivative {
    field: Arc<str>,
    name: Arc<str>,
    unit: i64,
    non_negative: bool,
    groups: PerGroup<Last>,
}

/// Why a point gives nothing.
enum Refused {
    /// It is the group's first one, or the counter went back.
    Silently,
    NotANumber(&'static str),
    NoTime,
}

/// Elapsed times in units. Points mostly come at equal intervals, so that the last quotient is usually the next one.
struct Intervals {
    unit: f64,
    elapsed: i64,
    units: f64,
}

impl Intervals {
    fn new(unit: i64) -> Self {
        let unit = unit as f64;
        Self {
            unit,
            elapsed: 0,
            units: 0.0,
        }
    }

    #[inline]
    fn units(&mut self, elapsed: i64) -> f64 {
        if elapsed != self.elapsed {
            self.elapsed = elapsed;
            self.units = elapsed as f64 / self.unit;
        }
        self.units
    }
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

    /// What a point gives, and its group's last point from now on.
    #[inline]
    fn step(
        last: &mut Last,
        intervals: &mut Intervals,
        non_negative: bool,
        time: i64,
        value: f64,
    ) -> Result<f64, Refused> {
        let previous = std::mem::replace(last, Last { time, value });
        if previous.time == Last::NONE.time {
            return Err(Refused::Silently);
        }
        let elapsed = time.wrapping_sub(previous.time);
        if elapsed == 0 {
            return Err(Refused::NoTime);
        }
        let difference = value - previous.value;
        if non_negative && difference < 0.0 {
            return Err(Refused::Silently);
        }
        Ok(difference / intervals.units(elapsed))
    }

    /// Computes all rows; gives those that stay, and their results.
    fn compute(
        &mut self,
        ctx: &mut Context<'_>,
        block: &Block,
        group: impl Fn(usize) -> GroupId,
    ) -> (Vec<u32>, Vec<f64>) {
        let column = block.column(&self.field);
        let dense = column
            .filter(|column| column.is_dense())
            .map(|column| &*column.values);
        match dense {
            Some(Values::Int(values)) => self.rows(ctx, block, group, |row| Ok(values[row] as f64)),
            Some(Values::Float(values)) => self.rows(ctx, block, group, |row| Ok(values[row])),
            _ => self.rows(ctx, block, group, |row| {
                match column.and_then(|column| column.get(row)) {
                    Some(ValueRef::Int(value)) => Ok(value as f64),
                    Some(ValueRef::Float(value)) => Ok(value),
                    Some(other) => Err(Refused::NotANumber(other.type_name())),
                    None => Err(Refused::NotANumber("<nil>")),
                }
            }),
        }
    }

    #[inline]
    fn rows(
        &mut self,
        ctx: &mut Context<'_>,
        block: &Block,
        group: impl Fn(usize) -> GroupId,
        value: impl Fn(usize) -> Result<f64, Refused>,
    ) -> (Vec<u32>, Vec<f64>) {
        let mut rows = Vec::with_capacity(block.len());
        let mut results = Vec::with_capacity(block.len());
        let mut intervals = Intervals::new(self.unit);
        for (row, &time) in block.time.iter().enumerate() {
            let last = self.groups.entry(group(row), || Last::NONE);
            let step =
                value(row).and_then(|value| Self::step(last, &mut intervals, self.non_negative, time, value));
            match step {
                Ok(result) => {
                    rows.push(row as u32);
                    results.push(result);
                }
                Err(Refused::Silently) => {}
                Err(Refused::NotANumber(kind)) => ctx.error(
                    "cannot perform derivative",
                    format_args!("field is the wrong type: field {} is {kind}", self.field),
                ),
                Err(Refused::NoTime) => ctx.error("cannot perform derivative", "elapsed time was 0"),
            }
        }
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
        *self.groups.entry(batch.group, || Last::NONE) = Last::NONE;
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
        let store = |last: &Last| (last.time != Last::NONE.time).then(|| (last.time, last.value.to_bits()));
        serde_json::value::to_raw_value(&self.groups.store(groups, store)).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored: Vec<(u32, Option<(i64, u64)>)> = serde_json::from_str(state.get())?;
        self.groups.unstore(stored, groups, |_, last| {
            last.map_or(Last::NONE, |(time, bits)| Last {
                time,
                value: f64::from_bits(bits),
            })
        });
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}
