//! Lambda expressions: compile a syntax tree once, evaluate it for each point or for a whole block of columns.
//!
//! [`Compiled`] is immutable and shared; [`State`] is what the stateful functions remember, one per group. References are numbered
//! at compile time, so that whoever evaluates binds names to columns once per block and a row costs an index ([`Scope`]).
//! [`Compiled::eval`] and its typed kin are the row interpreter, which is always right; [`Compiled::eval_columns`] gives the same
//! answers for a block whose references have one type each, or declines.
//!
//! ```
//! use capstan_expr::{Compiled, Value};
//! use capstan_tick::ast::{Kind, Node, Position};
//!
//! let node = |kind| Node::new(Position::default(), kind);
//! let negated = node(Kind::Unary {
//!     operator: capstan_tick::ast::UnaryOperator::Minus,
//!     operand: Box::new(node(Kind::Reference("value".into()))),
//! });
//! let expression = Compiled::new(&negated).unwrap();
//! let mut state = expression.state();
//! assert_eq!(expression.eval(&mut state, &vec![Value::Int(3)]), Ok(Value::Int(-3)));
//! ```
//!
//! Deliberately absent: points, groups, nodes, what happens to an error. No input makes it panic.
//!
//! | module | what |
//! |---|---|
//! | [`mod@value`] | types and values |
//! | `compiled`, `compile` | the expression; from tree to slots |
//! | `infer`, `evaluate` | types without values; rows |
//! | `columnar`, `kernels` | blocks |
//! | `operators`, [`mod@functions`] | what can be computed |
//! | [`scope`], [`environment`], [`state`] | where values, clock and memory come from |
//! | [`error`] | Kapacitor's error texts |

mod columnar;
mod compile;
mod compiled;
pub mod environment;
pub mod error;
mod evaluate;
pub mod functions;
mod infer;
mod kernels;
mod operators;
pub mod scope;
pub mod state;
pub mod value;

#[cfg(test)]
mod tests;

pub use columnar::{ColumnRef, ColumnRow, TextColumn};
pub use compiled::{Compiled, eval_constant};
pub use environment::Environment;
pub use error::{CallError, CompileError, ConstantError, EvalError, OperatorError, Problem, Side};
pub use functions::{Function, Signature, functions};
pub use operators::{OPERAND_TYPES, result_type};
pub use scope::{EmptyScope, Scope};
pub use state::{Cell, CellKind, State};
pub use value::{ScopeValue, Type, Value};
