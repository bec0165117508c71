use std::sync::Arc;

use super::exec::Combine;
use crate::pipeline::NodeConfig;
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, any, arg,
};

/// `|combine(lambda, …)` (N-78, N-79).
pub(crate) static COMBINE: NodeSpec = NodeSpec {
    kind: "combine",
    method: "combine",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Stream,
    shape: Shape::Keyed,
    arguments: any("expression", K::Lambda),
    properties: &[
        Property {
            name: "as",
            arguments: any("name", K::String),
            repeat: Repeat::Replace,
            default: "required",
            doc: "The prefixes of the fields and tags of each point combined, in the order of the expressions.",
        },
        Property::value(
            "delimiter",
            &[arg("text", K::String)],
            "'.'",
            "Stands between prefix and name.",
        ),
        Property::value(
            "tolerance",
            &[arg("time", K::Duration)],
            "0s",
            "Times are rounded to multiples of this.",
        ),
        Property::value(
            "max",
            &[arg("combinations", K::Int)],
            "1000000",
            "How many combinations are tried at most; more end the task.",
        ),
    ],
    stats: &[],
    doc: "Joins the points of a group that have the same time with each other: every combination in which each expression \
          finds a point of its own.",
    check,
    build: |config, builder| Ok(Box::new(Combine::new(config, builder)?)),
};

pub(super) fn delimiter(config: &NodeConfig) -> Arc<str> {
    config.string("delimiter").unwrap_or_else(|| Arc::from("."))
}

fn check(config: &NodeConfig) -> Result<(), String> {
    let (names, delimiter) = (config.strings("as"), delimiter(config));
    if names.is_empty() {
        return Err("a call to combine.as() is required to specify the output stream prefixes.".to_owned());
    }
    if names.len() != config.arguments.len() {
        return Err(
            "number of prefixes specified by combine.as() must match the number of combine expressions"
                .to_owned(),
        );
    }
    for name in &names {
        if name.is_empty() {
            return Err(
                "must provide a prefix name for the combine node, see .as() property method".to_owned(),
            );
        }
        if name.contains(&*delimiter) {
            return Err(format!(
                "cannot use name {name} as field prefix, it contains the delimiter character {delimiter}"
            ));
        }
    }
    if names
        .iter()
        .enumerate()
        .any(|(at, name)| names[..at].contains(name))
    {
        return Err("cannot use the same prefix name see .as() property method".to_owned());
    }
    Ok(())
}
