use super::exec::HttpOut;
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Provides, Shape, Wants, arg, exactly, unchecked,
};

/// `|httpOut('name')`.
pub(crate) static HTTP_OUT: NodeSpec = NodeSpec {
    kind: "http_out",
    method: "httpOut",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Whole,
    arguments: exactly(&[arg("endpoint", K::String)]),
    properties: &[],
    stats: &[],
    doc: "Publishes the latest point or batch of each group at `/kapacitor/v1/tasks/TASK/ENDPOINT` and passes all on.",
    check: unchecked,
    build: |config, _| Ok(Box::new(HttpOut::new(config))),
};
