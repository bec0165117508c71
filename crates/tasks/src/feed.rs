//! What carries data from ingest into a task's inbox, and says so when some had to go.

use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_ingest::Sink;
use capstan_model::Batch;
use parking_lot::Mutex;

use crate::inbox::Inbox;

/// How often a task's losses are logged at most.
const INTERVAL: Duration = Duration::from_mins(1);

/// The way into the inbox of one task.
pub(crate) struct Feed<C> {
    task: Arc<str>,
    inbox: Arc<Inbox<C>>,
    clock: SharedClock,
    losses: Mutex<Losses>,
}

/// Points that were dropped and not logged yet.
#[derive(Debug, Default)]
struct Losses {
    points: u64,
    /// Monotonic time before which nothing is logged.
    quiet_until: Duration,
}

impl Losses {
    /// Counts points; gives the sum of all that were not logged when it is time to log it.
    fn add(&mut self, points: u64, now: Duration) -> Option<u64> {
        self.points += points;
        if now < self.quiet_until {
            return None;
        }
        self.quiet_until = now + INTERVAL;
        Some(std::mem::take(&mut self.points))
    }
}

impl<C> Feed<C> {
    pub(crate) fn new(task: Arc<str>, inbox: Arc<Inbox<C>>, clock: SharedClock) -> Self {
        Self {
            task,
            inbox,
            clock,
            losses: Mutex::default(),
        }
    }
}

impl<C: Send> Sink for Feed<C> {
    fn deliver(&self, batch: &Arc<Batch>, database: &Arc<str>, retention_policy: &Arc<str>) {
        let dropped = self.inbox.offer(batch);
        if dropped == 0 {
            return;
        }
        let said = self.losses.lock().add(dropped, self.clock.monotonic());
        if let Some(points) = said {
            tracing::warn!(
                task = %self.task,
                points,
                database = %database,
                retention_policy = %retention_policy,
                "the task cannot keep up: the oldest points of its queue were dropped"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_once_a_minute_and_none_is_left_out() {
        let mut losses = Losses::default();
        let at = Duration::from_secs;
        assert_eq!(losses.add(5, at(0)), Some(5));
        assert_eq!(losses.add(1, at(1)), None);
        assert_eq!(losses.add(2, at(59)), None);
        assert_eq!(losses.add(3, at(60)), Some(6));
    }
}
