use super::exec::From;
use crate::dimensions;
use crate::registry::{
    ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, any, arg, exactly,
};

/// `|from()`.
pub(crate) static FROM: NodeSpec = NodeSpec {
    kind: "from",
    method: "from",
    parents: Parents::Only(&["stream", "from"]),
    wants: Wants::Stream,
    provides: Provides::Stream,
    shape: Shape::Whole,
    arguments: NONE,
    properties: &[
        Property::value(
            "database",
            &[arg("database", K::String)],
            "any",
            "Takes only points of this database.",
        ),
        Property::value(
            "retentionPolicy",
            &[arg("retention policy", K::String)],
            "any",
            "Takes only points of this retention policy.",
        ),
        Property::value(
            "measurement",
            &[arg("measurement", K::String)],
            "any",
            "Takes only points of this measurement.",
        ),
        Property {
            name: "where",
            arguments: exactly(&[arg("expression", K::Lambda)]),
            repeat: Repeat::And,
            default: "all points",
            doc: "Takes only points for which the expression is true; several are joined with AND.",
        },
        Property {
            name: "groupBy",
            arguments: any("tag", K::Any),
            repeat: Repeat::Replace,
            default: "not grouped",
            doc: "Groups by these tags, or by all of them with `*`.",
        },
        Property::flag("groupByMeasurement", "Makes the measurement part of the group."),
        Property::value(
            "truncate",
            &[arg("unit", K::Duration)],
            "times stay",
            "Cuts times down to a multiple of the unit.",
        ),
        Property::value(
            "round",
            &[arg("unit", K::Duration)],
            "times stay",
            "Rounds times to the nearest multiple of the unit, halves up, after truncating.",
        ),
    ],
    stats: &[],
    doc: "Selects points of the stream by where they come from and what they hold, and groups them.",
    check: |config| dimensions::check(config.property("groupBy").unwrap_or_default(), &[]),
    build: |config, builder| Ok(Box::new(From::new(config, builder)?)),
};
