use std::sync::Arc;

use capstan_model::GroupId;

use crate::go_time;
use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::script::Value;

#[derive(Debug)]
enum Rate {
    Every(u64),
    Multiples(i64),
}

/// Thins out (N-54).
#[derive(Debug)]
pub(super) struct Sample {
    rate: Rate,
    seen: PerGroup<u64>,
}

impl Sample {
    pub(super) fn new(config: &NodeConfig) -> Option<Self> {
        let rate = match config.arguments.first() {
            Some(Value::Int(n)) if *n > 0 => Rate::Every(n.unsigned_abs()),
            Some(Value::Duration(nanos)) if *nanos > 0 => Rate::Multiples(*nanos),
            _ => return None,
        };
        Some(Self {
            rate,
            seen: PerGroup::default(),
        })
    }

    fn kept(&mut self, times: &[i64], group: impl Fn(usize) -> GroupId) -> Vec<u32> {
        let mut rows = Vec::new();
        for (row, &time) in times.iter().enumerate() {
            let seen = self.seen.entry(group(row), || 0);
            let keep = match self.rate {
                Rate::Every(n) => seen.is_multiple_of(n),
                Rate::Multiples(unit) => go_time::truncate(time, unit) == time,
            };
            *seen += 1;
            if keep {
                rows.push(row as u32);
            }
        }
        rows
    }
}

impl Node for Sample {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let rows = self.kept(&points.block.time, |row| points.groups[row]);
        ctx.emit(Message::Points(points.gather(&rows)));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        *self.seen.entry(batch.group, || 0) = 0;
        let rows = self.kept(&batch.rows.time, |_| batch.group);
        ctx.emit(Message::Batch(Arc::new(batch.gather(&rows))));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.seen.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.seen.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        serde_json::value::to_raw_value(&self.seen.store(groups, |seen| *seen)).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        self.seen
            .unstore(serde_json::from_str(state.get())?, groups, |_, seen| seen);
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}
