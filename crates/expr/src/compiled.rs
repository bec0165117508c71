//! A compiled expression and the ways to evaluate it for a point.

use std::sync::Arc;

use capstan_tick::ast;

use crate::compile::{Compiler, Kind, Node};
use crate::environment::Environment;
use crate::error::{CompileError, EvalError};
use crate::functions;
use crate::scope::{EmptyScope, Scope};
use crate::state::{Cell, CellKind, State};
use crate::value::{Type, Value};
use crate::{evaluate, infer};

/// An expression, ready to be evaluated. Immutable: share it, and keep a [`State`] per group.
#[derive(Debug)]
pub struct Compiled {
    pub(crate) root: Node,
    references: Vec<Arc<str>>,
    cells: Vec<CellKind>,
    pub(crate) environment: Arc<Environment>,
}

impl Compiled {
    /// Compiles an expression (a lambda or what follows `lambda:`) that reads the machine's clock and zone.
    pub fn new(node: &ast::Node) -> Result<Self, CompileError> {
        Self::with_environment(node, Environment::system())
    }

    /// Compiles an expression for an environment.
    pub fn with_environment(node: &ast::Node, environment: Arc<Environment>) -> Result<Self, CompileError> {
        let node = match &node.kind {
            // The outermost `lambda:` only says that an expression follows.
            ast::Kind::Lambda(body) => body,
            _ => node,
        };
        let mut compiler = Compiler::new(&environment);
        let root = compiler.node(node)?;
        let Compiler {
            references, cells, ..
        } = compiler;
        Ok(Self {
            root,
            references,
            cells,
            environment,
        })
    }

    /// The names of fields and tags (and `time`) in the order of their slots, each once.
    pub fn references(&self) -> &[Arc<str>] {
        &self.references
    }

    /// Whether a result depends on earlier evaluations of the same group (`count`, `sigma`, `spread`, `rand`).
    pub fn is_stateful(&self) -> bool {
        !self.cells.is_empty()
    }

    /// A fresh state for a group.
    pub fn state(&self) -> State {
        State {
            cells: self
                .cells
                .iter()
                .map(|kind| {
                    kind.fresh(if *kind == CellKind::Rand {
                        self.environment.next_seed()
                    } else {
                        0
                    })
                })
                .collect(),
        }
    }

    /// The state that [`State::cells`] described; `None` if it belongs to another expression.
    pub fn restore(&self, cells: &[Cell]) -> Option<State> {
        let fits = cells.len() == self.cells.len()
            && cells
                .iter()
                .zip(&self.cells)
                .all(|(cell, kind)| cell.kind() == *kind);
        fits.then(|| State { cells: cells.into() })
    }

    /// Functions that are called but do not exist, with the one that may be meant. Kapacitor finds out at the first point.
    pub fn undefined_functions(&self) -> Vec<(&str, Option<&'static str>)> {
        fn walk<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
            match &node.kind {
                Kind::Literal(_) | Kind::Reference { .. } => {}
                Kind::Unary { operand, .. } => walk(operand, found),
                Kind::Binary { operands, .. } => {
                    walk(&operands.0, found);
                    walk(&operands.1, found);
                }
                Kind::Chain { operands, .. } => operands.iter().for_each(|operand| walk(operand, found)),
                Kind::Call(call) => {
                    if call.function.is_none() {
                        found.push(&call.name);
                    }
                    call.args.iter().for_each(|arg| walk(arg, found));
                }
                Kind::Lambda(body) => walk(body, found),
            }
        }
        let mut found = Vec::new();
        walk(&self.root, &mut found);
        found
            .into_iter()
            .map(|name| (name, functions::similar(name, &self.environment)))
            .collect()
    }

    /// The type of the result, from types and signatures alone: no function is called (E-12).
    /// `type_of` gives the type of a reference; [`Type::Invalid`] stands for a name that is not in scope.
    pub fn type_of(&self, type_of: &dyn Fn(&str) -> Type) -> Result<Type, EvalError> {
        infer::infer(
            self,
            &self.root,
            &infer::Names {
                compiled: self,
                type_of,
            },
        )
    }

    /// The type of the result for a point.
    pub fn type_in(&self, scope: &dyn Scope) -> Result<Type, EvalError> {
        infer::infer(
            self,
            &self.root,
            &infer::InScope {
                compiled: self,
                scope,
            },
        )
    }

    /// Evaluates for a point. Only the types that a field can have are results (E-15).
    pub fn eval(&self, state: &mut State, scope: &dyn Scope) -> Result<Value, EvalError> {
        evaluate::any(self, state, scope)
    }

    /// Evaluates for a point as a predicate: types and signatures are checked first, then the result must be a boolean (E-12).
    pub fn eval_predicate(&self, state: &mut State, scope: &dyn Scope) -> Result<bool, EvalError> {
        self.type_in(scope)?;
        self.eval_bool(state, scope)
    }

    /// Evaluates to a boolean; any other result is an error.
    pub fn eval_bool(&self, state: &mut State, scope: &dyn Scope) -> Result<bool, EvalError> {
        match evaluate::typed(self, state, scope, Type::Bool)? {
            Value::Bool(value) => Ok(value),
            other => Err(guard(&other, Type::Bool)),
        }
    }

    /// Evaluates to an integer; any other result is an error.
    pub fn eval_int(&self, state: &mut State, scope: &dyn Scope) -> Result<i64, EvalError> {
        match evaluate::typed(self, state, scope, Type::Int)? {
            Value::Int(value) => Ok(value),
            other => Err(guard(&other, Type::Int)),
        }
    }

    /// Evaluates to a float; any other result is an error.
    pub fn eval_float(&self, state: &mut State, scope: &dyn Scope) -> Result<f64, EvalError> {
        match evaluate::typed(self, state, scope, Type::Float)? {
            Value::Float(value) => Ok(value),
            other => Err(guard(&other, Type::Float)),
        }
    }

    /// Evaluates to a string; any other result is an error.
    pub fn eval_string(
        &self,
        state: &mut State,
        scope: &dyn Scope,
    ) -> Result<compact_str::CompactString, EvalError> {
        match evaluate::typed(self, state, scope, Type::String)? {
            Value::String(value) => Ok(value),
            other => Err(guard(&other, Type::String)),
        }
    }

    /// Evaluates to a duration in nanoseconds; any other result is an error.
    pub fn eval_duration(&self, state: &mut State, scope: &dyn Scope) -> Result<i64, EvalError> {
        match evaluate::typed(self, state, scope, Type::Duration)? {
            Value::Duration(value) => Ok(value),
            other => Err(guard(&other, Type::Duration)),
        }
    }
}

/// Compiles and evaluates an expression without references, as script-level arithmetic is (T-48).
pub fn eval_constant(node: &ast::Node) -> Result<Value, crate::ConstantError> {
    let compiled = Compiled::new(node)?;
    let mut state = compiled.state();
    Ok(compiled.eval(&mut state, &EmptyScope)?)
}

const fn guard(found: &Value, expected: Type) -> EvalError {
    EvalError::TypeGuard {
        found: found.type_of(),
        expected,
    }
}
