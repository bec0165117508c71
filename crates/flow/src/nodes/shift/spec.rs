use super::exec::Shift;
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Provides, Shape, Wants, arg, exactly, unchecked,
};
use crate::script::Value;

/// `|shift(duration)`.
pub(crate) static SHIFT: NodeSpec = NodeSpec {
    kind: "shift",
    method: "shift",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Map,
    arguments: exactly(&[arg("shift", K::Duration)]),
    properties: &[],
    stats: &[],
    doc: "Moves points and batches in time, forward or back.",
    check: unchecked,
    build: |config, _| match config.arguments.first() {
        Some(Value::Duration(by)) if *by != 0 => Ok(Box::new(Shift { by: *by })),
        _ => Err("invalid shift value: must be non zero duration".to_owned()),
    },
};
