use std::sync::Arc;

use super::exec::GroupBy;
use crate::dimensions;
use crate::pipeline::{NodeConfig, strings};
use crate::registry::{ArgumentKind as K, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, any};

/// `|groupBy('tag', …)`.
pub(crate) static GROUP_BY: NodeSpec = NodeSpec {
    kind: "groupby",
    method: "groupBy",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Whole,
    arguments: any("tag", K::Any),
    properties: &[
        Property {
            name: "exclude",
            arguments: any("tag", K::String),
            repeat: Repeat::Append,
            default: "none",
            doc: "Leaves these tags out; only with `*`.",
        },
        Property::flag("byMeasurement", "Makes the measurement part of the group."),
    ],
    stats: &[],
    doc: "Groups by other tags. On batches, those with equal time are collected and split anew when the next time comes.",
    check: |config| dimensions::check(&config.arguments, &excluded(config)),
    build: |config, _| Ok(Box::new(GroupBy::new(config))),
};

pub(super) fn excluded(config: &NodeConfig) -> Vec<Arc<str>> {
    config.calls("exclude").flat_map(strings).collect()
}
