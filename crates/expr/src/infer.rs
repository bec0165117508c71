//! Types without values (E-12): from literals, signatures and the types of references.

use smallvec::SmallVec;

use crate::compile::{Call, Kind, Node};
use crate::compiled::Compiled;
use crate::error::EvalError;
use crate::functions::{self, Function};
use crate::operators;
use crate::scope::Scope;
use crate::value::{ScopeValue, Type};

/// Where the types of references come from.
pub(crate) trait Types {
    fn reference(&self, slot: usize) -> Result<Type, EvalError>;
    fn names(&self) -> Vec<String>;
}

/// Types of the values of a point.
pub(crate) struct InScope<'a> {
    pub(crate) compiled: &'a Compiled,
    pub(crate) scope: &'a dyn Scope,
}

impl Types for InScope<'_> {
    fn reference(&self, slot: usize) -> Result<Type, EvalError> {
        Ok(match self.scope.get(slot) {
            ScopeValue::Float(_) => Type::Float,
            ScopeValue::Int(_) => Type::Int,
            ScopeValue::Bool(_) => Type::Bool,
            ScopeValue::String(_) => Type::String,
            ScopeValue::Regex(_) => Type::Regex,
            ScopeValue::Time(_) => Type::Time,
            ScopeValue::Duration(_) => Type::Duration,
            ScopeValue::Missing => Type::Missing,
            ScopeValue::Undefined => return Err(undefined(self.compiled, slot, self.names())),
            ScopeValue::Null => {
                return Err(EvalError::Nil {
                    name: name(self.compiled, slot).to_owned(),
                });
            }
        })
    }

    fn names(&self) -> Vec<String> {
        names_in_scope(self.compiled, self.scope)
    }
}

/// Types that the caller knows by name.
pub(crate) struct Names<'a> {
    pub(crate) compiled: &'a Compiled,
    pub(crate) type_of: &'a dyn Fn(&str) -> Type,
}

impl Types for Names<'_> {
    fn reference(&self, slot: usize) -> Result<Type, EvalError> {
        match (self.type_of)(name(self.compiled, slot)) {
            Type::Invalid => Err(undefined(self.compiled, slot, self.names())),
            known => Ok(known),
        }
    }

    fn names(&self) -> Vec<String> {
        let known = |name: &&std::sync::Arc<str>| (self.type_of)(name) != Type::Invalid;
        self.compiled
            .references()
            .iter()
            .filter(known)
            .map(ToString::to_string)
            .collect()
    }
}

/// The name of a slot.
pub(crate) fn name(compiled: &Compiled, slot: usize) -> &str {
    compiled.references().get(slot).map_or("", |name| name)
}

/// The names a scope has, for error texts.
pub(crate) fn names_in_scope(compiled: &Compiled, scope: &dyn Scope) -> Vec<String> {
    scope
        .names()
        .unwrap_or_else(|| compiled.references().iter().map(ToString::to_string).collect())
}

pub(crate) fn undefined(compiled: &Compiled, slot: usize, names: Vec<String>) -> EvalError {
    EvalError::UndefinedName {
        name: name(compiled, slot).to_owned(),
        scope: names.join(","),
    }
}

/// The type of a part of an expression.
pub(crate) fn infer<T: Types>(compiled: &Compiled, node: &Node, types: &T) -> Result<Type, EvalError> {
    if let Some(constant) = node.constant {
        return Ok(constant);
    }
    match &node.kind {
        Kind::Literal(value) => Ok(value.type_of()),
        Kind::Reference { slot } => types.reference(*slot),
        Kind::Unary { operand, .. } => infer(compiled, operand, types),
        Kind::Binary {
            operator, operands, ..
        } => {
            let left = infer(compiled, &operands.0, types)?;
            let right = infer(compiled, &operands.1, types)?;
            operators::result_type(*operator, left, right)
                .ok_or_else(|| operators::refuse(*operator, left, right).into())
        }
        Kind::Chain { .. } => Ok(Type::Bool),
        Kind::Call(call) => {
            let mut args: SmallVec<[Type; 4]> = SmallVec::new();
            for (index, arg) in call.args.iter().enumerate() {
                args.push(infer(compiled, arg, types).map_err(|error| error.in_argument(index + 1))?);
            }
            Ok(resolve(compiled, call, &args, || types.names())?.1)
        }
        Kind::Lambda(body) => infer(compiled, body, types),
    }
}

/// The function of a call and the type of its result, or what is wrong with the arguments.
pub(crate) fn resolve(
    compiled: &Compiled,
    call: &Call,
    args: &[Type],
    names: impl Fn() -> Vec<String>,
) -> Result<(&'static Function, Type), EvalError> {
    let Some(function) = call.function else {
        let similar = functions::similar(&call.name, &compiled.environment);
        return Err(EvalError::UndefinedFunction {
            name: call.name.clone(),
            similar,
        });
    };
    if let Some(result) = function.result_type(args) {
        return Ok((function, result));
    }
    let missing: Vec<&str> = call
        .texts
        .iter()
        .zip(args)
        .filter(|(_, ty)| **ty == Type::Missing)
        .map(|(text, _)| text.as_str())
        .collect();
    if !missing.is_empty() {
        let present: Vec<String> = names()
            .iter()
            .map(|name| format!("\"{name}\""))
            .filter(|name| !missing.contains(&name.as_str()))
            .collect();
        return Err(EvalError::MissingArgument {
            function: function.name,
            several: missing.len() > 1,
            arguments: missing.join(", "),
            scope: present.join(", "),
        });
    }
    let given: Vec<String> = call
        .texts
        .iter()
        .zip(args)
        .map(|(text, ty)| format!("{text}: {ty}"))
        .collect();
    Err(EvalError::Signature {
        function: function.name,
        arguments: given.join(","),
        signatures: function.signature_list(),
    })
}
