use super::exec::Trickle;
use crate::registry::{NONE, NodeSpec, Parents, Provides, Shape, Wants, unchecked};

/// `|trickle()` (N-58).
pub(crate) static TRICKLE: NodeSpec = NodeSpec {
    kind: "trickle",
    method: "trickle",
    parents: Parents::Any,
    wants: Wants::Batch,
    provides: Provides::Stream,
    shape: Shape::Map,
    arguments: NONE,
    properties: &[],
    stats: &[],
    doc: "Sends the points of each batch one by one, as a stream.",
    check: unchecked,
    build: |_, _| Ok(Box::new(Trickle)),
};
