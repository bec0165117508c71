use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use capstan_model::GroupId;

use crate::group_state::PerGroup;
use crate::message::{Barrier, Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::script::Value;

/// What is known of a group. Times of timers are those of the wall clock, the others those of the data.
#[derive(Debug)]
struct Promised {
    last_point: i64,
    /// Points before this are late.
    last_barrier: Option<i64>,
    /// When the next barrier is due.
    due: i64,
    /// The time of this group's entry in the heap; `due` may have moved on since.
    queued: i64,
}

/// Sends barriers by the wall clock (N-91).
#[derive(Debug)]
pub(super) struct Timed {
    idle: bool,
    interval: i64,
    delete: bool,
    groups: PerGroup<Promised>,
    /// One valid entry per group; those that do not say what the group has as `queued` are stale.
    timers: BinaryHeap<Reverse<(i64, GroupId)>>,
    late: i64,
}

impl Timed {
    pub(super) fn new(config: &NodeConfig) -> Self {
        let idle = config.duration("idle");
        Self {
            idle: idle > 0,
            interval: if idle > 0 { idle } else { config.duration("period") },
            delete: matches!(config.property("delete"), Some([Value::Bool(true)])),
            groups: PerGroup::default(),
            timers: BinaryHeap::new(),
            late: 0,
        }
    }

    /// The group, with a timer from its first sight on.
    fn group(&mut self, group: GroupId, now: i64) -> &mut Promised {
        let due = now.saturating_add(self.interval);
        let timers = &mut self.timers;
        self.groups.entry(group, || {
            timers.push(Reverse((due, group)));
            Promised {
                last_point: now,
                last_barrier: None,
                due,
                queued: due,
            }
        })
    }

    /// Takes note of something of this time; false if it is late.
    fn pass(&mut self, group: GroupId, time: i64, now: i64) -> bool {
        let (idle, interval) = (self.idle, self.interval);
        let promised = self.group(group, now);
        if promised.last_barrier.is_some_and(|barrier| time < barrier) {
            return false;
        }
        if idle {
            promised.due = now.saturating_add(interval);
            promised.last_point = time;
        }
        true
    }

    fn fire(&mut self, ctx: &mut Context<'_>, group: GroupId, now: i64) {
        let (idle, interval) = (self.idle, self.interval);
        let Some(promised) = self.groups.get_mut(group) else {
            return;
        };
        let time = if idle {
            promised.last_point = promised.last_point.saturating_add(interval);
            promised.due = now.saturating_add(interval);
            promised.last_point
        } else {
            // As a ticker: on its grid, and ticks nobody could take are left out.
            let missed = now.saturating_sub(promised.due) / interval;
            promised.due = promised
                .due
                .saturating_add(interval.saturating_mul(missed.saturating_add(1)));
            now
        };
        promised.last_barrier = Some(time);
        promised.queued = promised.due;
        self.timers.push(Reverse((promised.due, group)));
        ctx.emit(Message::Barrier(Barrier { group, time }));
        if self.delete {
            self.groups.remove(group);
            ctx.emit(Message::DeleteGroup(group));
        }
    }
}

impl Node for Timed {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let now = ctx.now();
        let mut rows = Vec::with_capacity(points.len());
        for (row, &group) in points.groups.iter().enumerate() {
            if self.pass(group, points.block.time[row], now) {
                rows.push(row as u32);
            } else {
                self.late += 1;
            }
        }
        ctx.emit(Message::Points(points.gather(&rows)));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let now = ctx.now();
        self.group(batch.group, now);
        let mut rows = Vec::with_capacity(batch.rows.len());
        for (row, &time) in batch.rows.time.iter().enumerate() {
            if self.pass(batch.group, time, now) {
                rows.push(row as u32);
            } else {
                self.late += 1;
            }
        }
        ctx.emit(Message::Batch(Arc::new(batch.gather(&rows))));
        Ok(())
    }

    fn barrier(&mut self, ctx: &mut Context<'_>, barrier: Barrier) -> Outcome {
        if self.pass(barrier.group, barrier.time, ctx.now()) {
            if self.idle
                && let Some(promised) = self.groups.get_mut(barrier.group)
            {
                promised.last_barrier = Some(barrier.time);
            }
            ctx.emit(Message::Barrier(barrier));
        }
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn next_timer(&self) -> Option<i64> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }

    fn timer(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let now = ctx.now();
        while let Some(&Reverse((due, group))) = self.timers.peek() {
            if due > now {
                break;
            }
            self.timers.pop();
            let Some(promised) = self.groups.get_mut(group) else {
                continue;
            };
            if promised.queued != due {
                continue;
            }
            if promised.due > now {
                promised.queued = promised.due;
                self.timers.push(Reverse((promised.due, group)));
            } else {
                self.fire(ctx, group, now);
            }
        }
        Ok(())
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn stats(&self) -> Vec<i64> {
        vec![self.late]
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let store = |promised: &Promised| (promised.last_point, promised.last_barrier, promised.due);
        serde_json::value::to_raw_value(&self.groups.store(groups, store)).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored = serde_json::from_str(state.get())?;
        self.groups
            .unstore(stored, groups, |group, (last_point, last_barrier, due)| {
                self.timers.push(Reverse((due, group)));
                Promised {
                    last_point,
                    last_barrier,
                    due,
                    queued: due,
                }
            });
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}
