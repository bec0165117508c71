//! A syntax tree in the shape of the cases: `{node, at: [byte, line, char], …}` with Kapacitor's field names.

use capstan_tick::ast::{
    BinaryOperator, CallKind, ChainOperator, Comment, Kind, Node, Position, UnaryOperator,
};
use capstan_tick::token::TokenKind;
use serde_json::{Map, Value as Json, json};

/// Fields that a case leaves out when they have their zero value.
fn is_zero(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(value) => !value,
        Json::Number(value) => value.as_f64() == Some(0.0),
        Json::String(value) => value.is_empty(),
        Json::Array(values) => values.is_empty(),
        Json::Object(_) => false,
    }
}

/// Compares trees; a field that one side leaves out must be zero on the other.
pub(super) fn compare(expected: &Json, actual: &Json) -> Result<(), String> {
    match (expected, actual) {
        (Json::Object(left), Json::Object(right)) => {
            for key in left.keys().chain(right.keys()) {
                let (a, b) = (
                    left.get(key).unwrap_or(&Json::Null),
                    right.get(key).unwrap_or(&Json::Null),
                );
                if !(is_zero(a) && is_zero(b)) {
                    compare(a, b).map_err(|error| format!("{key}.{error}"))?;
                }
            }
            Ok(())
        }
        (Json::Array(left), Json::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .enumerate()
            .try_for_each(|(index, (a, b))| compare(a, b).map_err(|error| format!("{index}.{error}"))),
        (Json::Number(a), Json::Number(b)) if a.as_f64() == b.as_f64() => Ok(()),
        (a, b) if a == b => Ok(()),
        (a, b) => Err(format!(": expected {a}, got {b}")),
    }
}

pub(super) fn of(node: &Node) -> Json {
    let (name, mut fields) = fields(node);
    fields.insert("node".to_owned(), name.into());
    fields.insert("at".to_owned(), at(node.position));
    if let Some(above) = &node.comment {
        fields.insert("Comment".to_owned(), comment(above));
    }
    Json::Object(fields)
}

fn fields(node: &Node) -> (&'static str, Map<String, Json>) {
    let (name, fields) = match &node.kind {
        Kind::Int { value, octal } => (
            "NumberNode",
            json!({"IsInt": true, "Int64": value, "Base": if *octal { 8 } else { 10 }}),
        ),
        Kind::Float(value) => ("NumberNode", json!({"IsFloat": true, "Float64": value})),
        Kind::Duration { nanos, literal } => (
            "DurationNode",
            json!({"Dur": {"duration_ns": nanos}, "Literal": literal}),
        ),
        Kind::Bool(value) => ("BoolNode", json!({"Bool": value})),
        Kind::String { value, triple } => ("StringNode", json!({"Literal": value, "TripleQuotes": triple})),
        Kind::Regex(pattern) => (
            "RegexNode",
            json!({"Literal": pattern.replace('/', "\\/"), "Regex": {"regex": pattern}}),
        ),
        Kind::Star => ("StarNode", json!({})),
        Kind::Identifier(name) => ("IdentifierNode", json!({"Ident": name})),
        Kind::Reference(name) => ("ReferenceNode", json!({"Reference": name})),
        Kind::List(items) => ("ListNode", json!({"Nodes": all(items)})),
        Kind::Unary { operator, operand } => {
            let token = match operator {
                UnaryOperator::Minus => TokenKind::Operator(BinaryOperator::Subtract),
                UnaryOperator::Not => TokenKind::Not,
            };
            (
                "UnaryNode",
                json!({"Operator": token_name(token), "Node": of(operand)}),
            )
        }
        Kind::Binary(binary) => (
            "BinaryNode",
            json!({
                "Operator": token_name(TokenKind::Operator(binary.operator)),
                "Left": of(&binary.left),
                "Right": of(&binary.right),
                "Parens": binary.parens,
                "MultiLine": binary.multi_line,
            }),
        ),
        Kind::Call(call) => {
            let kind = match call.kind {
                CallKind::Global => "GlobalFunc",
                CallKind::Chain => "ChainFunc",
                CallKind::Property => "PropertyFunc",
                CallKind::Dynamic => "DynamicFunc",
            };
            let fields = json!({"Func": call.name, "Type": kind, "Args": all(&call.args), "MultiLine": call.multi_line});
            ("FunctionNode", fields)
        }
        Kind::Lambda(body) => ("LambdaNode", json!({"Expression": of(body)})),
        Kind::Chain {
            operator,
            left,
            right,
        } => {
            let token = match operator {
                ChainOperator::Pipe => TokenKind::Pipe,
                ChainOperator::Dot => TokenKind::Dot,
                ChainOperator::At => TokenKind::At,
            };
            (
                "ChainNode",
                json!({"Operator": token_name(token), "Left": of(left), "Right": of(right)}),
            )
        }
        Kind::Declaration { name, value } => {
            ("DeclarationNode", json!({"Left": of(name), "Right": of(value)}))
        }
        Kind::TypeDeclaration { name, type_name } => (
            "TypeDeclarationNode",
            json!({"Node": of(name), "Type": of(type_name)}),
        ),
        Kind::Dbrp {
            database,
            retention_policy,
        } => (
            "DBRPNode",
            json!({"DB": of(database), "RP": of(retention_policy)}),
        ),
        Kind::Comment(inner) => ("CommentNode", json!({"Comments": inner.lines})),
        Kind::Program(statements) => ("ProgramNode", json!({"Nodes": all(statements)})),
    };
    match fields {
        Json::Object(fields) => (name, fields),
        _ => (name, Map::new()),
    }
}

fn all(nodes: &[Node]) -> Vec<Json> {
    nodes.iter().map(of).collect()
}

fn token_name(token: TokenKind) -> String {
    format!("Token{}", token.name())
}

fn comment(comment: &Comment) -> Json {
    json!({"node": "CommentNode", "at": at(comment.position), "Comments": comment.lines})
}

fn at(position: Position) -> Json {
    json!([position.byte, position.line, position.char])
}
