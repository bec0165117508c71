use std::sync::Arc;

use capstan_model::{Block, GroupId};
use serde::{Deserialize, Serialize};

use super::buffer::{Due, Kind};
use crate::group_state::PerGroup;
use crate::message::{Barrier, Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::rows::stored::StoredRow;
use crate::rows::{OwnKeys, RowBuffer};

/// The window of a group.
#[derive(Debug)]
struct Open {
    /// Measurement of the group's first point (N-53).
    name: Arc<str>,
    due: Due,
    rows: RowBuffer,
}

#[derive(Debug)]
pub(super) struct Window {
    kind: Kind,
    keys: OwnKeys,
    groups: PerGroup<Open>,
}

impl Window {
    pub(super) fn new(config: &NodeConfig) -> Self {
        let period = config.duration("period");
        let fill_period = config.flag("fillPeriod");
        let kind = if period == 0 {
            Kind::Count {
                period: usize::try_from(config.int("periodCount")).unwrap_or(usize::MAX),
                every: config.int("everyCount").unsigned_abs(),
                fill_period,
            }
        } else {
            Kind::Time {
                period,
                every: config.duration("every"),
                align: config.flag("align"),
                fill_period,
            }
        };
        Self {
            kind,
            keys: OwnKeys::default(),
            groups: PerGroup::default(),
        }
    }

    fn row(&mut self, ctx: &mut Context<'_>, block: &Block, row: usize, group: GroupId) {
        let (kind, time) = (self.kind, block.time[row]);
        let key = self.keys.of_row(block, row);
        let open = self.groups.entry(group, || Open {
            name: Arc::clone(&block.name),
            due: kind.first(time),
            rows: RowBuffer::default(),
        });
        let sent = match kind {
            Kind::Time { period, every: 0, .. } => {
                // Every point is its own trigger, so the point belongs to the window (N-47).
                open.rows.push(block, row, key);
                let due = matches!(open.due, Due::At(at) if time >= at);
                due.then(|| open.send_at(time, time.saturating_sub(period).saturating_add(1), time))
            }
            Kind::Time { .. } => {
                // The point that triggers a batch is not part of it (N-43).
                if let Some(tmax) = open.trigger(kind, time) {
                    Self::send(&self.keys, ctx, group, open, tmax);
                }
                open.rows.push(block, row, key);
                None
            }
            Kind::Count { period, every, .. } => {
                open.rows.push(block, row, key);
                open.rows.drop_front(open.rows.len().saturating_sub(period));
                let Due::Points { next, seen } = &mut open.due else {
                    return;
                };
                *seen += 1;
                (*seen == *next).then(|| {
                    *next += every;
                    time
                })
            }
        };
        if let Some(tmax) = sent {
            Self::send(&self.keys, ctx, group, open, tmax);
        }
    }

    fn send(keys: &OwnKeys, ctx: &mut Context<'_>, group: GroupId, open: &Open, tmax: i64) {
        let rows = open
            .rows
            .to_block(Arc::clone(&open.name), Arc::clone(keys.table()));
        let batch = PointBatch {
            name: Arc::clone(&open.name),
            group,
            tmax,
            rows: Arc::new(rows),
        };
        ctx.emit(Message::Batch(Arc::new(batch)));
    }
}

impl Open {
    /// A point or a barrier of `time` came to a window by time: the time of the batch to send, if one is due.
    fn trigger(&mut self, kind: Kind, time: i64) -> Option<i64> {
        let Kind::Time { period, every, .. } = kind else {
            return None;
        };
        let Due::At(due) = self.due else { return None };
        if time < due {
            return None;
        }
        // More points of the same time may follow, so the window is open at its end: [due - period, due).
        let tmax = self.send_at(due, due.saturating_sub(period), time);
        self.due = Due::At(kind.next(time, every));
        Some(tmax)
    }

    /// Drops what is older than `oldest` from the front (N-50).
    fn send_at(&mut self, tmax: i64, oldest: i64, next: i64) -> i64 {
        let stale = self
            .rows
            .times()
            .iter()
            .take_while(|&&time| time < oldest)
            .count();
        self.rows.drop_front(stale);
        self.due = Due::At(next);
        tmax
    }
}

impl Node for Window {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        for (row, &group) in points.groups.iter().enumerate() {
            self.row(ctx, &points.block, row, group);
        }
        Ok(())
    }

    fn barrier(&mut self, ctx: &mut Context<'_>, barrier: Barrier) -> Outcome {
        let kind = self.kind;
        let Kind::Time { period, every, .. } = kind else {
            ctx.emit(Message::Barrier(barrier));
            return Ok(());
        };
        let time = barrier.time;
        let Some(open) = self.groups.get_mut(barrier.group) else {
            return Ok(());
        };
        let sent = if every == 0 {
            let due = matches!(open.due, Due::At(at) if time >= at);
            due.then(|| open.send_at(time, time.saturating_sub(period).saturating_add(1), time))
        } else {
            open.trigger(kind, time)
        };
        if let Some(tmax) = sent {
            Self::send(&self.keys, ctx, barrier.group, open, tmax);
        }
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let stored = self.groups.store(groups, |open| Stored {
            name: open.name.to_string(),
            due: open.due,
            rows: open.rows.store(&self.keys),
        });
        serde_json::value::to_raw_value(&stored).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        self.groups
            .unstore(serde_json::from_str(state.get())?, groups, |_, stored: Stored| {
                Open {
                    name: stored.name.into(),
                    due: stored.due,
                    rows: RowBuffer::unstore(stored.rows, &self.keys),
                }
            });
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        let older = self.keys.renew();
        let keys = &self.keys;
        for (_, open) in self.groups.iter_mut() {
            open.rows.rekey(|key| keys.moved(&older, key));
        }
        true
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    due: Due,
    rows: Vec<StoredRow>,
}
