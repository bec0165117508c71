//! Arguments against what a method takes (T-53, T-67…T-69).

use std::sync::Arc;

use capstan_tick::ast::{Binary, BinaryOperator, Kind, Node, Position};

use super::binder::{Arg, Object};
use super::error::DefineError;
use super::value::Value;
use crate::pipeline::NodeId;
use crate::registry::{Argument, ArgumentKind, Arguments};

/// Checked arguments.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) values: Vec<Value>,
    pub(super) nodes: Vec<NodeId>,
}

/// Checks number and types. Errors stand at the call, as Kapacitor's do.
pub(super) fn check(
    name: &str,
    takes: Arguments,
    args: &[Arg],
    position: Position,
) -> Result<Given, DefineError> {
    let required = takes.required.len();
    let error = |message: String| DefineError::at("bad-arguments", position, message);
    if let Some(reference) =
        args.iter()
            .zip(kinds(takes))
            .find_map(|(arg, wanted)| match (&arg.object, wanted.kind) {
                (Object::Reference(name), ArgumentKind::String) => Some(name),
                _ => None,
            })
    {
        // compat: the sentence clients know (T-67).
        return Err(error(
            "cannot assign *ast.ReferenceNode to type string, did you use double quotes instead of single quotes?"
                .to_owned(),
        )
        .with_hint(format!("write '{reference}'")));
    }
    if args.len() < required {
        let missing: Vec<&str> = takes.required[args.len()..]
            .iter()
            .map(|argument| argument.name)
            .collect();
        return Err(error(format!(
            "{name}: too few arguments, missing {}",
            missing.join(", ")
        )));
    }
    if args.len() > required && takes.rest.is_none() {
        return Err(error(format!(
            "{name}: too many arguments, expected {required}, got {}",
            args.len()
        )));
    }
    let mut given = Given::default();
    for (at, (arg, wanted)) in args.iter().zip(kinds(takes)).enumerate() {
        match (&arg.object, wanted.kind) {
            (Object::Node(id) | Object::Handler(id, _), ArgumentKind::Node) => given.nodes.push(*id),
            (Object::Value(value), kind) if fits(value, kind) => given.values.push(value.clone()),
            (other, kind) => {
                let problem = error(format!(
                    "{name}: argument {} ({}) must be {}, got {}",
                    at + 1,
                    wanted.name,
                    kind.wanted(),
                    other.described()
                ));
                return Err(match hint(other, kind) {
                    Some(hint) => problem.with_hint(hint),
                    None => problem,
                });
            }
        }
    }
    Ok(given)
}

/// What each argument has to be, the last one for ever if it may repeat.
fn kinds(takes: Arguments) -> impl Iterator<Item = Argument> {
    takes
        .required
        .iter()
        .copied()
        .chain(std::iter::repeat_n(takes.rest, 1 << 16).flatten())
}

fn fits(value: &Value, kind: ArgumentKind) -> bool {
    matches!(
        (kind, value),
        (ArgumentKind::Any, _)
            | (ArgumentKind::String, Value::String(_))
            | (ArgumentKind::Int, Value::Int(_))
            | (ArgumentKind::Float, Value::Float(_))
            | (ArgumentKind::Bool, Value::Bool(_))
            | (ArgumentKind::Duration, Value::Duration(_))
            | (ArgumentKind::Lambda, Value::Lambda(_))
            | (ArgumentKind::IntOrDuration, Value::Int(_) | Value::Duration(_))
    )
}

fn hint(given: &Object, kind: ArgumentKind) -> Option<String> {
    let Object::Value(value) = given else { return None };
    match (kind, value) {
        (ArgumentKind::Float, Value::Int(value)) => Some(format!("write `{value}.0`")),
        (ArgumentKind::Int, Value::Float(_)) => Some("leave out the decimal point".to_owned()),
        (ArgumentKind::Duration, Value::Int(value)) => Some(format!("a duration has a unit: `{value}s`")),
        (ArgumentKind::Duration, Value::String(_)) => Some("a duration has no quotes: `10s`".to_owned()),
        (ArgumentKind::Lambda, _) => Some("write `lambda: …`".to_owned()),
        _ => None,
    }
}

/// `left AND right` (N-32).
pub(super) fn and(left: &Arc<Node>, right: &Arc<Node>) -> Value {
    let binary = Binary {
        operator: BinaryOperator::And,
        operator_position: right.position,
        left: (**left).clone(),
        right: (**right).clone(),
        parens: false,
        multi_line: false,
    };
    Value::Lambda(Arc::new(Node::new(left.position, Kind::Binary(Box::new(binary)))))
}
