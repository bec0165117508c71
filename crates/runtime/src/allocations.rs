//! How often memory was allocated, in builds that count it.

use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Counts one. Called by the allocator, so that it must not allocate.
pub fn count() {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// Allocations since the start of the process; `None` in builds that do not count.
pub fn counted() -> Option<u64> {
    // Every process has allocated something before it can ask.
    Some(COUNT.load(Ordering::Relaxed)).filter(|&count| count > 0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_counted_can_be_read() {
        super::count();
        assert!(super::counted().is_some_and(|count| count > 0));
    }
}
