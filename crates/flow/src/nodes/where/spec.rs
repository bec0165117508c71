use super::exec::Where;
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Provides, Shape, Wants, arg, exactly, unchecked,
};

/// `|where(lambda: …)`.
pub(crate) static WHERE: NodeSpec = NodeSpec {
    kind: "where",
    method: "where",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Keyed,
    arguments: exactly(&[arg("expression", K::Lambda)]),
    properties: &[],
    stats: &[],
    doc: "Passes on only points for which the expression is true. A batch passes even when none of its points does.",
    check: unchecked,
    build: |config, builder| Ok(Box::new(Where::new(config, builder)?)),
};
