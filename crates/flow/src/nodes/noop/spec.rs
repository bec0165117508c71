use super::exec::Noop;
use crate::registry::{NONE, NodeSpec, Parents, Provides, Shape, Wants, unchecked};

/// The node that is put below a childless one to watch what it gives.
pub(crate) static NOOP: NodeSpec = NodeSpec {
    kind: "noop",
    method: "",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Map,
    arguments: NONE,
    properties: &[],
    stats: &[],
    doc: "Passes everything on; made below a node without children whose statistics are watched.",
    check: unchecked,
    build: |_, _| Ok(Box::new(Noop)),
};
