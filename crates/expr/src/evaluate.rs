//! The row interpreter: one point at a time, whatever types it has. The columnar form must agree with it.

use std::borrow::Cow;

use capstan_tick::ast::{BinaryOperator, UnaryOperator};
use smallvec::SmallVec;

use crate::compile::{Call, Kind, Node};
use crate::compiled::Compiled;
use crate::error::{CallError, EvalError, Side};
use crate::functions::{self, Body};
use crate::infer::{self, InScope};
use crate::operators;
use crate::scope::Scope;
use crate::state::State;
use crate::value::{Datum, ScopeValue, Type, Value};

/// Evaluates to whatever type the expression has for this point.
pub(crate) fn any(compiled: &Compiled, state: &mut State, scope: &dyn Scope) -> Result<Value, EvalError> {
    let run = Run { compiled, scope };
    let root = &compiled.root;
    match run.infer(root)? {
        found @ (Type::Time | Type::Regex | Type::Invalid) => Err(EvalError::UnexpectedType {
            found: found.as_str(),
        }),
        Type::Missing => Err(run.missing(root, Side::Alone)),
        _ => Ok(run.eval(root, state)?.into_value()),
    }
}

/// Evaluates to a type asked for; a result of another type is an error.
pub(crate) fn typed(
    compiled: &Compiled,
    state: &mut State,
    scope: &dyn Scope,
    expected: Type,
) -> Result<Value, EvalError> {
    let run = Run { compiled, scope };
    let root = &compiled.root;
    let value = run.eval(root, state)?;
    let found = value.type_of();
    if found == expected {
        return Ok(value.into_value());
    }
    if found == Type::Missing {
        return Err(run.missing(root, Side::Alone));
    }
    // compat: operators name Go's types unless a number was asked for.
    let by_operator = matches!(root.kind, Kind::Binary { .. } | Kind::Chain { .. });
    Err(if by_operator && !matches!(expected, Type::Int | Type::Float) {
        EvalError::UnexpectedType {
            found: go_name(found),
        }
    } else {
        EvalError::TypeGuard { found, expected }
    })
}

const fn go_name(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::Int => "int64",
        Type::Float => "float64",
        _ => "<nil>",
    }
}

/// A literal as a value under evaluation.
pub(crate) fn literal(value: &Value) -> Datum<'_> {
    match value {
        Value::Float(v) => Datum::Float(*v),
        Value::Int(v) => Datum::Int(*v),
        Value::Bool(v) => Datum::Bool(*v),
        Value::String(v) => Datum::String(Cow::Borrowed(v)),
        Value::Regex(v) => Datum::Regex(v),
        Value::Time(v) => Datum::Time(*v),
        Value::Duration(v) => Datum::Duration(*v),
        Value::Missing | Value::Null => Datum::Missing,
    }
}

/// What a caller's function returned, as a value under evaluation. Types without a borrowed form are refused.
fn answered<'a>(value: Value) -> Result<Datum<'a>, CallError> {
    Ok(match value {
        Value::Float(v) => Datum::Float(v),
        Value::Int(v) => Datum::Int(v),
        Value::Bool(v) => Datum::Bool(v),
        Value::String(v) => Datum::String(Cow::Owned(v.into())),
        Value::Time(v) => Datum::Time(v),
        Value::Duration(v) => Datum::Duration(v),
        Value::Regex(_) | Value::Missing | Value::Null => {
            return Err(CallError::Other(format!(
                "unexpected result of type {}",
                value.type_of()
            )));
        }
    })
}

struct Run<'a> {
    compiled: &'a Compiled,
    scope: &'a dyn Scope,
}

impl<'a> Run<'a> {
    fn infer(&self, node: &Node) -> Result<Type, EvalError> {
        infer::infer(
            self.compiled,
            node,
            &InScope {
                compiled: self.compiled,
                scope: self.scope,
            },
        )
    }

