use super::exec::Sideload;
use crate::registry::{
    ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, any, arg, exactly,
    unchecked,
};

/// `|sideload()`.
pub(crate) static SIDELOAD: NodeSpec = NodeSpec {
    kind: "sideload",
    method: "sideload",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Whole,
    arguments: NONE,
    properties: &[
        Property::value(
            "source",
            &[arg("url", K::String)],
            "none",
            "Where the files are: `file:///absolute/directory`, an HTTP URL, or a configured endpoint.",
        ),
        Property {
            name: "order",
            arguments: any("path", K::String),
            repeat: Repeat::Replace,
            default: "none",
            doc: "Templates of file names over a point's tags; the first file that has a value gives it.",
        },
        Property {
            name: "field",
            arguments: exactly(&[arg("name", K::String), arg("default", K::Any)]),
            repeat: Repeat::Append,
            default: "none",
            doc: "Loads a field; the default says its type.",
        },
        Property {
            name: "tag",
            arguments: exactly(&[arg("name", K::String), arg("default", K::String)]),
            repeat: Repeat::Append,
            default: "none",
            doc: "Loads a tag.",
        },
    ],
    stats: &[],
    doc: "Adds fields and tags from files beside the data.",
    check: unchecked,
    build: |config, builder| Ok(Box::new(Sideload::new(config, builder)?)),
};
