//! The InfluxQL functions (`sum`, `percentile`, `movingAverage`, …) as pure incremental machines.
//!
//! A [`Function`] says what a function is called, what it takes and what it gives: one static table, [`FUNCTIONS`],
//! is the only source of that. A [`Call`] is a function with checked arguments. From a call come the machines that
//! hold state, one per group: an [`Aggregate`] for what is computed over many points (one batch, or the points of a
//! stream that share a time) and a [`Transform`] for what answers point by point.
//!
//! Deliberately unknown here: points, tags, batches, edges and when an aggregate begins or ends. A caller names each
//! point it pushes by a [`Row`] of its own choosing and gets the row of the chosen point back, so that selectors can
//! pass the whole point on. A missing or null field is never pushed (N-136, N-139).
//!
//! ```
//! use capstan_influxql::{Argument, Call, FieldType, Row, Value};
//!
//! let call = Call::new("max", &[Argument::from("value")])?;
//! let mut max = call.aggregate(FieldType::Float)?;
//! max.push_float(1_000, 1.5, Row(7)).expect("a float was promised");
//! max.push_float(2_000, 4.5, Row(8)).expect("a float was promised");
//! let mut answer = Vec::new();
//! max.emit(&mut answer)?;
//! assert_eq!((&answer[0].value, answer[0].row), (&Value::Float(4.5), Some(Row(8))));
//! # Ok::<(), capstan_influxql::Error>(())
//! ```
//!
//! | module | what |
//! |---|---|
//! | `function` | the table and the words it is written in |
//! | `functions` | one file per family: its rows of the table and its machine |
//! | `call` | arguments checked, machines made |
//! | `aggregate`, `transform` | the machines behind one type each; serde makes snapshots of them |
//! | `value` | field types and values |
//! | [`query`] | the `SELECT` that batch tasks send: read, completed, printed |
//! | `codec` | how numbers are written in a snapshot, so that NaN and infinities survive JSON |

mod aggregate;
mod call;
mod codec;
mod error;
mod function;
mod functions;
pub mod query;
mod transform;
mod value;

pub use aggregate::{Aggregate, Rows};
pub use call::{Argument, Call};
pub use error::{Error, WrongType};
pub use function::{
    Empty, FUNCTIONS, Function, Keeps, Output, Parameter, ParameterKind, Shape, TypeSet, function,
};
pub use functions::holt_winters::MAX_INTERVALS as HOLT_WINTERS_MAX_INTERVALS;
pub use transform::Transform;
pub use value::{Emitted, FieldType, Number, Row, Sample, Value, ValueRef};

/// Version of the serde layout of [`Aggregate`] and [`Transform`]. Whoever persists them stores it beside them and
/// starts afresh when it differs.
pub const STATE_VERSION: u32 = 1;
