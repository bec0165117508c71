//! How fast replicas may change.

use capstan_kubeapi::Quantity;
use serde::{Deserialize, Serialize};

use super::nullable;

/// The values of [`ScalingRules::select_policy`].
pub mod select {
    /// The policy that allows the largest change.
    pub const MAX: &str = "Max";
    /// The policy that allows the smallest change.
    pub const MIN: &str = "Min";
    /// No change in this direction.
    pub const DISABLED: &str = "Disabled";
}

/// The values of [`ScalingPolicy::type_`].
pub mod policy {
    /// So many pods.
    pub const PODS: &str = "Pods";
    /// So many percent of what there was at the start of the period.
    pub const PERCENT: &str = "Percent";
}

/// How fast replicas may change in both directions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Behavior {
    /// Upwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,
    /// Downwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

/// The rules of one direction.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingRules {
    /// For how long earlier recommendations hold a change back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stabilization_window_seconds: Option<i32>,
    /// One of [`select`]; absent means `Max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<String>,
    /// Absent is not empty: defaulting fills an absent list, validation refuses an empty one.
    #[serde(default, skip_serializing_if = "is_none_or_empty")]
    pub policies: Option<Vec<ScalingPolicy>>,
    /// Replaces the controller's tolerance in this direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Quantity>,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn is_none_or_empty(list: &Option<Vec<ScalingPolicy>>) -> bool {
    list.as_ref().is_none_or(Vec::is_empty)
}

impl ScalingRules {
    /// The policies, none if the list is absent.
    pub fn policies(&self) -> &[ScalingPolicy] {
        self.policies.as_deref().unwrap_or_default()
    }
}

/// So much in so long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingPolicy {
    /// One of [`policy`].
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    pub type_: String,
    /// Pods or percent.
    #[serde(default, deserialize_with = "nullable")]
    pub value: i32,
    /// Seconds.
    #[serde(default, deserialize_with = "nullable")]
    pub period_seconds: i32,
}
