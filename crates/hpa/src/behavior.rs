//! How far a decision may go under `spec.behavior` (upstream: `convertDesiredReplicasWithBehaviorRate`).

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::autoscaling::{ScalingRules, policy, select};
use crate::go;
use crate::limits::{Limit, Limited};
use crate::memory::{ScaleEvent, change_per_period};

/// What one policy allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyLimit {
    /// `Pods` or `Percent`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Pods or percent.
    pub value: i32,
    /// Its window.
    pub period_seconds: i32,
    /// Replicas added within the window.
    pub added: i32,
    /// Replicas removed within the window.
    pub removed: i32,
    /// Replicas at the start of the window.
    pub start: i32,
    /// The replicas it allows.
    pub limit: i32,
}

/// What the policies of one direction allow together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// `Max`, `Min` or `Disabled`.
    pub select_policy: String,
    /// Each policy; none when the direction is disabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyLimit>,
    /// The replicas they allow.
    pub limit: i32,
}

/// The most replicas that the scale-up rules allow (`calculateScaleUpLimitWithScalingRules`).
pub fn scale_up_limit(
    current: i32,
    ups: &[ScaleEvent],
    downs: &[ScaleEvent],
    rules: &ScalingRules,
    now: Timestamp,
) -> RateLimit {
    rate_limit(current, ups, downs, rules, now, Way::Up)
}

/// The fewest replicas that the scale-down rules allow (`calculateScaleDownLimitWithBehaviors`).
pub fn scale_down_limit(
    current: i32,
    ups: &[ScaleEvent],
    downs: &[ScaleEvent],
    rules: &ScalingRules,
    now: Timestamp,
) -> RateLimit {
    rate_limit(current, ups, downs, rules, now, Way::Down)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

fn rate_limit(
    current: i32,
    ups: &[ScaleEvent],
    downs: &[ScaleEvent],
    rules: &ScalingRules,
    now: Timestamp,
    way: Way,
) -> RateLimit {
    let select_policy = rules.select_policy.as_deref().unwrap_or(select::MAX);
    if select_policy == select::DISABLED {
        return RateLimit {
            select_policy: select_policy.to_owned(),
            policies: Vec::new(),
            limit: current,
        };
    }
    // The largest change is the largest number upwards and the smallest downwards.
    let largest_number = (select_policy == select::MIN) == (way == Way::Down);
    let mut limit = if largest_number { i32::MIN } else { i32::MAX };
    let mut policies = Vec::with_capacity(rules.policies().len());
    let mut proposed = 0;
    for rule in rules.policies() {
        let added = change_per_period(rule.period_seconds, ups, now);
        let removed = change_per_period(rule.period_seconds, downs, now);
        let start = current.wrapping_sub(added).wrapping_add(removed);
        let share = f64::from(rule.value) / 100.0;
        // An unknown type keeps what the policy before it proposed, as upstream's variable does.
        proposed = match (rule.type_.as_str(), way) {
            (policy::PODS, Way::Up) => start.wrapping_add(rule.value),
            (policy::PODS, Way::Down) => start.wrapping_sub(rule.value),
            // Rounded up, since a percentage of few replicas would never add one.
            (policy::PERCENT, Way::Up) => go::to_i32((f64::from(start) * (1.0 + share)).ceil()),
            (policy::PERCENT, Way::Down) => go::to_i32(f64::from(start) * (1.0 - share)),
            _ => proposed,
        };
        limit = if largest_number {
            limit.max(proposed)
        } else {
            limit.min(proposed)
        };
        policies.push(PolicyLimit {
            type_: rule.type_.clone(),
            value: rule.value,
            period_seconds: rule.period_seconds,
            added,
            removed,
            start,
            limit: proposed,
        });
    }
    RateLimit {
        select_policy: select_policy.to_owned(),
        policies,
        limit,
    }
}

/// The bounds of a decision under `behavior`.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// `minReplicas`.
    pub min: i32,
    /// `maxReplicas`.
    pub max: i32,
    /// The rules upwards.
    pub up: &'a ScalingRules,
    /// The rules downwards.
    pub down: &'a ScalingRules,
}

/// Cuts a stabilized number to what the policies, `minReplicas` and `maxReplicas` allow, and says what the policies
/// of its direction allowed.
pub fn convert_desired_replicas(
    current: i32,
    desired: i32,
    bounds: Bounds<'_>,
    ups: &[ScaleEvent],
    downs: &[ScaleEvent],
    now: Timestamp,
) -> (Limited, Option<RateLimit>) {
    let mut limited = Limited {
        replicas: desired,
        limit: Limit::DesiredWithinRange,
    };
    let rate = match desired.cmp(&current) {
        Ordering::Equal => None,
        Ordering::Greater => {
            let rate = scale_up_limit(current, ups, downs, bounds.up, now);
            let fastest = rate.limit.max(current);
            let (highest, limit) = if bounds.max > fastest {
                (fastest, Limit::ScaleUpLimit)
            } else {
                (bounds.max, Limit::TooManyReplicas)
            };
            if desired > highest {
                limited = Limited {
                    replicas: highest,
                    limit,
                };
            }
            Some(rate)
        }
        Ordering::Less => {
            let rate = scale_down_limit(current, ups, downs, bounds.down, now);
            let fastest = rate.limit.min(current);
            let (lowest, limit) = if bounds.min < fastest {
                (fastest, Limit::ScaleDownLimit)
            } else {
                (bounds.min, Limit::TooFewReplicas)
            };
            if desired < lowest {
                limited = Limited {
                    replicas: lowest,
                    limit,
                };
            }
            Some(rate)
        }
    };
    (limited, rate)
}
