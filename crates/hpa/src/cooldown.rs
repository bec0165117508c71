//! The arithmetic of `k8sAutoscale` (N-193…N-202): limits, then cooldowns, on data time.
//!
//! [`decide`] is pure and cheap, a few comparisons and no allocation, because it runs for every point. The steps, the
//! names of the limits and the record are made from the [`Decision`] when somebody wants them.

use capstan_base::{Class, Classify};
use capstan_gocompat::duration;
use serde::{Deserialize, Serialize};

use crate::record::{Direction, Record, Source, Step, Target, Write, WriteStatus, timestamp};

/// No scale subresource takes more.
pub const REPLICA_LIMIT: i64 = i32::MAX as i64;

/// What a script says about how far and how often to scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Fewest replicas; 0 is allowed, less counts as 0 (N-185).
    pub min: i64,
    /// Most replicas; 0 or less: unlimited (N-186).
    pub max: i64,
    /// Nanoseconds after an increase in which no further increase happens; 0: none (N-188).
    pub increase_cooldown: i64,
    /// Nanoseconds after a decrease in which no further decrease happens; 0: none.
    pub decrease_cooldown: i64,
}

/// Limits that cannot be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    /// A negative minimum.
    #[error("min must be >= 0, got {0}")]
    Min(i64),
    /// A negative maximum.
    #[error("max must be >= 0 (0: unlimited), got {0}")]
    Max(i64),
    /// A minimum above the maximum.
    #[error("min must be <= max, got min {min} and max {max}")]
    Order {
        /// The minimum.
        min: i64,
        /// The maximum.
        max: i64,
    },
}

impl Classify for LimitsError {
    fn class(&self) -> Class {
        Class::User
    }
}

impl Limits {
    /// Refuses limits that cannot be meant. Kapacitor accepts a minimum above the maximum, and then the minimum wins;
    /// [`decide`] does the same, so that a caller who wants Kapacitor's laxity need not ask here.
    pub fn check(&self) -> Result<(), LimitsError> {
        if self.min < 0 {
            return Err(LimitsError::Min(self.min));
        }
        if self.max < 0 {
            return Err(LimitsError::Max(self.max));
        }
        if self.max > 0 && self.min > self.max {
            return Err(LimitsError::Order {
                min: self.min,
                max: self.max,
            });
        }
        Ok(())
    }
}

impl Default for Limits {
    /// What a script that says nothing gets: at least one replica, no upper limit, no cooldown.
    fn default() -> Self {
        Self {
            min: 1,
            max: 0,
            increase_cooldown: 0,
            decrease_cooldown: 0,
        }
    }
}

/// When an object was last scaled, in Unix nanoseconds of data time. Survives restarts through serde.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Last increase that was written.
    pub last_increase: Option<i64>,
    /// Last decrease that was written.
    pub last_decrease: Option<i64>,
}

impl State {
    /// Enters a change decided at `now`. Only for writes that succeeded: a failed one must not start a cooldown
    /// (N-201, N-202). A late point may set a timer back, as in Kapacitor (N-198).
    pub fn applied(&mut self, direction: Direction, now: i64) {
        match direction {
            Direction::ScaleUp => self.last_increase = Some(now),
            Direction::ScaleDown => self.last_decrease = Some(now),
            Direction::None => {}
        }
    }
}

/// Why nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The object has what is wanted. Counts as nothing (N-196).
    NoChange,
    /// Too soon after the last increase (N-197); counts in `cooldown_drops` (N-199).
    IncreaseCooldown {
        /// First time at which an increase is allowed again.
        until: i64,
    },
    /// Too soon after the last decrease; counts in `cooldown_drops`.
    DecreaseCooldown {
        /// First time at which a decrease is allowed again.
        until: i64,
    },
}

impl Hold {
    /// Whether a cooldown holds the change back.
    pub const fn is_cooldown(self) -> bool {
        !matches!(self, Self::NoChange)
    }
}

/// What was decided, with all it was decided from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// When, in Unix nanoseconds of data time.
    pub now: i64,
    /// What the object has.
    pub current: i64,
    /// What the expression asked for.
    pub raw: i64,
    /// What is left of it within the limits.
    pub bounded: i64,
    /// What to have from now on: `bounded`, or `current` when held.
    pub desired: i64,
    /// From `current` to `desired`.
    pub direction: Direction,
    /// Why nothing changes; `None` when something does.
    pub hold: Option<Hold>,
    limits: Limits,
    state: State,
}

/// Decides for one point: the maximum first, then the minimum (N-195), then the cooldown of the direction (N-197). The
/// first change of an object is never delayed (N-200), and directions do not influence each other.
///
/// `now` is the point's time, `current` what the object has, `raw` what the expression gave.
pub fn decide(state: &State, limits: &Limits, now: i64, current: i64, raw: i64) -> Decision {
    let bounded = bound(limits, raw).last().map_or(raw, |(_, after)| after);
    let hold = match Direction::between(current, bounded) {
        Direction::None => Some(Hold::NoChange),
        Direction::ScaleUp => hot(state.last_increase, limits.increase_cooldown, now)
            .map(|until| Hold::IncreaseCooldown { until }),
        Direction::ScaleDown => hot(state.last_decrease, limits.decrease_cooldown, now)
            .map(|until| Hold::DecreaseCooldown { until }),
    };
    let desired = if hold.is_some() { current } else { bounded };
    let direction = Direction::between(current, desired);
    Decision {
        now,
        current,
        raw,
        bounded,
        desired,
        direction,
        hold,
        limits: *limits,
        state: *state,
    }
}

