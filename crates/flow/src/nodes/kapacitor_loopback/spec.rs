use super::exec::KapacitorLoopback;
use crate::pipeline::NodeConfig;
use crate::registry::{
    ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, arg, exactly,
};

/// `|kapacitorLoopback()` (N-170).
pub(crate) static KAPACITOR_LOOPBACK: NodeSpec = NodeSpec {
    kind: "kapacitor_loopback",
    method: "kapacitorLoopback",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Nothing,
    shape: Shape::Async,
    arguments: NONE,
    properties: &[
        Property::value(
            "database",
            &[arg("name", K::String)],
            "required",
            "The database to write to.",
        ),
        Property::value(
            "retentionPolicy",
            &[arg("name", K::String)],
            "required",
            "The retention policy to write to.",
        ),
        Property::value(
            "measurement",
            &[arg("name", K::String)],
            "the point's own",
            "The measurement to write to.",
        ),
        Property {
            name: "tag",
            arguments: exactly(&[arg("key", K::String), arg("value", K::String)]),
            repeat: Repeat::Append,
            default: "none",
            doc: "Sets a tag on each point.",
        },
    ],
    stats: &["points_written"],
    doc: "Writes points back into this server, as if a client had written them.",
    check,
    build: |config, builder| Ok(Box::new(KapacitorLoopback::new(config, builder)?)),
};

fn check(config: &NodeConfig) -> Result<(), String> {
    let missing = |name| config.string(name).is_none_or(|text| text.is_empty());
    if missing("database") {
        return Err("must specify a database".to_owned());
    }
    if missing("retentionPolicy") {
        return Err("must specify a retention policy".to_owned());
    }
    Ok(())
}
