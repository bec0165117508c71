use std::sync::Arc;

use super::exec::Join;
use crate::pipeline::NodeConfig;
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, any, arg,
};

/// `|join(other, …)` (N-80…N-89).
pub(crate) static JOIN: NodeSpec = NodeSpec {
    kind: "join",
    method: "join",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Keyed,
    arguments: any("node", K::Node),
    properties: &[
        Property {
            name: "as",
            arguments: any("name", K::String),
            repeat: Repeat::Replace,
            default: "required",
            doc: "The prefixes of the fields of each parent, the node joined on first.",
        },
        Property {
            name: "on",
            arguments: any("tag", K::String),
            repeat: Repeat::Replace,
            default: "the whole group",
            doc: "Joins on fewer tags than some parents are grouped by.",
        },
        Property::value(
            "delimiter",
            &[arg("text", K::String)],
            "'.'",
            "Stands between prefix and field name.",
        ),
        Property::value(
            "deleteAll",
            &[arg("delete", K::Bool)],
            "FALSE",
            "Forgets the marks of all groups when any group is deleted.",
        ),
        Property::value(
            "streamName",
            &[arg("name", K::String)],
            "that of the first parent",
            "The measurement of the result.",
        ),
        Property::value(
            "tolerance",
            &[arg("time", K::Duration)],
            "0s",
            "Times are rounded to multiples of this before they are compared.",
        ),
        Property::value(
            "fill",
            &[arg("fill", K::Any)],
            "'none'",
            "What stands for a parent that lacks the time: 'null', a number, or 'none' for no point at all.",
        ),
    ],
    stats: &[],
    doc: "Joins points, or batches, of several nodes that have the same group and time.",
    check,
    build: |config, _| Ok(Box::new(Join::new(config)?)),
};

pub(super) fn delimiter(config: &NodeConfig) -> Arc<str> {
    config.string("delimiter").unwrap_or_else(|| Arc::from("."))
}

fn check(config: &NodeConfig) -> Result<(), String> {
    let (names, delimiter) = (config.strings("as"), delimiter(config));
    if names.is_empty() {
        return Err("a call to join.as() is required to specify the output stream prefixes.".to_owned());
    }
    if names.len() != config.parents.len() {
        return Err(
            "number of prefixes specified by join.as() must match the number of joined streams".to_owned(),
        );
    }
    for name in &names {
        if name.is_empty() {
            return Err("must provide a prefix name for the join node, see .as() property method".to_owned());
        }
        if !delimiter.is_empty() && name.contains(&*delimiter) {
            // The tab at the end is upstream's.
            return Err(format!(
                "cannot use name {name} as field prefix, it contains the delimiter {}\t",
                capstan_gocompat::strconv::quote(&delimiter)
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
