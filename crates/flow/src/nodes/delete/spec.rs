use super::exec::Delete;
use crate::registry::{
    ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, arg, exactly,
    unchecked,
};

/// `|delete()`.
pub(crate) static DELETE: NodeSpec = NodeSpec {
    kind: "delete",
    method: "delete",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Map,
    arguments: NONE,
    properties: &[
        Property {
            name: "field",
            arguments: exactly(&[arg("name", K::String)]),
            repeat: Repeat::Append,
            default: "none",
            doc: "A field to remove.",
        },
        Property {
            name: "tag",
            arguments: exactly(&[arg("name", K::String)]),
            repeat: Repeat::Append,
            default: "none",
            doc: "A tag to remove; groups by it become groups without it.",
        },
    ],
    stats: &["fields_deleted", "tags_deleted"],
    doc: "Removes fields and tags.",
    check: unchecked,
    build: |config, _| Ok(Box::new(Delete::new(config))),
};
