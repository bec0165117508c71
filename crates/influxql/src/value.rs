//! Field types and values as the functions see them.

use std::cmp::Ordering;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The type of a field. Durations exist in points but no function takes one (N-138).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FieldType {
    /// 64-bit float.
    Float,
    /// 64-bit signed integer.
    Int,
    /// Text.
    String,
    /// Truth value.
    Bool,
    /// A span of time.
    Duration,
}

impl FieldType {
    /// The name error texts use, which is Go's (N-137).
    pub const fn go_name(self) -> &'static str {
        match self {
            Self::Float => "float64",
            Self::Int => "int64",
            Self::String => "string",
            Self::Bool => "bool",
            Self::Duration => "time.Duration",
        }
    }
}

/// An owned value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// 64-bit float.
    Float(f64),
    /// 64-bit signed integer.
    Int(i64),
    /// Text.
    String(CompactString),
    /// Truth value.
    Bool(bool),
}

/// A borrowed value, as pushed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// 64-bit float.
    Float(f64),
    /// 64-bit signed integer.
    Int(i64),
    /// Text.
    String(&'a str),
    /// Truth value.
    Bool(bool),
    /// A span of time in nanoseconds; accepted by no function, here so that the error can name it.
    Duration(i64),
}

impl ValueRef<'_> {
    /// The type of the value.
    pub const fn field_type(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Int(_) => FieldType::Int,
            Self::String(_) => FieldType::String,
            Self::Bool(_) => FieldType::Bool,
            Self::Duration(_) => FieldType::Duration,
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Float(v) => Self::Float(*v),
            Value::Int(v) => Self::Int(*v),
            Value::String(v) => Self::String(v),
            Value::Bool(v) => Self::Bool(*v),
        }
    }
}

/// A number that a transform gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// 64-bit float.
    Float(f64),
    /// 64-bit signed integer.
    Int(i64),
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Float(v) => Self::Float(v),
            Number::Int(v) => Self::Int(v),
        }
    }
}

/// The caller's name for a pushed point. Nothing here looks inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(pub u64);

/// One value of an aggregate's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Emitted {
    /// The value.
    pub value: Value,
    /// The point's own time in Unix nanoseconds, used under `usePointTimes` (N-131); `None` where the value has no
    /// meaningful time and the time of the batch or of the stream's points stands in.
    pub time: Option<i64>,
    /// The chosen point, for the functions whose [`keeps`](crate::Function::keeps) is not `Nothing`.
    pub row: Option<Row>,
}

impl Emitted {
    pub(crate) fn timeless(value: Value) -> Self {
        Self {
            value,
            time: None,
            row: None,
        }
    }
}

/// One answer of a transform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Unix nanoseconds: always the time of the point that caused the answer (N-134).
    pub time: i64,
    /// The value.
    pub value: Number,
}

/// What the numeric machines are generic over.
pub(crate) trait Numeric: crate::codec::Stored + Copy + PartialOrd {
    /// Nothing pushed yet.
    const ZERO: Self;

    /// A total order: NaN after everything, the two zeros equal.
    fn order(&self, other: &Self) -> Ordering;

    /// Sum as Go computes it: integers wrap.
    fn plus(self, other: Self) -> Self;

    /// Difference as Go computes it: integers wrap.
    fn minus(self, other: Self) -> Self;

    /// Nearest float.
    fn float(self) -> f64;

    /// Tagged with its type.
    fn number(self) -> Number;

    /// The same value in two bytes, if it comes back from them bit by bit.
    fn short(self) -> Option<i16>;

    /// Back from [`Numeric::short`].
    fn from_short(short: i16) -> Self;

    /// The same value in four bytes, if it comes back from them bit by bit.
    fn half(self) -> Option<u32>;

    /// Back from [`Numeric::half`].
    fn from_half(half: u32) -> Self;
}

impl Numeric for f64 {
    const ZERO: Self = 0.0;

    fn order(&self, other: &Self) -> Ordering {
        self.partial_cmp(other)
            .unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn minus(self, other: Self) -> Self {
        self - other
    }

    fn float(self) -> f64 {
        self
    }

    fn number(self) -> Number {
        Number::Float(self)
    }

    #[inline]
    fn short(self) -> Option<i16> {
        let short = self as i16;
        (Self::from(short).to_bits() == self.to_bits()).then_some(short)
    }

    fn from_short(short: i16) -> Self {
        Self::from(short)
    }

    #[inline]
    fn half(self) -> Option<u32> {
        let half = self as f32;
        (Self::from(half).to_bits() == self.to_bits()).then_some(half.to_bits())
    }

    fn from_half(half: u32) -> Self {
        Self::from(f32::from_bits(half))
    }
}

impl Numeric for i64 {
    const ZERO: Self = 0;

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    fn float(self) -> f64 {
        self as f64
    }

    fn number(self) -> Number {
        Number::Int(self)
    }

    #[inline]
    fn short(self) -> Option<i16> {
        i16::try_from(self).ok()
    }

    fn from_short(short: i16) -> Self {
        Self::from(short)
    }

    #[inline]
    fn half(self) -> Option<u32> {
        i32::try_from(self).ok().map(i32::cast_unsigned)
    }

    fn from_half(half: u32) -> Self {
        Self::from(half.cast_signed())
    }
}
