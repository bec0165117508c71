use super::exec::Batch;
use crate::registry::{NONE, NodeSpec, Parents, Provides, Shape, Wants, unchecked};

/// `batch`.
pub(crate) static BATCH: NodeSpec = NodeSpec {
    kind: "batch",
    method: "",
    parents: Parents::None,
    wants: Wants::Nothing,
    provides: Provides::Batch,
    shape: Shape::Map,
    arguments: NONE,
    properties: &[],
    stats: &[],
    doc: "The source of a batch task; its query nodes fetch the data.",
    check: unchecked,
    build: |_, _| Ok(Box::new(Batch)),
};