    fn eval(&self, node: &'a Node, state: &mut State) -> Result<Datum<'a>, EvalError> {
        match &node.kind {
            Kind::Literal(value) => Ok(literal(value)),
            Kind::Reference { slot } => self.reference(*slot),
            Kind::Unary { operator, operand } => self.unary(*operator, node, operand, state),
            Kind::Binary {
                operator,
                operands,
                fixed,
            } => {
                let (left, right) = &**operands;
                self.binary(*operator, left, right, *fixed, state)
            }
            Kind::Chain {
                operator,
                operands,
                dynamic,
            } => self.chain(*operator, operands, *dynamic, state),
            Kind::Call(call) => self.call(call, state),
            Kind::Lambda(body) => self.eval(body, state),
        }
    }

    fn reference(&self, slot: usize) -> Result<Datum<'a>, EvalError> {
        Ok(match self.scope.get(slot) {
            ScopeValue::Float(v) => Datum::Float(v),
            ScopeValue::Int(v) => Datum::Int(v),
            ScopeValue::Bool(v) => Datum::Bool(v),
            ScopeValue::String(v) => Datum::String(Cow::Borrowed(v)),
            ScopeValue::Regex(v) => Datum::Regex(v),
            ScopeValue::Time(v) => Datum::Time(v),
            ScopeValue::Duration(v) => Datum::Duration(v),
            ScopeValue::Missing => Datum::Missing,
            ScopeValue::Undefined => {
                let names = infer::names_in_scope(self.compiled, self.scope);
                return Err(infer::undefined(self.compiled, slot, names));
            }
            ScopeValue::Null => {
                return Err(EvalError::Nil {
                    name: infer::name(self.compiled, slot).to_owned(),
                });
            }
        })
    }

