//! The `CustomResourceDefinition`s of schedules; the same schemas as kube-metrics-adapter's, so that either may be
//! applied over the other.

/// Of `ScalingSchedule`, YAML.
pub const SCALING_SCHEDULE: &str = include_str!("crds/scaling_schedule.yaml");
/// Of `ClusterScalingSchedule`, YAML.
pub const CLUSTER_SCALING_SCHEDULE: &str = include_str!("crds/cluster_scaling_schedule.yaml");
