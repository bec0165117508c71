//! Answers that hold for a while.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::RwLock;

/// A bounded table whose entries expire.
#[derive(Debug)]
pub(crate) struct Cache<V> {
    most: usize,
    entries: RwLock<HashMap<String, (Duration, V)>>,
}

impl<V: Clone> Cache<V> {
    /// At most so many entries.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            entries: RwLock::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.read().len()
    }

    /// What was put in, unless it has expired. Times are on the monotonic clock.
    pub(crate) fn get(&self, key: &str, now: Duration) -> Option<V> {
        let entries = self.entries.read();
        let (until, value) = entries.get(key)?;
        (now < *until).then(|| value.clone())
    }

    pub(crate) fn put(&self, key: String, value: V, now: Duration, ttl: Duration) {
        let mut entries = self.entries.write();
        if entries.len() >= self.most && !entries.contains_key(&key) {
            entries.retain(|_, (until, _)| now < *until);
            // Still full: make room at once for many, at the cost of whoever is thrown out asking again.
            if entries.len() >= self.most {
                let mut times: Vec<Duration> = entries.values().map(|(until, _)| *until).collect();
                times.sort_unstable();
                let middle = times[times.len() / 2];
                entries.retain(|_, (until, _)| *until > middle);
            }
        }
        entries.insert(key, (now.saturating_add(ttl), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_expire_and_never_become_more_than_allowed() {
        let cache = Cache::new(10);
        let second = Duration::from_secs(1);
        cache.put("a".to_owned(), 1, Duration::ZERO, second * 5);
        assert_eq!(cache.get("a", second * 4), Some(1));
        assert_eq!(cache.get("a", second * 5), None);
        for n in 0..1000_u32 {
            cache.put(n.to_string(), 2, second * 6, second * (n + 1));
            assert!(cache.len() <= 10);
        }
        assert_eq!(cache.get("999", second * 7), Some(2), "the newest is kept");
        for n in 0..100 {
            // All expire at once.
            cache.put(format!("b{n}"), 3, second * 7, second);
            assert!(cache.len() <= 10);
        }
    }
}
