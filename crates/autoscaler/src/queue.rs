//! The queue with one fixed delay: a key that waits already keeps its time, so that editing an object does not bring
//! its next look forward (upstream: `NewDefaultHPARateLimiter`).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use crate::subject::Key;

/// Keys and when they are due, by the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    due: HashMap<Key, Duration>,
    order: BinaryHeap<Reverse<(Duration, Key)>>,
}

impl Queue {
    /// Puts a key in, unless it waits already.
    pub(crate) fn add(&mut self, key: &Key, due: Duration) {
        if self.due.contains_key(key) {
            return;
        }
        self.due.insert(key.clone(), due);
        self.order.push(Reverse((due, key.clone())));
    }

    /// When the next key is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.order.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes the key that has been due the longest, and since when.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<(Key, Duration)> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse((due, key)) = self.order.pop()?;
        self.due.remove(&key);
        Some((key, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Kind;

    #[test]
    fn a_waiting_key_keeps_its_time() {
        let at = Duration::from_secs;
        let (a, b) = (Key::new(Kind::Hpa, "n", "a"), Key::new(Kind::Hpa, "n", "b"));
        let mut queue = Queue::default();
        queue.add(&a, at(15));
        queue.add(&b, at(10));
        queue.add(&a, at(5));
        assert_eq!(queue.next_due(), Some(at(10)));
        assert_eq!(queue.pop(at(9)), None);
        assert_eq!(queue.pop(at(20)), Some((b, at(10))));
        assert_eq!(queue.pop(at(20)), Some((a.clone(), at(15))));
        assert_eq!(queue.pop(at(20)), None);
        queue.add(&a, at(30));
        assert_eq!(queue.next_due(), Some(at(30)));
    }
}
