use super::exec::Eval;
use crate::pipeline::NodeConfig;
use crate::registry::{ArgumentKind as K, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, any};

/// `|eval(lambda: …, …)`.
pub(crate) static EVAL: NodeSpec = NodeSpec {
    kind: "eval",
    method: "eval",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Keyed,
    arguments: any("expression", K::Lambda),
    properties: &[
        Property {
            name: "as",
            arguments: any("name", K::String),
            repeat: Repeat::Replace,
            default: "none",
            doc: "Names the results, one per expression.",
        },
        Property {
            name: "tags",
            arguments: any("name", K::String),
            repeat: Repeat::Replace,
            default: "none",
            doc: "Makes these results tags; they must be strings.",
        },
        Property {
            name: "keep",
            arguments: any("field", K::String),
            repeat: Repeat::Replace,
            default: "only results are kept",
            doc: "Keeps all fields, or exactly the ones named.",
        },
    ],
    stats: &[],
    doc: "Computes new fields and tags from expressions; later ones can use the results of earlier ones.",
    check,
    build: |config, builder| Ok(Box::new(Eval::new(config, builder)?)),
};

fn check(config: &NodeConfig) -> Result<(), String> {
    let names = config.strings("as");
    let expressions = config.arguments.len();
    if names.len() != expressions {
        return Err(format!(
            "must specify same number of expressions and .as() names: got {} as names, and {expressions} expressions.",
            names.len()
        ));
    }
    match config.strings("tags").iter().find(|tag| !names.contains(tag)) {
        Some(tag) => Err(format!(
            "invalid tag name \"{tag}\", name is not present is .as() names"
        )),
        None => Ok(()),
    }
}
