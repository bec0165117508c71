//! How fast requests may go to the API server.

use std::time::Duration;

use capstan_base::SharedClock;
use parking_lot::Mutex;

/// A bucket of tokens; whoever finds it empty waits for its turn.
#[derive(Debug)]
pub(crate) struct Limiter {
    clock: SharedClock,
    per_second: f64,
    burst: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Below zero when there are some who wait.
    tokens: f64,
    at: Duration,
}

impl Limiter {
    /// So many per second in the long run, and so many at once; 0 is no limit.
    pub(crate) fn new((per_second, burst): (u32, u32), clock: SharedClock) -> Self {
        let at = clock.monotonic();
        let burst = f64::from(burst.max(1));
        Self {
            clock,
            per_second: f64::from(per_second),
            burst,
            state: Mutex::new(State { tokens: burst, at }),
        }
    }

    /// Waits until the next request may go.
    pub(crate) async fn pass(&self) {
        let wait = self.take();
        if !wait.is_zero() {
            capstan_runtime::sleep(wait).await;
        }
    }

    fn take(&self) -> Duration {
        if self.per_second == 0.0 {
            return Duration::ZERO;
        }
        let mut state = self.state.lock();
        let now = self.clock.monotonic();
        let passed = now.saturating_sub(state.at).as_secs_f64();
        state.at = now;
        state.tokens = (state.tokens + passed * self.per_second).min(self.burst) - 1.0;
        if state.tokens >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(-state.tokens / self.per_second)
        }
    }
}

#[cfg(test)]
mod tests {
    use capstan_base::clock::VirtualClock;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let clock = VirtualClock::at(0);
        let limiter = Limiter::new((10, 3), clock.clone());
        let waits: Vec<u128> = (0..5).map(|_| limiter.take().as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200]);
        clock.advance(Duration::from_secs(10));
        assert_eq!(limiter.take(), Duration::ZERO);
        assert_eq!(Limiter::new((0, 0), clock).take(), Duration::ZERO);
    }
}
