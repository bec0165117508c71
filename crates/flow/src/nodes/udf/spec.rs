use super::exec::UdfNode;
use crate::registry::{NONE, NodeSpec, Parents, Provides, Shape, Wants, unchecked};

/// Every function of the user's is a node of this kind. Its own name, edges and options stand in the node's settings.
pub(crate) static UDF: NodeSpec = NodeSpec {
    kind: "udf",
    method: "",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Async,
    arguments: NONE,
    properties: &[],
    stats: &[],
    doc: "Hands data to a function of the user's, called with `@name()`, and gives what that answers.",
    check: unchecked,
    build: |config, builder| Ok(Box::new(UdfNode::new(config, builder)?)),
};
