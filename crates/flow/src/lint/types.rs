//! Which types an expression can have, when a field can have any.

use std::fmt;

use capstan_expr::{Function, OPERAND_TYPES, Type, functions, result_type};
use capstan_tick::ast::{Binary, BinaryOperator as B, Call, Kind, Node, UnaryOperator};

use super::subject::Subject;
use crate::script::{Type as VarType, Value};

/// A set of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    const NONE: Self = Self(0);
    const ANY: Self = Self(0x7f);

    const fn of(one: Type) -> Self {
        Self(match one {
            Type::Float => 1,
            Type::Int => 2,
            Type::String => 4,
            Type::Bool => 8,
            Type::Regex => 16,
            Type::Time => 32,
            Type::Duration => 64,
            Type::Missing | Type::Invalid => 0,
        })
    }

    /// What a field or a tag can hold. Durations are results of other expressions.
    const fn of_points() -> Self {
        Self(1 | 2 | 4 | 8 | 64)
    }

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn has(self, one: Type) -> bool {
        self.0 & Self::of(one).0 != 0
    }

    /// Whether all of them are among these.
    pub(super) fn within(self, types: &[Type]) -> bool {
        OPERAND_TYPES
            .into_iter()
            .all(|one| !self.has(one) || types.contains(&one))
    }

    fn iter(self) -> impl Iterator<Item = Type> {
        OPERAND_TYPES.into_iter().filter(move |one| self.has(*one))
    }
}

/// `int`, `int or float`.
impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, one) in self.iter().enumerate() {
            write!(f, "{}{one}", if at == 0 { "" } else { " or " })?;
        }
        Ok(())
    }
}

/// A part of an expression that fails whatever the data is.
#[derive(Debug)]
pub(super) struct Mismatch<'n> {
    pub(super) node: &'n Node,
    pub(super) kind: MismatchKind,
}

#[derive(Debug)]
pub(super) enum MismatchKind {
    Operator(B, Types, Types),
    Unary(UnaryOperator, Types),
    /// No form of the function takes the arguments.
    Arguments(&'static Function),
}

/// Finds the types of expressions; names of variables are looked up in the script.
pub(super) struct Inference<'s, 'a> {
    subject: &'s Subject<'a>,
}

impl<'s, 'a> Inference<'s, 'a> {
    pub(super) fn new(subject: &'s Subject<'a>) -> Self {
        Self { subject }
    }

    /// The types an expression can have, and what of it cannot work. After a mismatch, everything is possible.
    pub(super) fn of<'n>(&self, node: &'n Node, mismatches: &mut Vec<Mismatch<'n>>) -> Types {
        match &node.kind {
            Kind::Int { .. } => Types::of(Type::Int),
            Kind::Float(_) => Types::of(Type::Float),
            Kind::Duration { .. } => Types::of(Type::Duration),
            Kind::Bool(_) => Types::of(Type::Bool),
            Kind::String { .. } => Types::of(Type::String),
            Kind::Regex(_) => Types::of(Type::Regex),
            // A result of an earlier expression can have the name.
            Kind::Reference(name) if name == "time" => Types::of_points().or(Types::of(Type::Time)),
            Kind::Reference(_) => Types::of_points(),
            Kind::Identifier(name) => self.variable(name),
            Kind::Lambda(body) => self.of(body, mismatches),
            Kind::Unary { operator, operand } => {
                let given = self.of(operand, mismatches);
                let takes = match operator {
                    UnaryOperator::Not => Types::of(Type::Bool),
                    UnaryOperator::Minus => Types::of(Type::Int)
                        .or(Types::of(Type::Float))
                        .or(Types::of(Type::Duration)),
                };
                let result = given.and(takes);
                if result.is_empty() {
                    mismatches.push(Mismatch {
                        node,
                        kind: MismatchKind::Unary(*operator, given),
                    });
                    return Types::ANY;
                }
                result
            }
            Kind::Binary(binary) => self.binary(node, binary, mismatches),
            Kind::Call(call) => self.call(node, call, mismatches),
            _ => Types::ANY,
        }
    }

    fn binary<'n>(&self, node: &'n Node, binary: &'n Binary, mismatches: &mut Vec<Mismatch<'n>>) -> Types {
        // The parser bounds how high a chain of operators grows.
        let left = self.of(&binary.left, mismatches);
        let right = self.of(&binary.right, mismatches);
        let mut result = Types::NONE;
        for l in left.iter() {
            for r in right.iter() {
                if let Some(one) = result_type(binary.operator, l, r) {
                    result = result.or(Types::of(one));
                }
            }
        }
        if result.is_empty() {
            mismatches.push(Mismatch {
                node,
                kind: MismatchKind::Operator(binary.operator, left, right),
            });
            return Types::ANY;
        }
        result
    }

    fn call<'n>(&self, node: &'n Node, call: &'n Call, mismatches: &mut Vec<Mismatch<'n>>) -> Types {
        let args: Vec<Types> = call.args.iter().map(|arg| self.of(arg, mismatches)).collect();
        let Some(function) = functions().find(|function| function.name == call.name) else {
            return Types::ANY;
        };
        let mut result = Types::NONE;
        for signature in function.signatures {
            let fits = signature.args.len() == args.len()
                && signature
                    .args
                    .iter()
                    .zip(&args)
                    .all(|(wanted, given)| given.has(*wanted));
            if fits {
                result = result.or(Types::of(signature.result));
            }
        }
        if result.is_empty() {
            mismatches.push(Mismatch {
                node,
                kind: MismatchKind::Arguments(function),
            });
            return Types::ANY;
        }
        result
    }

    fn variable(&self, name: &str) -> Types {
        let Some(var) = self.subject.definition.vars.get(name) else {
            return Types::ANY;
        };
        match var.kind {
            VarType::Int => Types::of(Type::Int),
            VarType::Float => Types::of(Type::Float),
            VarType::Bool => Types::of(Type::Bool),
            VarType::String => Types::of(Type::String),
            VarType::Duration => Types::of(Type::Duration),
            VarType::Regex => Types::of(Type::Regex),
            VarType::List | VarType::Star => Types::ANY,
            VarType::Lambda if self.subject.definition.places.unset.contains(name) => Types::ANY,
            VarType::Lambda => match &var.value {
                Value::Lambda(body) => self.of(body, &mut Vec::new()),
                _ => Types::ANY,
            },
        }
    }
}
