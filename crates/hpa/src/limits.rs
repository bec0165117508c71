//! How far a decision may go when no `behavior` says so (upstream: `convertDesiredReplicasWithRules`).

use serde::{Deserialize, Serialize};

use crate::go;

/// What the limits made of a wanted number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// Replicas that are allowed.
    pub replicas: i32,
    /// Which limit, if any, was in the way.
    pub limit: Limit,
}

/// The reasons of condition `ScalingLimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Limit {
    /// None.
    DesiredWithinRange,
    /// `maxReplicas`.
    TooManyReplicas,
    /// `minReplicas`.
    TooFewReplicas,
    /// The scale-up policies, or twice the current number.
    ScaleUpLimit,
    /// The scale-down policies.
    ScaleDownLimit,
}

impl Limit {
    /// The condition's reason.
    pub fn reason(self) -> &'static str {
        match self {
            Self::DesiredWithinRange => "DesiredWithinRange",
            Self::TooManyReplicas => "TooManyReplicas",
            Self::TooFewReplicas => "TooFewReplicas",
            Self::ScaleUpLimit => "ScaleUpLimit",
            Self::ScaleDownLimit => "ScaleDownLimit",
        }
    }

    /// The condition's message.
    pub fn message(self) -> &'static str {
        match self {
            Self::DesiredWithinRange => "the desired count is within the acceptable range",
            Self::TooManyReplicas => "the desired replica count is more than the maximum replica count",
            Self::TooFewReplicas => "the desired replica count is less than the minimum replica count",
            Self::ScaleUpLimit => {
                "the desired replica count is increasing faster than the maximum scale rate"
            }
            Self::ScaleDownLimit => {
                "the desired replica count is decreasing faster than the maximum scale rate"
            }
        }
    }
}

/// How fast an HPA without `behavior` may grow in one sync.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScaleUpLimit {
    /// Times the current number; upstream 2.
    pub factor: f64,
    /// At least; upstream 4.
    pub minimum: f64,
}

impl Default for ScaleUpLimit {
    fn default() -> Self {
        Self {
            factor: 2.0,
            minimum: 4.0,
        }
    }
}

impl ScaleUpLimit {
    /// The largest number allowed next (`calculateScaleUpLimit`).
    pub fn of(self, current: i32) -> i32 {
        go::to_i32((self.factor * f64::from(current)).max(self.minimum))
    }
}

/// Cuts a wanted number to what an HPA without `behavior` may do in one sync.
pub fn convert_desired_replicas(
    current: i32,
    desired: i32,
    min: i32,
    max: i32,
    limit: ScaleUpLimit,
) -> Limited {
    let fastest = limit.of(current);
    let (highest, over) = if max > fastest {
        (fastest, Limit::ScaleUpLimit)
    } else {
        (max, Limit::TooManyReplicas)
    };
    let (replicas, limit) = if desired < min {
        (min, Limit::TooFewReplicas)
    } else if desired > highest {
        (highest, over)
    } else {
        (desired, Limit::DesiredWithinRange)
    };
    Limited { replicas, limit }
}
