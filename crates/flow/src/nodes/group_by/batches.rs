//! Batches of one time, split anew (N-37).

use std::sync::Arc;

use capstan_model::GroupId;
use serde::{Deserialize, Serialize};

use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch};
use crate::node::{Context, Json, JsonText, RestoreGroups, SnapshotGroups};
use crate::rows::stored::StoredRow;
use crate::rows::{OwnKeys, RowBuffer};

#[derive(Debug)]
struct Collected {
    name: Arc<str>,
    tmax: i64,
    rows: RowBuffer,
}

/// The batches of the latest time, by their new groups.
#[derive(Debug, Default)]
pub(super) struct Regroup {
    last: Option<i64>,
    groups: PerGroup<Collected>,
    keys: OwnKeys,
}

impl Regroup {
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Splits a batch among the new groups of its rows.
    pub(super) fn add(&mut self, batch: &PointBatch, groups: &[GroupId]) {
        for (row, &group) in groups.iter().enumerate() {
            let key = self.keys.of_row(&batch.rows, row);
            let collected = self.groups.entry(group, || Collected {
                name: Arc::clone(&batch.name),
                tmax: batch.tmax,
                rows: RowBuffer::default(),
            });
            collected.rows.push(&batch.rows, row, key);
        }
    }

    /// A message of time `time` arrived: what was collected for another time goes out, in the order in which its
    /// groups came, each sorted by time.
    pub(super) fn advance(&mut self, ctx: &mut Context<'_>, time: i64) {
        if self.last == Some(time) {
            return;
        }
        self.last = Some(time);
        for (group, collected) in self.groups.iter() {
            let block = collected
                .rows
                .to_block(Arc::clone(&collected.name), Arc::clone(self.keys.table()));
            let mut order: Vec<u32> = (0..block.len() as u32).collect();
            order.sort_by_key(|&row| block.time[row as usize]);
            let sorted = order.iter().enumerate().all(|(at, &row)| at == row as usize);
            let rows = Arc::new(if sorted { block } else { block.gather(&order) });
            let batch = PointBatch {
                name: Arc::clone(&collected.name),
                group,
                tmax: collected.tmax,
                rows,
            };
            ctx.emit(Message::Batch(Arc::new(batch)));
        }
        self.groups.clear();
    }

    pub(super) fn forget_keys(&mut self) {
        let older = self.keys.renew();
        for (_, collected) in self.groups.iter_mut() {
            collected.rows.rekey(|key| self.keys.moved(&older, key));
        }
    }

    pub(super) fn forget(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    pub(super) fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let stored = Stored {
            last: self.last,
            groups: self.groups.store(groups, |collected| StoredGroup {
                name: collected.name.to_string(),
                tmax: collected.tmax,
                rows: collected.rows.store(&self.keys),
            }),
        };
        // A stream has nothing to remember.
        let any = stored.last.is_some();
        any.then(|| serde_json::value::to_raw_value(&stored).ok())
            .flatten()
    }

    pub(super) fn restore(
        &mut self,
        state: &JsonText,
        groups: &RestoreGroups<'_>,
    ) -> Result<(), serde_json::Error> {
        let stored: Stored = serde_json::from_str(state.get())?;
        self.last = stored.last;
        self.groups.unstore(stored.groups, groups, |_, stored| Collected {
            name: stored.name.into(),
            tmax: stored.tmax,
            rows: RowBuffer::unstore(stored.rows, &self.keys),
        });
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    last: Option<i64>,
    groups: Vec<(u32, StoredGroup)>,
}

#[derive(Serialize, Deserialize)]
struct StoredGroup {
    name: String,
    tmax: i64,
    rows: Vec<StoredRow>,
}
