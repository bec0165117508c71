//! Expressions inside a script: identifiers become literals (T-45), arithmetic is done at once (T-48).

use std::sync::Arc;

use capstan_tick::ast::{Binary, Kind, Node, UnaryOperator};

use super::binder::{Binder, Object, Reported};
use super::literal;
use super::value::Value;

/// Parts of a lambda after its variables are filled in.
const MAX_NODES: usize = 1 << 16;
/// Levels of a lambda after its variables are filled in; the parser's own bound.
const MAX_HEIGHT: usize = 1_000;
/// Bytes of a text that is computed.
const MAX_TEXT: usize = 1 << 20;

/// Whether an expression is small enough. Recursion ends at the bound.
fn within_bounds(body: &Node) -> bool {
    fn visit(node: &Node, height: usize, parts: &mut usize) -> bool {
        *parts += 1;
        *parts <= MAX_NODES
            && height <= MAX_HEIGHT
            && capstan_tick::walk::children(node)
                .into_iter()
                .all(|child| visit(child, height + 1, parts))
    }
    visit(body, 1, &mut 0)
}

impl Binder<'_> {
    /// A copy of an expression in which every identifier is replaced by its value.
    pub(super) fn resolve(&mut self, node: &Node) -> Result<Node, Reported> {
        let kind = match &node.kind {
            Kind::Identifier(name) => {
                let value = match self.lookup(name, node.position)? {
                    Object::Value(value) => literal::node(&value, node.position),
                    _ => None,
                };
                return match value {
                    Some(literal) => Ok(literal),
                    None => Err(self.report_unplaced(
                        "not-a-literal",
                        node.position,
                        format!("cannot use {name:?} in an expression, it is not a literal value"),
                    )),
                };
            }
            Kind::Unary { operator, operand } => Kind::Unary {
                operator: *operator,
                operand: Box::new(self.resolve(operand)?),
            },
            Kind::Binary(_) => return self.resolve_binary(node),
            Kind::Call(call) => {
                let mut call = call.clone();
                let args: Vec<_> = call.args.iter().map(|arg| self.resolve(arg)).collect();
                call.args = args.into_iter().collect::<Result<_, _>>()?;
                Kind::Call(call)
            }
            Kind::Lambda(body) => Kind::Lambda(Box::new(self.resolve(body)?)),
            other => other.clone(),
        };
        Ok(Node {
            position: node.position,
            comment: node.comment.clone(),
            kind,
        })
    }

    /// A chain of operators. Long ones lean to the left, so the left side is walked without recursion.
    fn resolve_binary(&mut self, node: &Node) -> Result<Node, Reported> {
        let mut spine = Vec::new();
        let mut left = node;
        while let Kind::Binary(binary) = &left.kind {
            spine.push((left, binary));
            left = &binary.left;
        }
        let mut resolved = self.resolve(left);
        for (node, binary) in spine.into_iter().rev() {
            // Both sides, so that the mistakes of both are told.
            let right = self.resolve(&binary.right);
            resolved = match (resolved, right) {
                (Ok(left), Ok(right)) => {
                    let binary = Binary {
                        left,
                        right,
                        ..**binary
                    };
                    let kind = Kind::Binary(Box::new(binary));
                    Ok(Node {
                        position: node.position,
                        comment: node.comment.clone(),
                        kind,
                    })
                }
                _ => Err(Reported),
            };
        }
        resolved
    }

    /// A lambda with its identifiers resolved.
    pub(super) fn lambda(&mut self, body: &Node) -> Result<Object, Reported> {
        let body = match &body.kind {
            Kind::Lambda(inner) => self.resolve(inner)?,
            _ => self.resolve(body)?,
        };
        // `lambda: isUp` with a lambda in the variable is that lambda.
        let body = match body.kind {
            Kind::Lambda(inner) => *inner,
            _ => body,
        };
        // Variables that hold lambdas can double with every line; Kapacitor runs out of memory then.
        if !within_bounds(&body) {
            let message =
                format!("expression has more than {MAX_NODES} parts or more than {MAX_HEIGHT} levels");
            return Err(self.report("too-large", body.position, message));
        }
        Ok(Object::Value(Value::Lambda(Arc::new(body))))
    }

    /// Script-level arithmetic, by the rules of lambdas in an empty scope.
    pub(super) fn arithmetic(&mut self, node: &Node) -> Result<Object, Reported> {
        let resolved = self.resolve(node)?;
        if let Some(name) = capstan_tick::walk::references(&resolved).first() {
            let hint = "double quotes name fields and tags; a string has single quotes";
            let message = format!("name {name:?} is undefined. Names in scope: ");
            return Err(self.report_hint("undefined-name", node.position, message, hint));
        }
        let value = match capstan_expr::eval_constant(&resolved) {
            Ok(value) => value,
            Err(error) => {
                return Err(self.report_unplaced("bad-expression", node.position, error.to_string()));
            }
        };
        use capstan_expr::Value as E;
        Ok(Object::Value(match value {
            E::Float(v) => Value::Float(v),
            E::Int(v) => Value::Int(v),
            E::Bool(v) => Value::Bool(v),
            E::String(v) if v.len() > MAX_TEXT => {
                let message = format!("text of more than {MAX_TEXT} bytes");
                return Err(self.report("too-large", node.position, message));
            }
            E::String(v) => Value::String(Arc::from(v.as_str())),
            E::Duration(v) => Value::Duration(v),
            E::Regex(v) => Value::Regex(Arc::from(v.as_str())),
            E::Time(_) | E::Missing | E::Null => {
                let message = "expression has no value that a script can use";
                return Err(self.report_unplaced("bad-expression", node.position, message));
            }
        }))
    }

    /// `-x` and `!x` (T-49).
    pub(super) fn unary(
        &mut self,
        node: &Node,
        operator: UnaryOperator,
        operand: &Node,
    ) -> Result<Object, Reported> {
        let object = self.eval(operand)?;
        let object = self.resolved(object)?;
        let value = match (operator, &object) {
            (UnaryOperator::Minus, Object::Value(Value::Int(v))) => Value::Int(v.wrapping_neg()),
            (UnaryOperator::Minus, Object::Value(Value::Float(v))) => Value::Float(-v),
            (UnaryOperator::Minus, Object::Value(Value::Duration(v))) => Value::Duration(v.wrapping_neg()),
            (UnaryOperator::Not, Object::Value(Value::Bool(v))) => Value::Bool(!v),
            _ => {
                // The misspelling is Kapacitor's, and what people search for.
                let message = format!(
                    "invalid arugument to '{}' {}",
                    operator.as_str(),
                    object.described()
                );
                return Err(self.report("bad-operand", node.position, message));
            }
        };
        Ok(Object::Value(value))
    }
}
