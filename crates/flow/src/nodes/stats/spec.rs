use super::exec::Stats;
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Property, Provides, Shape, Wants, arg, exactly, unchecked,
};

/// `|stats(interval)` (N-97).
pub(crate) static STATS: NodeSpec = NodeSpec {
    kind: "stats",
    method: "stats",
    parents: Parents::Watched,
    wants: Wants::Nothing,
    provides: Provides::Stream,
    shape: Shape::Whole,
    arguments: exactly(&[arg("interval", K::Duration)]),
    properties: &[Property::flag("align", "Sends at multiples of the interval.")],
    stats: &[],
    doc: "Sends, by the wall clock, how many points the node gave so far: a point `stats` with the field `emitted` per group.",
    check: unchecked,
    build: |config, builder| Ok(Box::new(Stats::new(config, builder)?)),
};
