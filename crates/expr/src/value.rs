//! Values and their types (E-01).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use capstan_gocompat::regexp::Regexp;
use capstan_model::ValueRef;
use compact_str::CompactString;

/// The type of a value, by Kapacitor's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    Float,
    Int,
    String,
    Bool,
    Regex,
    Time,
    Duration,
    /// A field or tag that the point does not have; only `isPresent` takes it.
    Missing,
    /// No type that an expression can have.
    Invalid,
}

impl Type {
    /// The name that error texts use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int => "int",
            Self::String => "string",
            Self::Bool => "boolean",
            Self::Regex => "regex",
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Missing => "missing",
            Self::Invalid => "invalid type",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An owned value: what an expression returns.
#[derive(Debug, Clone)]
pub enum Value {
    Float(f64),
    Int(i64),
    Bool(bool),
    String(CompactString),
    Regex(Arc<Regexp>),
    /// Nanoseconds since the Unix epoch.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
    /// The point does not have the field or tag.
    Missing,
    /// The point has the field without a value (join's fill, E-06).
    Null,
}

impl Value {
    /// The type; a null has none.
    pub const fn type_of(&self) -> Type {
        match self {
            Self::Float(_) => Type::Float,
            Self::Int(_) => Type::Int,
            Self::Bool(_) => Type::Bool,
            Self::String(_) => Type::String,
            Self::Regex(_) => Type::Regex,
            Self::Time(_) => Type::Time,
            Self::Duration(_) => Type::Duration,
            Self::Missing => Type::Missing,
            Self::Null => Type::Invalid,
        }
    }

    /// The value as a field of a point; `None` for a time, a regex or nothing (E-15).
    pub fn into_field(self) -> Option<capstan_model::Value> {
        Some(match self {
            Self::Float(v) => capstan_model::Value::Float(v),
            Self::Int(v) => capstan_model::Value::Int(v),
            Self::Bool(v) => capstan_model::Value::Bool(v),
            Self::String(v) => capstan_model::Value::Str(v.as_str().into()),
            Self::Duration(v) => capstan_model::Value::Duration(v),
            Self::Regex(_) | Self::Time(_) | Self::Missing | Self::Null => return None,
        })
    }

    /// The same value as a scope gives it.
    pub fn as_scope_value(&self) -> ScopeValue<'_> {
        match self {
            Self::Float(v) => ScopeValue::Float(*v),
            Self::Int(v) => ScopeValue::Int(*v),
            Self::Bool(v) => ScopeValue::Bool(*v),
            Self::String(v) => ScopeValue::String(v),
            Self::Regex(v) => ScopeValue::Regex(v),
            Self::Time(v) => ScopeValue::Time(*v),
            Self::Duration(v) => ScopeValue::Duration(*v),
            Self::Missing => ScopeValue::Missing,
            Self::Null => ScopeValue::Null,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Int(a), Self::Int(b))
            | (Self::Time(a), Self::Time(b))
            | (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) => a.as_str() == b.as_str(),
            (Self::Missing, Self::Missing) | (Self::Null, Self::Null) => true,
            _ => false,
        }
    }
}

/// What a scope knows about a reference, borrowed from where the points live.
#[derive(Debug, Clone, Copy)]
pub enum ScopeValue<'a> {
    /// The scope has no such name at all.
    Undefined,
    /// The name is known, but this point does not have it (E-05).
    Missing,
    /// The point has the field without a value.
    Null,
    Float(f64),
    Int(i64),
    Bool(bool),
    String(&'a str),
    Regex(&'a Arc<Regexp>),
    /// Nanoseconds since the Unix epoch.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
}

impl<'a> From<ValueRef<'a>> for ScopeValue<'a> {
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Float(v) => Self::Float(v),
            ValueRef::Int(v) => Self::Int(v),
            ValueRef::Bool(v) => Self::Bool(v),
            ValueRef::Str(v) => Self::String(v),
            ValueRef::Duration(v) => Self::Duration(v),
            ValueRef::Null => Self::Null,
        }
    }
}

/// A value under evaluation: strings stay borrowed as long as possible.
#[derive(Debug, Clone)]
pub(crate) enum Datum<'a> {
    Float(f64),
    Int(i64),
    Bool(bool),
    String(Cow<'a, str>),
    Regex(&'a Arc<Regexp>),
    Time(i64),
    Duration(i64),
    Missing,
}

impl Datum<'_> {
    pub(crate) const fn type_of(&self) -> Type {
        match self {
            Self::Float(_) => Type::Float,
            Self::Int(_) => Type::Int,
            Self::Bool(_) => Type::Bool,
            Self::String(_) => Type::String,
            Self::Regex(_) => Type::Regex,
            Self::Time(_) => Type::Time,
            Self::Duration(_) => Type::Duration,
            Self::Missing => Type::Missing,
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Float(v) => Value::Float(v),
            Self::Int(v) => Value::Int(v),
            Self::Bool(v) => Value::Bool(v),
            Self::String(v) => Value::String(CompactString::from(v)),
            Self::Regex(v) => Value::Regex(Arc::clone(v)),
            Self::Time(v) => Value::Time(v),
            Self::Duration(v) => Value::Duration(v),
            Self::Missing => Value::Missing,
        }
    }
}

/// A float as an integer the way Go converts on amd64: toward zero, the most negative integer when it does not fit.
pub(crate) fn truncate(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}
