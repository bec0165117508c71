//! Values as syntax and back (T-45, T-46).

use std::sync::Arc;

use capstan_gocompat::duration;
use capstan_tick::ast::{Kind, Node, Position, UnaryOperator};

use super::value::Value;

/// The literal that stands for a value; `None` for values that no expression can hold.
pub(super) fn node(value: &Value, position: Position) -> Option<Node> {
    let negative = |kind| Kind::Unary {
        operator: UnaryOperator::Minus,
        operand: Box::new(Node::new(position, kind)),
    };
    let kind = match value {
        Value::Bool(value) => Kind::Bool(*value),
        // The most negative integer has no positive counterpart; wrapping makes the negation of itself itself.
        Value::Int(value) if *value < 0 => negative(Kind::Int {
            value: value.wrapping_neg(),
            octal: false,
        }),
        Value::Int(value) => Kind::Int {
            value: *value,
            octal: false,
        },
        Value::Float(value) if *value < 0.0 => negative(Kind::Float(-value)),
        Value::Float(value) => Kind::Float(*value),
        Value::Duration(nanos) if *nanos < 0 => negative(duration_literal(nanos.wrapping_neg())),
        Value::Duration(nanos) => duration_literal(*nanos),
        Value::String(text) => Kind::String {
            value: text.to_string(),
            triple: text.contains('\n') && !text.contains("'''"),
        },
        Value::Regex(pattern) => Kind::Regex(pattern.to_string()),
        // A lambda keeps a state of its own inside of another one (E-11c).
        Value::Lambda(body) => Kind::Lambda(Box::new((**body).clone())),
        Value::Star | Value::List(_) | Value::TimeDimension { .. } => return None,
    };
    Some(Node::new(position, kind))
}

fn duration_literal(nanos: i64) -> Kind {
    Kind::Duration {
        nanos,
        literal: duration::format_influx(nanos),
    }
}

/// What a literal of the language means; `None` when the node is not a literal.
pub(super) fn value(kind: &Kind) -> Option<Value> {
    Some(match kind {
        Kind::Int { value, .. } => Value::Int(*value),
        Kind::Float(value) => Value::Float(*value),
        Kind::Duration { nanos, .. } => Value::Duration(*nanos),
        Kind::Bool(value) => Value::Bool(*value),
        Kind::String { value, .. } => Value::String(Arc::from(value.as_str())),
        Kind::Regex(pattern) => Value::Regex(Arc::from(pattern.as_str())),
        Kind::Star => Value::Star,
        _ => return None,
    })
}

/// The script text of a lambda.
pub(super) fn lambda_text(body: &Node) -> String {
    let lambda = Node::new(body.position, Kind::Lambda(Box::new(body.clone())));
    capstan_tick::format_node(&lambda).trim_end().to_owned()
}
