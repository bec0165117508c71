use super::exec::Log;
use crate::registry::{
    ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Shape, Wants, arg, unchecked,
};

/// `|log()`.
pub(crate) static LOG: NodeSpec = NodeSpec {
    kind: "log",
    method: "log",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Whole,
    arguments: NONE,
    properties: &[
        Property::value(
            "level",
            &[arg("level", K::String)],
            "'INFO'",
            "DEBUG, INFO or ERROR.",
        ),
        Property::value(
            "prefix",
            &[arg("prefix", K::String)],
            "none",
            "Goes in front of each line.",
        ),
    ],
    stats: &[],
    doc: "Logs every point or batch and passes it on.",
    check: unchecked,
    build: |config, _| Ok(Box::new(Log::new(config))),
};
