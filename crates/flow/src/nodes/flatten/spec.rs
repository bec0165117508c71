use super::exec::Flatten;
use crate::registry::{
    ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, any, arg, unchecked,
};

/// `|flatten()` (N-77).
pub(crate) static FLATTEN: NodeSpec = NodeSpec {
    kind: "flatten",
    method: "flatten",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Keyed,
    arguments: NONE,
    properties: &[
        Property {
            name: "on",
            arguments: any("tag", K::String),
            repeat: Repeat::Replace,
            default: "none",
            doc: "The tags whose values become part of the field names.",
        },
        Property::value(
            "delimiter",
            &[arg("text", K::String)],
            "'.'",
            "Stands between the parts of a field name.",
        ),
        Property::value(
            "tolerance",
            &[arg("time", K::Duration)],
            "0s",
            "Times are rounded to multiples of this.",
        ),
        Property {
            name: "dropOriginalFieldName",
            arguments: any("drop", K::Bool),
            repeat: Repeat::Replace,
            default: "off",
            doc: "Makes field names of tag values alone.",
        },
    ],
    stats: &[],
    doc: "Makes one point of all points of a group that have the same time; tag values become part of field names.",
    check: unchecked,
    build: |config, _| Ok(Box::new(Flatten::new(config))),
};
