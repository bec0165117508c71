use super::exec::ChangeDetect;
use crate::registry::{ArgumentKind as K, NodeSpec, Parents, Provides, Shape, Wants, any, unchecked};

/// `|changeDetect('field', …)`.
pub(crate) static CHANGE_DETECT: NodeSpec = NodeSpec {
    kind: "changeDetect",
    method: "changeDetect",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Keyed,
    arguments: any("field", K::String),
    properties: &[],
    stats: &[],
    doc: "Passes on a point when one of the fields differs from the last point that was passed on.",
    check: unchecked,
    build: |config, _| Ok(Box::new(ChangeDetect::new(config))),
};
