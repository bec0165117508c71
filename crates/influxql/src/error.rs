//! What can be wrong with a call or with the values pushed into it.

use capstan_base::{Class, Classify};
use compact_str::CompactString;

use crate::value::FieldType;

/// An error of a call, or of the data given to it. No variant is a defect: all come from a script or from points.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// No function has this name.
    #[error("unknown influxql function {name:?}")]
    UnknownFunction {
        /// As asked for.
        name: CompactString,
    },
    /// Too few or too many arguments.
    #[error("{function}: expected {expected}, got {got} argument(s)")]
    ArgumentCount {
        /// Name of the function.
        function: &'static str,
        /// The signature in words.
        expected: String,
        /// How many were given.
        got: usize,
    },
    /// An argument of another type.
    #[error("{function}: argument {position} ({parameter}) must be {expected}, got {got}{hint}")]
    ArgumentType {
        /// Name of the function.
        function: &'static str,
        /// Counted from 1.
        position: usize,
        /// Name of the parameter.
        parameter: &'static str,
        /// The type wanted, with its article.
        expected: &'static str,
        /// The type given, with its article.
        got: &'static str,
        /// How to mend it, or nothing.
        hint: &'static str,
    },
    /// An argument with a value that cannot work. Kapacitor accepts these and crashes at the first point.
    #[error("{function}: {parameter} must be {expected}, got {got}")]
    ArgumentRange {
        /// Name of the function.
        function: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// The allowed range in words.
        expected: String,
        /// The value given.
        got: i64,
    },
    /// The function does not take fields of this type (N-138).
    #[error("invalid influxql func {function} with field {field}: cannot apply {function} to {} field", found.go_name())]
    UnsupportedType {
        /// Name of the function.
        function: &'static str,
        /// The field named in the call.
        field: CompactString,
        /// The type of the field.
        found: FieldType,
    },
    /// A transform was asked for as an aggregate, or the other way round.
    #[error("{function} is not {wanted}")]
    Shape {
        /// Name of the function.
        function: &'static str,
        /// What the caller wanted, with its article.
        wanted: &'static str,
    },
    /// The point lacks the field, or holds null there (N-136, N-139).
    #[error("field {field:?} missing from point")]
    Missing {
        /// The field named in the call.
        field: CompactString,
    },
    /// The field changed its type within one aggregate (N-137).
    #[error("field {field:?} has wrong type: {wrong}")]
    WrongType {
        /// The field named in the call.
        field: CompactString,
        /// Which types.
        wrong: WrongType,
    },
    /// The points span so many intervals that a forecast would take unreasonable time and memory.
    #[error("{function}: the points span more than {limit} intervals")]
    TooManyIntervals {
        /// Name of the function.
        function: &'static str,
        /// How many are allowed, forecast included.
        limit: usize,
    },
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::UnknownFunction { .. } => Class::NotFound,
            Self::TooManyIntervals { .. } => Class::TooLarge,
            Self::Shape { .. } => Class::Internal,
            _ => Class::User,
        }
    }
}

/// A value of another type than the machine was made for; small, because it is on the hot path.
/// [`Call::wrong_type`](crate::Call::wrong_type) makes the full error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("got {} exp {}", got.go_name(), expected.go_name())]
pub struct WrongType {
    /// The type pushed.
    pub got: FieldType,
    /// The type the machine takes.
    pub expected: FieldType,
}
