//! Handlers as properties: what their methods take, and from calls to specifications.

use capstan_alert::{Fill, HandlerKind, HandlerSpec, Method, SpecError, Type};
use serde_json::Value as Json;

use crate::pipeline::HandlerCall;
use crate::registry::{Argument, ArgumentKind as K, Arguments, NONE, Property, Repeat, any, arg, exactly};
use crate::script::Value;

/// The property that makes a handler of a kind.
pub(super) const fn property(kind: &'static HandlerKind) -> Property {
    Property {
        name: kind.method,
        arguments: method_arguments(kind.takes),
        repeat: Repeat::Handler(kind),
        default: "none",
        doc: kind.doc,
    }
}

const TEXT: &[Argument] = &[arg("value", K::String)];
const INT: &[Argument] = &[arg("value", K::Int)];
const FLAG: &[Argument] = &[arg("value", K::Bool)];
const DURATION: &[Argument] = &[arg("value", K::Duration)];
const ANY: &[Argument] = &[arg("value", K::Any)];
const ENTRY_OF_TEXT: &[Argument] = &[arg("key", K::String), arg("value", K::String)];
const ENTRY: &[Argument] = &[arg("key", K::String), arg("value", K::Any)];
const THREE_TEXTS: &[Argument] = &[
    arg("first", K::String),
    arg("second", K::String),
    arg("third", K::String),
];

/// One text and any number of further ones.
const TEXT_AND_MORE: Arguments = Arguments {
    required: TEXT,
    rest: Some(arg("values", K::String)),
};

const fn method_arguments(takes: Method) -> Arguments {
    match takes {
        Method::Nothing => NONE,
        Method::First(_) => exactly(TEXT),
        Method::AtMostFirst(_) | Method::Rest(_) => any("values", K::String),
        Method::FirstAndRest(..) => TEXT_AND_MORE,
    }
}

/// What the property of an option takes.
pub(crate) const fn option_arguments(fill: Fill) -> Arguments {
    match fill {
        Fill::Flag => NONE,
        Fill::Set(Type::Text) => exactly(TEXT),
        Fill::Set(Type::Int) => exactly(INT),
        Fill::Set(Type::Flag) => exactly(FLAG),
        Fill::Set(Type::Duration) => exactly(DURATION),
        Fill::Set(Type::Any) => exactly(ANY),
        Fill::List | Fill::Extend => any("values", K::String),
        Fill::Entry(Type::Text) => exactly(ENTRY_OF_TEXT),
        Fill::Entry(_) => exactly(ENTRY),
        Fill::Row { required: 1, .. } => TEXT_AND_MORE,
        Fill::Row { .. } => exactly(THREE_TEXTS),
    }
}

/// The handler that a script describes.
///
/// # Errors
/// Its settings contradict each other.
pub(super) fn spec(call: &HandlerCall) -> Result<HandlerSpec, SpecError> {
    let arguments: Vec<Json> = call.arguments.iter().map(json).collect();
    let calls: Vec<(_, Vec<Json>)> = call
        .calls
        .iter()
        .map(|(option, values)| (*option, values.iter().map(json).collect()))
        .collect();
    let calls = calls.iter().map(|(option, values)| (*option, &**values));
    HandlerSpec::from_calls(call.kind, &arguments, calls)
}

fn json(value: &Value) -> Json {
    match value {
        Value::Int(value) | Value::Duration(value) => Json::from(*value),
        Value::Float(value) => Json::from(*value),
        Value::Bool(value) => Json::from(*value),
        other => Json::from(other.to_string()),
    }
}
