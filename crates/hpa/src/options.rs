//! The controller's settings.

use serde::{Deserialize, Serialize};

pub use crate::gates::{GateError, Gates};
use crate::limits::ScaleUpLimit;

const SECOND: i64 = 1_000_000_000;

/// The controller's settings; the default is kube-controller-manager's. Durations are in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// `--horizontal-pod-autoscaler-tolerance`.
    pub tolerance: f64,
    /// `--horizontal-pod-autoscaler-downscale-stabilization`.
    pub downscale_stabilization: i64,
    /// `--horizontal-pod-autoscaler-cpu-initialization-period`.
    pub cpu_initialization_period: i64,
    /// `--horizontal-pod-autoscaler-initial-readiness-delay`.
    pub initial_readiness_delay: i64,
    /// How fast an HPA without `behavior` may grow.
    pub scale_up_limit: ScaleUpLimit,
    /// Feature gates.
    pub gates: Gates,
    /// Ours, upstream has none: at least so many replicas while metrics are missing. It only ever raises the number,
    /// and not beyond `maxReplicas`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_replicas: Option<i32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tolerance: 0.1,
            downscale_stabilization: 300 * SECOND,
            cpu_initialization_period: 300 * SECOND,
            initial_readiness_delay: 30 * SECOND,
            scale_up_limit: ScaleUpLimit::default(),
            gates: Gates::default(),
            fallback_replicas: None,
        }
    }
}
