//! From what the metrics ask for to what may be done (upstream: `normalizeDesiredReplicas…`).

use super::Syncing;
use crate::autoscaling::{Behavior, ScalingRules, condition};
use crate::behavior::{self, Bounds};
use crate::limits;
use crate::stabilize::{self, Stabilized};

impl Syncing {
    pub(super) fn normalize(&mut self, current: i32, desired: i32, min: i32) -> i32 {
        let window = self.options.downscale_stabilization;
        if let Some(rules) = self
            .hpa
            .spec
            .behavior
            .as_mut()
            .and_then(|behavior| behavior.scale_down.as_mut())
        {
            rules
                .stabilization_window_seconds
                .get_or_insert((window / 1_000_000_000) as i32);
        }
        match self.hpa.spec.behavior.clone() {
            None => self.normalize_plain(current, desired, min),
            Some(behavior) => self.normalize_with(&behavior, current, desired, min),
        }
    }

    fn normalize_plain(&mut self, current: i32, desired: i32, min: i32) -> i32 {
        let (now, window) = (self.now(), self.options.downscale_stabilization);
        let latest = self.memory.latest_against(current, desired);
        let stabilized = stabilize::stabilize(&mut self.memory, desired, window, now);
        self.trace
            .stabilized(desired, stabilized, latest, 0, (window / 1_000_000_000) as i32);
        self.able(desired, stabilized, false);
        let max = self.hpa.spec.max_replicas;
        let limit = self.options.scale_up_limit;
        let limited = limits::convert_desired_replicas(current, stabilized.replicas, min, max, limit);
        self.trace
            .limited(stabilized.replicas, limited, None, Some(limit.of(current)));
        self.limited(stabilized.replicas, limited)
    }

    /// A direction without rules, which defaulting does not leave, allows no change.
    fn normalize_with(&mut self, behavior: &Behavior, current: i32, desired: i32, min: i32) -> i32 {
        let now = self.now();
        let none = ScalingRules::default();
        let bounds = Bounds {
            min,
            max: self.hpa.spec.max_replicas,
            up: behavior.scale_up.as_ref().unwrap_or(&none),
            down: behavior.scale_down.as_ref().unwrap_or(&none),
        };
        let up_window = bounds.up.stabilization_window_seconds.unwrap_or(0);
        let down_window = bounds.down.stabilization_window_seconds.unwrap_or(0);
        let latest = self.memory.latest_against(current, desired);
        let stabilized = stabilize::stabilize_with_behavior(
            &mut self.memory,
            current,
            desired,
            up_window,
            down_window,
            now,
        );
        self.trace
            .stabilized(desired, stabilized, latest, up_window, down_window);
        self.able(desired, stabilized, desired >= current);
        let (limited, rate) = behavior::convert_desired_replicas(
            current,
            stabilized.replicas,
            bounds,
            self.memory.ups(),
            self.memory.downs(),
            now,
        );
        self.trace.limited(stabilized.replicas, limited, rate, None);
        self.limited(stabilized.replicas, limited)
    }

    fn able(&mut self, desired: i32, stabilized: Stabilized, upwards: bool) {
        let (reason, message) = if stabilized.replicas == desired {
            ("ReadyForNewScale", "recommended size matches current size")
        } else {
            stabilize::held_text(upwards)
        };
        self.set(condition::ABLE_TO_SCALE, true, reason, message);
    }

    fn limited(&mut self, wanted: i32, limited: limits::Limited) -> i32 {
        let limits::Limited { replicas, limit } = limited;
        self.set(
            condition::SCALING_LIMITED,
            replicas != wanted,
            limit.reason(),
            limit.message(),
        );
        replicas
    }
}
