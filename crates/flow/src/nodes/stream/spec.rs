use super::exec::Stream;
use crate::registry::{NONE, NodeSpec, Parents, Provides, Shape, Wants, unchecked};

/// `stream`.
pub(crate) static STREAM: NodeSpec = NodeSpec {
    kind: "stream",
    method: "",
    parents: Parents::None,
    wants: Wants::Stream,
    provides: Provides::Stream,
    shape: Shape::Map,
    arguments: NONE,
    properties: &[],
    stats: &[],
    doc: "The source of a stream task: all points of the task's databases that one of its `from` nodes wants, each once.",
    check: unchecked,
    build: |_, _| Ok(Box::new(Stream)),
};
