use super::exec::Union;
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Property, Provides, Shape, Wants, any, arg, unchecked,
};

/// `|union(other, …)` (N-90).
pub(crate) static UNION: NodeSpec = NodeSpec {
    kind: "union",
    method: "union",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Whole,
    arguments: any("node", K::Node),
    properties: &[Property::value(
        "rename",
        &[arg("name", K::String)],
        "each point's own",
        "Gives everything this measurement name.",
    )],
    stats: &[],
    doc: "Merges several nodes' data in the order of time. Nothing is sent before every parent gave something.",
    check: unchecked,
    build: |config, _| Ok(Box::new(Union::new(config))),
};
