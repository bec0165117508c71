//! What comes of a sync.

use serde::{Deserialize, Serialize};

use crate::autoscaling::HorizontalPodAutoscaler;
use crate::memory::Memory;
use crate::record::Record;

/// What came of a sync.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The HPA with its new status.
    pub hpa: HorizontalPodAutoscaler,
    /// What to remember.
    pub memory: Memory,
    /// What became of each metric, for the controller's metrics.
    pub metric_results: Vec<MetricResult>,
    /// What the sync did, for the controller's metrics.
    pub reconciliation: SyncResult,
    /// The text of the error that upstream returns.
    pub error: Option<String>,
    /// The gauge `desired_replicas`; `None` if the sync did not get so far.
    pub desired: Option<i32>,
    /// The decision, explained.
    pub record: Record,
}

/// Labels of upstream's `reconciliations_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncResult {
    /// What was done.
    pub action: Action,
    /// Whether it went well.
    pub error: ErrorKind,
}

/// Labels of upstream's `metric_computation_total`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricResult {
    /// The metric's type.
    #[serde(rename = "type")]
    pub type_: String,
    /// What it asks for, compared with `status.currentReplicas`.
    pub action: Action,
    /// Whether it went well.
    pub error: ErrorKind,
}

/// What is or would be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// More replicas.
    ScaleUp,
    /// Fewer replicas.
    ScaleDown,
    /// Nothing.
    None,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The HPA's.
    Spec,
    /// Something else's.
    Internal,
    /// There is none.
    None,
}