/// The end of a cooldown that is still running.
fn hot(last: Option<i64>, cooldown: i64, now: i64) -> Option<i64> {
    let until = last?.saturating_add(cooldown);
    (now < until).then_some(until)
}

/// A limit on the number of replicas, in the order of their application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Max,
    Min,
    Floor,
    Ceiling,
}

impl Bound {
    const fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Min => "min",
            Self::Floor => "zero",
            Self::Ceiling => "replicaLimit",
        }
    }
}

/// Each limit that exists with what comes out of it. The floor and the ceiling show up only when they bite.
fn bound(limits: &Limits, raw: i64) -> impl Iterator<Item = (Bound, i64)> {
    let after_max = if limits.max > 0 { raw.min(limits.max) } else { raw };
    let after_min = after_max.max(limits.min);
    let after_floor = after_min.max(0);
    let after_ceiling = after_floor.min(REPLICA_LIMIT);
    [
        (limits.max > 0).then_some((Bound::Max, after_max)),
        Some((Bound::Min, after_min)),
        (after_floor != after_min).then_some((Bound::Floor, after_floor)),
        (after_ceiling != after_floor).then_some((Bound::Ceiling, after_ceiling)),
    ]
    .into_iter()
    .flatten()
}

impl Decision {
    /// One word for the record: what held the change back, else which limit shaped it, else that the expression's
    /// number is taken as it is.
    pub fn reason(&self) -> &'static str {
        match self.hold {
            Some(Hold::NoChange) => "NoChange",
            Some(Hold::IncreaseCooldown { .. }) => "IncreaseCooldown",
            Some(Hold::DecreaseCooldown { .. }) => "DecreaseCooldown",
            None if self.bounded < self.raw => "TooManyReplicas",
            None if self.bounded > self.raw => "TooFewReplicas",
            None => "ReplicasExpression",
        }
    }

    /// Whether there is something to tell: a change, a cooldown that holds one back, or a limit that bit. A point that
    /// asks for what there is makes no record.
    pub fn is_notable(&self) -> bool {
        self.hold != Some(Hold::NoChange) || self.bounded != self.raw
    }

    /// The arithmetic from the current number over the expression's to the decided one, one step for each limit that
    /// exists.
    pub fn steps(&self) -> Vec<Step> {
        let step = |name: &str, before, after, detail| Step {
            name: name.to_owned(),
            before,
            after,
            detail,
        };
        let asked = format!("the replicas expression asks for {}", self.raw);
        let mut steps = vec![step("replicas", self.current, self.raw, asked)];
        let mut before = self.raw;
        for (bound, after) in bound(&self.limits, self.raw) {
            let detail = match bound {
                Bound::Max => format!("at most {}", self.limits.max),
                Bound::Min => format!("at least {}", self.limits.min),
                Bound::Floor => "never below 0".to_owned(),
                Bound::Ceiling => format!("Kubernetes takes at most {REPLICA_LIMIT}"),
            };
            steps.push(step(bound.name(), before, after, detail));
            before = after;
        }
        let (name, last, cooldown) = match Direction::between(self.current, self.bounded) {
            Direction::None => {
                let detail = format!("{} is what there is", self.current);
                steps.push(step("noChange", before, self.desired, detail));
                return steps;
            }
            Direction::ScaleUp => (
                "increaseCooldown",
                self.state.last_increase,
                self.limits.increase_cooldown,
            ),
            Direction::ScaleDown => (
                "decreaseCooldown",
                self.state.last_decrease,
                self.limits.decrease_cooldown,
            ),
        };
        let detail = match (last, self.hold) {
            _ if cooldown <= 0 => "none set".to_owned(),
            (None, _) => "first change, never delayed".to_owned(),
            (Some(last), Some(Hold::IncreaseCooldown { until } | Hold::DecreaseCooldown { until })) => {
                format!(
                    "held until {}: last at {}, cooldown {}",
                    timestamp(until),
                    timestamp(last),
                    duration::format_go(cooldown)
                )
            }
            (Some(last), _) => format!(
                "over: last at {}, cooldown {}",
                timestamp(last),
                duration::format_go(cooldown)
            ),
        };
        steps.push(step(name, before, self.desired, detail));
        steps
    }

    /// Names of the limits that bit, in order.
    pub fn constraints(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        let mut before = self.raw;
        for (bound, after) in bound(&self.limits, self.raw) {
            if after != before {
                names.push(bound.name());
            }
            before = after;
        }
        match self.hold {
            Some(Hold::IncreaseCooldown { .. }) => names.push("increaseCooldown"),
            Some(Hold::DecreaseCooldown { .. }) => names.push("decreaseCooldown"),
            Some(Hold::NoChange) | None => {}
        }
        names
    }

    /// The record of this decision. Inputs and the selected metric are the caller's to add; a change is marked as on
    /// its way.
    pub fn record(&self, target: Target, source: Source) -> Record {
        let status = if self.hold.is_some() {
            WriteStatus::NotNeeded
        } else {
            WriteStatus::Pending
        };
        Record {
            time: timestamp(self.now),
            target,
            source,
            current_replicas: self.current,
            raw_desired_replicas: self.raw,
            final_desired_replicas: self.desired,
            direction: self.direction,
            reason: self.reason().to_owned(),
            selected_metric: None,
            inputs: Vec::new(),
            steps: self.steps(),
            constraints_applied: self.constraints().into_iter().map(str::to_owned).collect(),
            write: Write::of(status),
            arithmetic: None,
            replay: None,
            count: 1,
            last_time: None,
        }
    }
}

#[cfg(test)]
mod tests;
