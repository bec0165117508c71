//! The typed data of `autoscaling/v2` (upstream: `k8s.io/api/autoscaling/v2/types.go`).
//!
//! Field order and what is left out when empty are upstream's, so that an object read and written again is the same
//! text. Unknown fields are dropped, as the API server drops them; `metadata` is kept whole. Enumerations are plain
//! text: what stands there is judged by validation, not by decoding.

mod behavior;
mod metric;
mod selector;
mod status;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use behavior::{Behavior, ScalingPolicy, ScalingRules, policy, select};
pub use metric::{
    ContainerResourceMetricSource, ExternalMetricSource, MetricIdentifier, MetricSpec, MetricTarget,
    ObjectMetricSource, PodsMetricSource, ResourceMetricSource, source, target,
};
pub use selector::{LabelSelector, LabelSelectorRequirement};
pub use status::{
    Condition, ContainerResourceMetricStatus, ExternalMetricStatus, MetricStatus, MetricValueStatus,
    ObjectMetricStatus, PodsMetricStatus, ResourceMetricStatus, Status, condition,
};

/// A `HorizontalPodAutoscaler`, version v2.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HorizontalPodAutoscaler {
    /// `HorizontalPodAutoscaler`; may be empty where a list or a watch says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// `autoscaling/v2`; may be empty likewise.
    #[serde(rename = "apiVersion", default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// All of it, in the order it came in.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: Map<String, Value>,
    /// What is wanted.
    #[serde(default, deserialize_with = "nullable")]
    pub spec: Spec,
    /// What the controller saw last.
    #[serde(default, deserialize_with = "nullable")]
    pub status: Status,
}

impl HorizontalPodAutoscaler {
    fn text(&self, field: &str) -> &str {
        self.metadata.get(field).and_then(Value::as_str).unwrap_or("")
    }

    /// `metadata.name`, empty when absent.
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// `metadata.namespace`, empty when absent.
    pub fn namespace(&self) -> &str {
        self.text("namespace")
    }

    /// `metadata.uid`, empty when absent.
    pub fn uid(&self) -> &str {
        self.text("uid")
    }

    /// `metadata.resourceVersion`, empty when absent.
    pub fn resource_version(&self) -> &str {
        self.text("resourceVersion")
    }

    /// One annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.get("annotations")?.get(key)?.as_str()
    }
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// The object to scale.
    #[serde(default, deserialize_with = "nullable")]
    pub scale_target_ref: CrossVersionObjectReference,
    /// The fewest replicas; absent means 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// The most replicas.
    #[serde(default, deserialize_with = "nullable")]
    pub max_replicas: i32,
    /// The largest answer of these wins.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSpec>,
    /// How fast to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
}

/// Another object, by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CrossVersionObjectReference {
    /// As in a manifest, `Deployment`.
    #[serde(default, deserialize_with = "nullable")]
    pub kind: String,
    /// Name of the object.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// As in a manifest, `apps/v1`; may be absent.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub api_version: String,
}

/// Reads `null` as the type's zero value, as Go does.
pub(crate) fn nullable<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
