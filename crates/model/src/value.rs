//! One field value (N-10). Unsigned integers are not a type of line protocol 1.x; null comes only from join's fill.

use std::sync::Arc;

/// An owned field value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Float(f64),
    Int(i64),
    Bool(bool),
    Str(Arc<str>),
    /// Nanoseconds; made by `eval` (E-16), never by line protocol.
    Duration(i64),
    /// Present but without a value; made by join's fill.
    Null,
}

/// A field value borrowed from a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    Float(f64),
    Int(i64),
    Bool(bool),
    Str(&'a str),
    Duration(i64),
    Null,
}

impl Value {
    /// The same value, borrowed.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Float(v) => ValueRef::Float(*v),
            Self::Int(v) => ValueRef::Int(*v),
            Self::Bool(v) => ValueRef::Bool(*v),
            Self::Str(v) => ValueRef::Str(v),
            Self::Duration(v) => ValueRef::Duration(*v),
            Self::Null => ValueRef::Null,
        }
    }
}

impl ValueRef<'_> {
    /// The same value, owned.
    pub fn to_value(self) -> Value {
        match self {
            Self::Float(v) => Value::Float(v),
            Self::Int(v) => Value::Int(v),
            Self::Bool(v) => Value::Bool(v),
            Self::Str(v) => Value::Str(v.into()),
            Self::Duration(v) => Value::Duration(v),
            Self::Null => Value::Null,
        }
    }

    /// Kapacitor's (Go's) name of the type, as error texts print it.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Float(_) => "float64",
            Self::Int(_) => "int64",
            Self::Bool(_) => "bool",
            Self::Str(_) => "string",
            Self::Duration(_) => "time.Duration",
            Self::Null => "<nil>",
        }
    }
}
