use super::exec::{StateTracking, Track};
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Property, Provides, Shape, Wants, arg, exactly, unchecked,
};

/// `|stateDuration(lambda: …)`.
pub(crate) static STATE_DURATION: NodeSpec = NodeSpec {
    kind: "state_duration",
    method: "stateDuration",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Keyed,
    arguments: exactly(&[arg("expression", K::Lambda)]),
    properties: &[
        Property::value(
            "as",
            &[arg("name", K::String)],
            "'state_duration'",
            "Names the field of the result.",
        ),
        Property::value(
            "unit",
            &[arg("unit", K::Duration)],
            "1s",
            "The unit of the result.",
        ),
    ],
    stats: &[],
    doc: "Adds how long the expression has been true; -1 while it is false.",
    check: unchecked,
    build: |config, builder| {
        let unit = if config.flag("unit") {
            config.duration("unit")
        } else {
            1_000_000_000
        };
        Ok(Box::new(StateTracking::new(
            config,
            builder,
            "state_duration",
            Track::Duration { unit },
        )?))
    },
};

/// `|stateCount(lambda: …)`.
pub(crate) static STATE_COUNT: NodeSpec = NodeSpec {
    kind: "state_count",
    method: "stateCount",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Keyed,
    arguments: exactly(&[arg("expression", K::Lambda)]),
    properties: &[Property::value(
        "as",
        &[arg("name", K::String)],
        "'state_count'",
        "Names the field of the result.",
    )],
    stats: &[],
    doc: "Adds for how many points in a row the expression has been true; -1 while it is false.",
    check: unchecked,
    build: |config, builder| {
        Ok(Box::new(StateTracking::new(
            config,
            builder,
            "state_count",
            Track::Count,
        )?))
    },
};
