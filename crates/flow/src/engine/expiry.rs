//! Which groups are in use, when a task forgets those that are not.
//!
//! A group is in use as long as points of it move on an edge below the task's source. Statistics, barriers and empty
//! batches do not count: they come of the group, not of its points.

use std::time::Duration;

use capstan_model::{GroupId, Groups};

use crate::message::Message;

/// Parts of the time after which a group is idle; the precision of it.
const PARTS: u32 = 8;

/// In the place of an epoch: forgotten by every node, but the number is not free yet.
const FORGOTTEN: u32 = u32::MAX;

/// Fewer forgotten groups are not worth moving key tables.
const FEW: usize = 1_024;

/// The epochs in which groups were used last.
#[derive(Debug)]
pub(super) struct Expiry {
    /// Length of an epoch.
    part: Duration,
    /// Monotonic time of the start of epoch 0; `None` before the first look.
    start: Option<Duration>,
    /// Monotonic time of the next epoch's start.
    next: Duration,
    epoch: u32,
    /// Epoch of the last use, by group.
    used: Vec<u32>,
    forgotten: usize,
}

impl Expiry {
    /// Groups without points for `idle` are to be forgotten.
    pub(super) fn new(idle: Duration) -> Self {
        Self {
            part: (idle / PARTS).max(Duration::from_millis(1)),
            start: None,
            next: Duration::ZERO,
            epoch: 0,
            used: Vec::new(),
            forgotten: 0,
        }
    }

    /// Takes note of what moves on an edge.
    #[inline]
    pub(super) fn note(&mut self, message: &Message) {
        match message {
            Message::Points(points) => points.groups.iter().for_each(|&group| self.use_group(group)),
            Message::Batch(batch) if !batch.rows.is_empty() => self.use_group(batch.group),
            Message::Batch(_) | Message::Barrier(_) | Message::DeleteGroup(_) => {}
        }
    }

    #[inline]
    fn use_group(&mut self, group: GroupId) {
        let at = group.0 as usize;
        if at >= self.used.len() {
            self.used.resize(at + 1, self.epoch);
        }
        if self.used[at] == FORGOTTEN {
            self.forgotten -= 1;
        }
        self.used[at] = self.epoch;
    }

    /// The groups that became idle by `now`, monotonic; from now on they count as forgotten. Cheap until a new epoch
    /// begins.
    pub(super) fn idle(&mut self, now: Duration, groups: &Groups) -> Vec<GroupId> {
        if now < self.next {
            return Vec::new();
        }
        let start = *self.start.get_or_insert(now);
        let epoch =
            (now.saturating_sub(start).as_nanos() / self.part.as_nanos()).min(u128::from(FORGOTTEN - 1));
        self.epoch = epoch as u32;
        self.next = start + self.part.saturating_mul(self.epoch.saturating_add(1));
        // A group that was made and not used yet is as good as used.
        self.used.resize(groups.len(), self.epoch);
        let mut idle = Vec::new();
        for (at, used) in self.used.iter_mut().enumerate().skip(1) {
            let group = GroupId(at as u32);
            if *used != FORGOTTEN && self.epoch - *used > PARTS && !groups.is_free(group) {
                *used = FORGOTTEN;
                idle.push(group);
            }
        }
        self.forgotten += idle.len();
        idle
    }

    /// Whether so many groups are forgotten that giving their numbers out again is worth the work.
    pub(super) fn is_worth_it(&self, groups: &Groups) -> bool {
        self.forgotten > FEW.max(groups.live() - self.forgotten.min(groups.live()))
    }

    /// Has the numbers of forgotten groups given out again. No node knows any of them.
    pub(super) fn retire(&mut self, groups: &mut Groups) {
        let forgotten = self
            .used
            .iter()
            .enumerate()
            .filter(|(_, used)| **used == FORGOTTEN)
            .map(|(at, _)| GroupId(at as u32));
        groups.retire(forgotten);
        let epoch = self.epoch;
        // Whoever gets one of the numbers begins anew.
        self.used
            .iter_mut()
            .filter(|used| **used == FORGOTTEN)
            .for_each(|used| *used = epoch);
        self.used.truncate(groups.len());
        self.used.shrink_to(2 * groups.len());
        self.forgotten = 0;
    }
}
