//! What to measure and what it should be.

use capstan_kubeapi::Quantity;
use serde::{Deserialize, Serialize};

use super::{CrossVersionObjectReference, LabelSelector, nullable};

/// The values of [`MetricSpec::type_`].
pub mod source {
    /// A metric of one Kubernetes object.
    pub const OBJECT: &str = "Object";
    /// A metric of every pod.
    pub const PODS: &str = "Pods";
    /// CPU or memory of the pods.
    pub const RESOURCE: &str = "Resource";
    /// CPU or memory of one container of the pods.
    pub const CONTAINER_RESOURCE: &str = "ContainerResource";
    /// A metric of something outside the cluster.
    pub const EXTERNAL: &str = "External";
}

/// The values of [`MetricTarget::type_`].
pub mod target {
    /// Percent of what the pods request.
    pub const UTILIZATION: &str = "Utilization";
    /// The value as it is.
    pub const VALUE: &str = "Value";
    /// The value divided by the number of pods.
    pub const AVERAGE_VALUE: &str = "AverageValue";
}

/// One metric; the field named by `type_` is the one that counts. The others are absent as a rule, and cost no space.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricSpec {
    /// One of [`source`].
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    pub type_: String,
    /// For `Object`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Box<ObjectMetricSource>>,
    /// For `Pods`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Box<PodsMetricSource>>,
    /// For `Resource`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<ResourceMetricSource>>,
    /// For `ContainerResource`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_resource: Option<Box<ContainerResourceMetricSource>>,
    /// For `External`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<Box<ExternalMetricSource>>,
}

/// A metric of one object.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectMetricSource {
    /// The object.
    #[serde(default, deserialize_with = "nullable")]
    pub described_object: CrossVersionObjectReference,
    /// What it should be.
    #[serde(default, deserialize_with = "nullable")]
    pub target: MetricTarget,
    /// Which metric.
    #[serde(default, deserialize_with = "nullable")]
    pub metric: MetricIdentifier,
}

/// A metric of every pod.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PodsMetricSource {
    /// Which metric.
    #[serde(default, deserialize_with = "nullable")]
    pub metric: MetricIdentifier,
    /// What it should be.
    #[serde(default, deserialize_with = "nullable")]
    pub target: MetricTarget,
}

/// CPU or memory of the pods.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ResourceMetricSource {
    /// `cpu`, `memory`, …
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// What it should be.
    #[serde(default, deserialize_with = "nullable")]
    pub target: MetricTarget,
}

/// CPU or memory of one container of the pods.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ContainerResourceMetricSource {
    /// `cpu`, `memory`, …
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// What it should be.
    #[serde(default, deserialize_with = "nullable")]
    pub target: MetricTarget,
    /// Name of the container.
    #[serde(default, deserialize_with = "nullable")]
    pub container: String,
}

/// A metric of something outside the cluster.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExternalMetricSource {
    /// Which metric.
    #[serde(default, deserialize_with = "nullable")]
    pub metric: MetricIdentifier,
    /// What it should be.
    #[serde(default, deserialize_with = "nullable")]
    pub target: MetricTarget,
}

/// A metric by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MetricIdentifier {
    /// Its name.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// Narrows down which series count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// What a metric should be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricTarget {
    /// One of [`target`].
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    pub type_: String,
    /// For `Value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
    /// For `AverageValue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,
    /// For `Utilization`, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
}
