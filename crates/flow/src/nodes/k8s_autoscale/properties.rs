//! What `k8sAutoscale`, `swarmAutoscale` and `ec2Autoscale` share of their settings (N-184…N-188, N-220, N-222).

use crate::pipeline::NodeConfig;
use crate::registry::{ArgumentKind as K, Property, arg};

pub(super) const CURRENT_FIELD: Property = Property::value(
    "currentField",
    &[arg("field", K::String)],
    "none",
    "The name under which the replicas expression finds the current number of replicas, an int.",
);

pub(super) const MIN: Property = Property::value(
    "min",
    &[arg("replicas", K::Int)],
    "1",
    "The fewest replicas; 0 lets the resource scale to nothing.",
);

pub(super) const MAX: Property = Property::value(
    "max",
    &[arg("replicas", K::Int)],
    "0, unlimited",
    "The most replicas.",
);

pub(super) const REPLICAS: Property = Property::value(
    "replicas",
    &[arg("expression", K::Lambda)],
    "none, must be given",
    "The wanted number of replicas, an int: wrap a quotient in int(ceil(…)).",
);

pub(super) const INCREASE_COOLDOWN: Property = Property::value(
    "increaseCooldown",
    &[arg("duration", K::Duration)],
    "0s",
    "After an increase, no further one for this long, by the time of the data.",
);

pub(super) const DECREASE_COOLDOWN: Property = Property::value(
    "decreaseCooldown",
    &[arg("duration", K::Duration)],
    "0s",
    "After a decrease, no further one for this long, by the time of the data.",
);

/// The last one is shown once there are any.
pub(super) const STATS: &[&str] = &[
    "cooldown_drops",
    "decrease_events",
    "increase_events",
    "points_dropped",
];

/// Whether a text is given that says something.
pub(super) fn given(config: &NodeConfig, name: &str) -> bool {
    config.string(name).is_some_and(|text| !text.is_empty())
}

/// That the object is named in exactly one way; `names` are the properties, the second the tag's.
pub(super) fn check_name(config: &NodeConfig, names: [&str; 2]) -> Result<(), String> {
    if given(config, names[0]) != given(config, names[1]) {
        return Ok(());
    }
    let word = |name: &str| format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    Err(format!(
        "must specify exactly one of {} or {}",
        word(names[0]),
        word(names[1])
    ))
}

/// What else must hold, in Kapacitor's order and words. A minimum of 0 is allowed here (N-185).
pub(super) fn check_scaling(config: &NodeConfig) -> Result<(), String> {
    if config.int("min") < 0 {
        return Err(format!("min must be >= 0, got {}", config.int("min")));
    }
    if config.lambda("replicas").is_none() {
        return Err("must provide a replicas lambda expression".to_owned());
    }
    Ok(())
}
