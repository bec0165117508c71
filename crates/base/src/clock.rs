//! The only source of time. Windows and cooldowns run on data time; schedules, timeouts and "now" run on a
//! [`Clock`], so that tests and simulations run on virtual time.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// A clock that everything in a process shares.
pub type SharedClock = Arc<dyn Clock>;

/// Wall-clock time in nanoseconds since the Unix epoch, and a monotonic reading for measuring durations.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    fn now_nanos(&self) -> i64;

    /// A reading that never goes back; only differences mean anything.
    fn monotonic(&self) -> Duration;

    /// The wall-clock time as a civil timestamp.
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.now_nanos())).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// A shared handle to the machine's clock.
    pub fn shared() -> SharedClock {
        Arc::new(Self::default())
    }
}

impl Default for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place that may ask the machine
    fn default() -> Self {
        Self {
            started: std::time::Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place that may ask the machine
    fn now_nanos(&self) -> i64 {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
        }
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct VirtualClock {
    start: i64,
    now: Mutex<i64>,
}

impl VirtualClock {
    /// A clock that stands at `nanos` since the Unix epoch.
    pub fn at(nanos: i64) -> Arc<Self> {
        Arc::new(Self {
            start: nanos,
            now: Mutex::new(nanos),
        })
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock();
        *now = now.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX));
    }

    /// Moves the clock to `nanos`; a time in the past leaves it where it is.
    pub fn advance_to(&self, nanos: i64) {
        let mut now = self.now.lock();
        *now = nanos.max(*now);
    }
}

impl Clock for VirtualClock {
    fn now_nanos(&self) -> i64 {
        *self.now.lock()
    }

    fn monotonic(&self) -> Duration {
        let elapsed = self.now.lock().saturating_sub(self.start);
        Duration::from_nanos(u64::try_from(elapsed).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_moves_only_forward_and_only_when_told() {
        let clock = VirtualClock::at(1_000);
        clock.advance(Duration::from_nanos(5));
        clock.advance_to(900);
        assert_eq!(clock.now_nanos(), 1_005);
        assert_eq!(clock.monotonic(), Duration::from_nanos(5));
    }
}
