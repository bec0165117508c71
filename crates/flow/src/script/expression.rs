//! Expressions inside a script: identifiers become literals (T-45), arithmetic is done at once (T-48).

use std::sync::Arc;

use capstan_tick::ast::{Kind, Node, UnaryOperator};

use super::binder::{Binder, Object, Reported};
use super::literal;
use super::value::Value;

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
            Kind::Binary(binary) => {
                let mut binary = binary.clone();
                // Both sides, so that the mistakes of both are told.
                let left = self.resolve(&binary.left);
                let right = self.resolve(&binary.right);
                (binary.left, binary.right) = (left?, right?);
                Kind::Binary(binary)
            }
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
