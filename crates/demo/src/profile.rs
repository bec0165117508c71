//! How many requests per second at which moment.

use std::time::Duration;

/// How far the plateau stays below the maximum, so that the noise of counting does not ask for one replica more than
/// the maximum stands for.
const HEADROOM: f64 = 0.025;

/// Up, a plateau, and down again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ramp {
    /// Requests per second at the top.
    pub max_qps: f64,
    pub up: Duration,
    pub hold: Duration,
    pub down: Duration,
}

impl Ramp {
    /// A ramp that takes `duration` in all: 45 % up, 15 % at the top, 40 % down.
    pub fn over(max_qps: f64, duration: Duration) -> Self {
        Self {
            max_qps,
            up: duration.mul_f64(0.45),
            hold: duration.mul_f64(0.15),
            down: duration.mul_f64(0.40),
        }
    }

    /// A constant rate for `duration`.
    pub fn constant(qps: f64, duration: Duration) -> Self {
        Self {
            max_qps: qps / (1.0 - HEADROOM),
            up: Duration::ZERO,
            hold: duration,
            down: Duration::ZERO,
        }
    }

    /// How long it takes.
    pub fn duration(&self) -> Duration {
        self.up + self.hold + self.down
    }

    /// Requests per second at `t` after the start; zero outside.
    pub fn qps(&self, t: Duration) -> f64 {
        let top = self.max_qps * (1.0 - HEADROOM);
        if t < self.up {
            top * t.as_secs_f64() / self.up.as_secs_f64()
        } else if t < self.up + self.hold {
            top
        } else if t < self.duration() {
            top * self.duration().saturating_sub(t).as_secs_f64() / self.down.as_secs_f64()
        } else {
            0.0
        }
    }

    /// How many requests are due in the first `t`.
    pub fn due(&self, t: Duration) -> f64 {
        let top = self.max_qps * (1.0 - HEADROOM);
        let (up, hold, down) = (
            self.up.as_secs_f64(),
            self.hold.as_secs_f64(),
            self.down.as_secs_f64(),
        );
        let t = t.as_secs_f64();
        let rising = t.min(up);
        let level = (t - up).clamp(0.0, hold);
        let falling = (t - up - hold).clamp(0.0, down);
        let mut due = top * level;
        if up > 0.0 {
            due += top * rising * rising / up / 2.0;
        }
        if down > 0.0 {
            due += top * (falling - falling * falling / down / 2.0);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_rises_stays_and_falls() {
        let ramp = Ramp::over(600.0, Duration::from_secs(100));
        assert_eq!(ramp.qps(Duration::ZERO), 0.0);
        assert!((ramp.qps(Duration::from_secs(50)) - 585.0).abs() < 1e-9);
        assert!(ramp.qps(Duration::from_secs(80)) < ramp.qps(Duration::from_secs(70)));
        assert_eq!(ramp.qps(Duration::from_secs(100)), 0.0);
    }

    #[test]
    fn what_is_due_is_the_area_below_the_rate() {
        let ramp = Ramp::over(600.0, Duration::from_secs(100));
        let mut sum = 0.0;
        for step in 0..1_100_000 {
            sum += ramp.qps(Duration::from_micros(step * 100)) * 1e-4;
        }
        assert!((ramp.due(Duration::from_secs(110)) - sum).abs() < 1.0);
        let constant = Ramp::constant(50.0, Duration::from_secs(10));
        assert!((constant.due(Duration::from_secs(4)) - 200.0).abs() < 1e-6);
    }
}
