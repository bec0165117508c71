//! What a watched node gave to its first child, by group: the source of `stats` and `deadman` (N-97).

use capstan_model::GroupId;
use parking_lot::Mutex;

use crate::group_state::PerGroup;
use crate::message::Message;

/// Points by group, counted on batch edges too (N-23). Shared by the engine, which counts, and the nodes that watch.
#[derive(Debug, Default)]
pub struct GroupCounts {
    groups: Mutex<PerGroup<i64>>,
}

impl GroupCounts {
    /// Counts what goes out; a group that is deleted is forgotten.
    pub(crate) fn count(&self, message: &Message) {
        let mut groups = self.groups.lock();
        match message {
            Message::Points(points) => {
                for &group in points.groups.iter() {
                    *groups.entry(group, || 0) += 1;
                }
            }
            Message::Batch(batch) => {
                *groups.entry(batch.group, || 0) += i64::try_from(batch.rows.len()).unwrap_or(i64::MAX);
            }
            Message::Barrier(_) => {}
            Message::DeleteGroup(group) => {
                groups.remove(*group);
            }
        }
    }

    /// Forgets groups.
    pub(crate) fn forget(&self, idle: &[GroupId]) {
        let mut groups = self.groups.lock();
        for &group in idle {
            groups.remove(group);
        }
    }

    /// All groups with their counts.
    pub fn read(&self) -> Vec<(GroupId, i64)> {
        self.groups
            .lock()
            .iter()
            .map(|(group, &count)| (group, count))
            .collect()
    }

    /// Sets what a group starts from.
    pub fn set(&self, group: GroupId, count: i64) {
        *self.groups.lock().entry(group, || 0) = count;
    }
}
