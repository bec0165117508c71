//! What the controller saw last.

use capstan_kubeapi::{Quantity, time};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{CrossVersionObjectReference, MetricIdentifier, nullable};

/// The values of [`Condition::type_`].
pub mod condition {
    /// Whether metrics lead to an answer.
    pub const SCALING_ACTIVE: &str = "ScalingActive";
    /// Whether the target's scale can be read and written.
    pub const ABLE_TO_SCALE: &str = "AbleToScale";
    /// Whether a limit changed the answer.
    pub const SCALING_LIMITED: &str = "ScalingLimited";
    /// Whether the controller itself scaled to zero.
    pub const SCALED_TO_ZERO: &str = "ScaledToZero";
}

/// What the controller saw last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Never set by upstream's controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When it last scaled; whole seconds on the wire.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub last_scale_time: Option<Timestamp>,
    /// The number before the last decision took effect.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_zero")]
    pub current_replicas: i32,
    /// The last decision.
    #[serde(default, deserialize_with = "nullable")]
    pub desired_replicas: i32,
    /// One entry per metric of the spec; `null` when no metrics were looked at.
    #[serde(default)]
    pub current_metrics: Option<Vec<MetricStatus>>,
    /// In the order of their first appearance.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

impl Status {
    /// Whether a write is not needed (upstream: `apiequality.Semantic.DeepEqual`, for which absent and empty lists are
    /// the same).
    pub fn same(&self, other: &Self) -> bool {
        let metrics = |status: &Self| status.current_metrics.clone().filter(|list| !list.is_empty());
        self.observed_generation == other.observed_generation
            && self.last_scale_time == other.last_scale_time
            && self.current_replicas == other.current_replicas
            && self.desired_replicas == other.desired_replicas
            && self.conditions == other.conditions
            && metrics(self) == metrics(other)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// One aspect of the state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// One of [`condition`].
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default, deserialize_with = "nullable")]
    pub status: String,
    /// When `status` last changed; `None` is Go's zero time, written as `null`.
    #[serde(default, with = "seconds")]
    pub last_transition_time: Option<Timestamp>,
    /// One word.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub reason: String,
    /// A sentence.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub message: String,
}

/// What one metric was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricStatus {
    /// Empty for a metric that could not be had.
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    pub type_: String,
    /// For `Object`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Box<ObjectMetricStatus>>,
    /// For `Pods`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Box<PodsMetricStatus>>,
    /// For `Resource`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<ResourceMetricStatus>>,
    /// For `ContainerResource`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_resource: Option<Box<ContainerResourceMetricStatus>>,
    /// For `External`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<Box<ExternalMetricStatus>>,
}

/// What a metric of one object was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectMetricStatus {
    /// Which metric.
    #[serde(default, deserialize_with = "nullable")]
    pub metric: MetricIdentifier,
    /// What it was.
    #[serde(default, deserialize_with = "nullable")]
    pub current: MetricValueStatus,
    /// The object.
    #[serde(default, deserialize_with = "nullable")]
    pub described_object: CrossVersionObjectReference,
}

/// What a metric of the pods was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PodsMetricStatus {
    /// Which metric.
    #[serde(default, deserialize_with = "nullable")]
    pub metric: MetricIdentifier,
    /// What it was.
    #[serde(default, deserialize_with = "nullable")]
    pub current: MetricValueStatus,
}

/// What the pods used of a resource.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ResourceMetricStatus {
    /// `cpu`, `memory`, …
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// What it was.
    #[serde(default, deserialize_with = "nullable")]
    pub current: MetricValueStatus,
}

/// What one container of the pods used of a resource.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ContainerResourceMetricStatus {
    /// `cpu`, `memory`, …
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// What it was.
    #[serde(default, deserialize_with = "nullable")]
    pub current: MetricValueStatus,
    /// Name of the container.
    #[serde(default, deserialize_with = "nullable")]
    pub container: String,
}

/// What a metric of something outside the cluster was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExternalMetricStatus {
    /// Which metric.
    #[serde(default, deserialize_with = "nullable")]
    pub metric: MetricIdentifier,
    /// What it was.
    #[serde(default, deserialize_with = "nullable")]
    pub current: MetricValueStatus,
}

/// What a metric was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricValueStatus {
    /// For `Value` targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
    /// For `AverageValue` targets, and beside `Utilization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,
    /// For `Utilization` targets, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
}

/// Times as the API writes them; Go's zero time reads as `None`.
mod seconds {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Timestamp, time};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        at.map(time::rfc3339).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        let at =
            time::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no time")))?;
        Ok(Some(at).filter(|at| at.as_second() != GO_ZERO))
    }

    /// 0001-01-01T00:00:00Z as Unix seconds.
    const GO_ZERO: i64 = -62_135_596_800;
}
