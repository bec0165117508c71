use super::exec::Default;
use crate::pipeline::NodeConfig;
use crate::registry::{
    ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, arg, exactly,
};
use crate::script::Value;

/// `|default()`.
pub(crate) static DEFAULT: NodeSpec = NodeSpec {
    kind: "default",
    method: "default",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Map,
    arguments: NONE,
    properties: &[
        Property {
            name: "field",
            arguments: exactly(&[arg("name", K::String), arg("value", K::Any)]),
            repeat: Repeat::Append,
            default: "none",
            doc: "The value of a field that a point does not have.",
        },
        Property {
            name: "tag",
            arguments: exactly(&[arg("name", K::String), arg("value", K::String)]),
            repeat: Repeat::Append,
            default: "none",
            doc: "The value of a tag that a point does not have or that is empty.",
        },
    ],
    stats: &["fields_defaulted", "tags_defaulted"],
    doc: "Fills in fields and tags that points lack.",
    check,
    build: |config, _| Ok(Box::new(Default::new(config))),
};

fn check(config: &NodeConfig) -> Result<(), String> {
    for call in config.calls("field") {
        match call {
            [
                Value::String(_),
                Value::Float(_) | Value::Int(_) | Value::String(_) | Value::Bool(_),
            ] => {}
            [Value::String(name), other] => {
                return Err(format!(
                    "unsupported type {} for field \"{name}\", field default values must be float,int,string or bool",
                    other.go_type()
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
