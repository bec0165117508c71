//! How long nodes take (N-20) and how much a task takes in (N-24).

use std::time::Duration;

/// One message in this many is measured.
const SAMPLE: u32 = 10;
/// Weight of a new sample in the moving average.
const WEIGHT: f64 = 0.05;

/// A moving average of the time a node spends per point (or per batch). Kapacitor's value never goes down; this one
/// follows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timing {
    seen: u32,
    average: Option<f64>,
}

impl Timing {
    /// Whether to measure the next message.
    pub(crate) fn due(&mut self) -> bool {
        self.seen = (self.seen + 1) % SAMPLE;
        self.seen == 1
    }

    /// Notes the time a message of `points` took.
    pub(crate) fn note(&mut self, took: Duration, points: usize) {
        let each = took.as_nanos() as f64 / points.max(1) as f64;
        self.average = Some(
            self.average
                .map_or(each, |average| average + (each - average) * WEIGHT),
        );
    }

    /// Nanoseconds per point.
    pub(crate) fn average_nanos(&self) -> i64 {
        self.average.unwrap_or(0.0) as i64
    }
}

/// Points per second over the last full second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Throughput {
    second: u64,
    current: u64,
    last: u64,
}

impl Throughput {
    fn roll(&mut self, now: Duration) {
        let second = now.as_secs();
        if second != self.second {
            self.last = if second == self.second + 1 {
                self.current
            } else {
                0
            };
            self.current = 0;
            self.second = second;
        }
    }

    pub(crate) fn add(&mut self, points: u64, now: Duration) {
        self.roll(now);
        self.current += points;
    }

    pub(crate) fn per_second(&self, now: Duration) -> f64 {
        let mut rolled = self.clone();
        rolled.roll(now);
        rolled.last as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_is_that_of_the_last_full_second() {
        let mut throughput = Throughput::default();
        throughput.add(3, Duration::from_millis(100));
        throughput.add(4, Duration::from_millis(900));
        assert_eq!(throughput.per_second(Duration::from_millis(950)), 0.0);
        assert_eq!(throughput.per_second(Duration::from_millis(1_500)), 7.0);
        assert_eq!(throughput.per_second(Duration::from_millis(2_500)), 0.0);
    }

    #[test]
    fn one_message_in_ten_is_measured() {
        let mut timing = Timing::default();
        assert_eq!((0..100).filter(|_| timing.due()).count(), 10);
        timing.note(Duration::from_nanos(100), 10);
        assert_eq!(timing.average_nanos(), 10);
    }
}