    fn unary(
        &self,
        operator: UnaryOperator,
        node: &Node,
        operand: &'a Node,
        state: &mut State,
    ) -> Result<Datum<'a>, EvalError> {
        let value = self.eval(operand, state)?;
        Ok(match (operator, value) {
            (_, Datum::Missing) => return Err(self.missing(operand, Side::Alone)),
            // compat: a minus before a boolean negates it, too.
            (_, Datum::Bool(v)) => Datum::Bool(!v),
            (UnaryOperator::Minus, Datum::Float(v)) => Datum::Float(-v),
            (UnaryOperator::Minus, Datum::Int(v)) => Datum::Int(v.wrapping_neg()),
            (UnaryOperator::Minus, Datum::Duration(v)) => Datum::Duration(v.wrapping_neg()),
            (UnaryOperator::Not, other) => {
                return Err(EvalError::TypeGuard {
                    found: other.type_of(),
                    expected: Type::Bool,
                });
            }
            (UnaryOperator::Minus, other) => {
                let found = node.constant.unwrap_or(Type::Invalid);
                return Err(EvalError::TypeGuard {
                    found,
                    expected: other.type_of(),
                });
            }
        })
    }

    fn binary(
        &self,
        operator: BinaryOperator,
        left: &'a Node,
        right: &'a Node,
        fixed: Option<(Type, Type)>,
        state: &mut State,
    ) -> Result<Datum<'a>, EvalError> {
        if fixed.is_some() {
            return operators::apply(operator, self.eval(left, state)?, self.eval(right, state)?);
        }
        // Both types are known before either side runs, so that a state does not advance when the other side is refused.
        // Leaves have no state: their value tells the type.
        let (left_leaf, left_type) = self.leaf_or_type(left)?;
        let (right_leaf, right_type) = self.leaf_or_type(right)?;
        if operators::result_type(operator, left_type, right_type).is_none() {
            return Err(self.refuse(operator, (left, left_type), (right, right_type)));
        }
        let left = match left_leaf {
            Some(value) => value,
            None => self.eval(left, state)?,
        };
        let right = match right_leaf {
            Some(value) => value,
            None => self.eval(right, state)?,
        };
        operators::apply(operator, left, right)
    }

    fn leaf_or_type(&self, node: &'a Node) -> Result<(Option<Datum<'a>>, Type), EvalError> {
        let value = match &node.kind {
            Kind::Literal(value) => literal(value),
            Kind::Reference { slot } => self.reference(*slot)?,
            _ => return Ok((None, self.infer(node)?)),
        };
        let ty = value.type_of();
        Ok((Some(value), ty))
    }

    /// `AND` and `OR` look up the types of bare references and calls first, then stop at the first value that decides (E-09).
    fn chain(
        &self,
        operator: BinaryOperator,
        operands: &'a [Node],
        dynamic: bool,
        state: &mut State,
    ) -> Result<Datum<'a>, EvalError> {
        let [first, rest @ ..] = operands else {
            return Ok(Datum::Bool(operator == BinaryOperator::And));
        };
        let looked_up = if dynamic { rest } else { &[] };
        for (index, right) in looked_up.iter().enumerate().rev() {
            let left_type = if index > 0 {
                Type::Bool
            } else if first.dynamic || right.dynamic {
                self.infer(first)?
            } else {
                break;
            };
            let right_type = self.infer(right)?;
            if left_type != Type::Bool || right_type != Type::Bool {
                return Err(self.refuse(operator, (first, left_type), (right, right_type)));
            }
        }
        for operand in operands {
            let value = match self.eval(operand, state)? {
                Datum::Bool(value) => value,
                other => {
                    return Err(EvalError::TypeGuard {
                        found: other.type_of(),
                        expected: Type::Bool,
                    });
                }
            };
            if value == (operator == BinaryOperator::Or) {
                return Ok(Datum::Bool(value));
            }
        }
        Ok(Datum::Bool(operator == BinaryOperator::And))
    }

    fn call(&self, call: &'a Call, state: &mut State) -> Result<Datum<'a>, EvalError> {
        let mut values: SmallVec<[Option<Datum<'a>>; 4]> = SmallVec::new();
        let mut types: SmallVec<[Type; 4]> = SmallVec::new();
        for (index, arg) in call.args.iter().enumerate() {
            let (value, ty) = self
                .leaf_or_type(arg)
                .map_err(|error| error.in_argument(index + 1))?;
            values.push(value);
            types.push(ty);
        }
        let names = || infer::names_in_scope(self.compiled, self.scope);
        let (function, _) = infer::resolve(self.compiled, call, &types, names)?;
        let mut args: SmallVec<[Datum<'a>; 4]> = SmallVec::new();
        for (index, value) in values.into_iter().enumerate() {
            args.push(match value {
                Some(value) => value,
                None if types[index] == Type::Missing => Datum::Missing,
                None => self
                    .eval(&call.args[index], state)
                    .map_err(|error| error.in_argument(index + 1))?,
            });
        }
        let result = match function.body {
            Body::Float1(f) => match args.as_slice() {
                [Datum::Float(x)] => Ok(Datum::Float(f(*x))),
                other => Err(functions::unexpected(other)),
            },
            Body::Float2(f) => match args.as_slice() {
                [Datum::Float(x), Datum::Float(y)] => Ok(Datum::Float(f(*x, *y))),
                other => Err(functions::unexpected(other)),
            },
            Body::Pure(f) => f(&args),
            Body::World(f) => f(&self.compiled.environment, &args),
            Body::Stateful(_) => match state.cells.get_mut(call.cell) {
                Some(cell) => functions::step(cell, &args),
                None => Err(CallError::Other("state belongs to another expression".to_owned())),
            },
            Body::Scope => {
                let args: Vec<Value> = args.into_iter().map(Datum::into_value).collect();
                self.scope.call(function.name, &args).and_then(answered)
            }
        };
        result.map_err(|source| match source {
            CallError::SliceBounds { .. } => EvalError::Range(source),
            source => EvalError::Call {
                function: function.name,
                source,
            },
        })
    }

    /// Why an operator refuses operands of these types; says so when one is simply not there (E-05).
    fn refuse(&self, operator: BinaryOperator, left: (&Node, Type), right: (&Node, Type)) -> EvalError {
        if left.1 == Type::Missing {
            self.missing(left.0, Side::Left)
        } else if right.1 == Type::Missing {
            self.missing(right.0, Side::Right)
        } else {
            operators::refuse(operator, left.1, right.1).into()
        }
    }

    /// The error for a value that is not there: names the reference under the operators before it.
    fn missing(&self, node: &Node, side: Side) -> EvalError {
        let mut inner = node;
        loop {
            match &inner.kind {
                Kind::Unary { operand, .. } => inner = operand,
                Kind::Lambda(body) => inner = body,
                Kind::Reference { slot } => {
                    return EvalError::Missing {
                        side,
                        name: infer::name(self.compiled, *slot).to_owned(),
                    };
                }
                _ => {
                    return EvalError::Missing {
                        side,
                        name: String::new(),
                    };
                }
            }
        }
    }
}
