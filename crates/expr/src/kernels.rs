//! The loops of the columnar form. Each is one pass over slices, without branches on types, so that it vectorises.

use std::borrow::Cow;
use std::sync::Arc;

use capstan_gocompat::regexp::Regexp;
use capstan_model::{StrValues, Values};
use capstan_tick::ast::BinaryOperator as B;

use crate::columnar::TextColumn;
use crate::operators::compare;
use crate::value::{Datum, Type, truncate};

/// The values of one operand: one for all rows, or one per row.
pub(crate) enum Vals<'a, T> {
    One(T),
    Slice(&'a [T]),
    Owned(Vec<T>),
}

impl<T: Copy> Vals<'_, T> {
    /// The values; a single one if it stands for all rows.
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Slice(values) => values,
            Self::Owned(values) => values,
        }
    }

    fn is_one(&self) -> bool {
        matches!(self, Self::One(_))
    }

    fn get(&self, row: usize) -> T {
        match self {
            Self::One(value) => *value,
            Self::Slice(values) => values[row],
            Self::Owned(values) => values[row],
        }
    }

    fn into_vec(self, rows: usize) -> Vec<T> {
        match self {
            Self::One(value) => vec![value; rows],
            Self::Slice(values) => values.to_vec(),
            Self::Owned(values) => values,
        }
    }
}

/// Texts of one operand.
pub(crate) enum Texts<'a> {
    One(Cow<'a, str>),
    Column(&'a dyn TextColumn),
    Owned(StrValues),
}

impl Texts<'_> {
    fn get(&self, row: usize) -> &str {
        match self {
            Self::One(text) => text,
            Self::Column(column) => column.text(row),
            Self::Owned(values) => values.get(row),
        }
    }
}

/// An operand of known type.
pub(crate) enum Operand<'a> {
    Float(Vals<'a, f64>),
    Int(Vals<'a, i64>),
    Bool(Vals<'a, bool>),
    Duration(Vals<'a, i64>),
    Time(Vals<'a, i64>),
    Text(Texts<'a>),
    Regex(&'a Arc<Regexp>),
}

impl<'a> Operand<'a> {
    /// The same value in every row; `None` for a missing one.
    pub(crate) fn one(value: Datum<'a>) -> Option<Self> {
        Some(match value {
            Datum::Float(v) => Self::Float(Vals::One(v)),
            Datum::Int(v) => Self::Int(Vals::One(v)),
            Datum::Bool(v) => Self::Bool(Vals::One(v)),
            Datum::Duration(v) => Self::Duration(Vals::One(v)),
            Datum::Time(v) => Self::Time(Vals::One(v)),
            Datum::String(v) => Self::Text(Texts::One(v)),
            Datum::Regex(v) => Self::Regex(v),
            Datum::Missing => return None,
        })
    }

    pub(crate) const fn type_of(&self) -> Type {
        match self {
            Self::Float(_) => Type::Float,
            Self::Int(_) => Type::Int,
            Self::Bool(_) => Type::Bool,
            Self::Duration(_) => Type::Duration,
            Self::Time(_) => Type::Time,
            Self::Text(_) => Type::String,
            Self::Regex(_) => Type::Regex,
        }
    }

    pub(crate) fn is_one(&self) -> bool {
        match self {
            Self::Float(v) => v.is_one(),
            Self::Int(v) | Self::Duration(v) | Self::Time(v) => v.is_one(),
            Self::Bool(v) => v.is_one(),
            Self::Text(v) => matches!(v, Texts::One(_)),
            Self::Regex(_) => true,
        }
    }

    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> Datum<'_> {
        match self {
            Self::Float(v) => Datum::Float(v.get(row)),
            Self::Int(v) => Datum::Int(v.get(row)),
            Self::Bool(v) => Datum::Bool(v.get(row)),
            Self::Duration(v) => Datum::Duration(v.get(row)),
            Self::Time(v) => Datum::Time(v.get(row)),
            Self::Text(v) => Datum::String(Cow::Borrowed(v.get(row))),
            Self::Regex(v) => Datum::Regex(v),
        }
    }

    /// The column; `None` for what a field can not be (E-15).
    pub(crate) fn into_values(self, rows: usize) -> Option<Values> {
        Some(match self {
            Self::Float(v) => Values::Float(v.into_vec(rows)),
            Self::Int(v) => Values::Int(v.into_vec(rows)),
            Self::Bool(v) => Values::Bool(v.into_vec(rows)),
            Self::Duration(v) => Values::Duration(v.into_vec(rows)),
            Self::Text(Texts::Owned(values)) => Values::Str(values),
            Self::Text(texts) => {
                let mut values = StrValues::default();
                for row in 0..rows {
                    values.push(texts.get(row));
                }
                Values::Str(values)
            }
            Self::Time(_) | Self::Regex(_) => return None,
        })
    }
}

/// Results gathered row by row.
pub(crate) enum Output {
    Float(Vec<f64>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
    Duration(Vec<i64>),
    Time(Vec<i64>),
    Text(StrValues),
}

impl Output {
    pub(crate) fn new(ty: Type, rows: usize) -> Option<Self> {
        Some(match ty {
            Type::Float => Self::Float(Vec::with_capacity(rows)),
            Type::Int => Self::Int(Vec::with_capacity(rows)),
            Type::Bool => Self::Bool(Vec::with_capacity(rows)),
            Type::Duration => Self::Duration(Vec::with_capacity(rows)),
            Type::Time => Self::Time(Vec::with_capacity(rows)),
            Type::String => Self::Text(StrValues::default()),
            Type::Regex | Type::Missing | Type::Invalid => return None,
        })
    }

    /// Adds a row; `None` if it is of another type.
    pub(crate) fn push(&mut self, value: &Datum<'_>) -> Option<()> {
        match (self, value) {
            (Self::Float(out), Datum::Float(v)) => out.push(*v),
            (Self::Int(out), Datum::Int(v))
            | (Self::Duration(out), Datum::Duration(v))
            | (Self::Time(out), Datum::Time(v)) => out.push(*v),
            (Self::Bool(out), Datum::Bool(v)) => out.push(*v),
            (Self::Text(out), Datum::String(v)) => out.push(v),
            _ => return None,
        }
        Some(())
    }

    /// The operand; `constant`: the only row stands for all.
    pub(crate) fn finish<'a>(self, constant: bool) -> Operand<'a> {
        fn vals<'a, T: Copy>(values: Vec<T>, constant: bool) -> Vals<'a, T> {
            match values.first() {
                Some(&value) if constant => Vals::One(value),
                _ => Vals::Owned(values),
            }
        }
        match self {
            Self::Float(v) => Operand::Float(vals(v, constant)),
            Self::Int(v) => Operand::Int(vals(v, constant)),
            Self::Bool(v) => Operand::Bool(vals(v, constant)),
            Self::Duration(v) => Operand::Duration(vals(v, constant)),
            Self::Time(v) => Operand::Time(vals(v, constant)),
            Self::Text(v) if constant => Operand::Text(Texts::One(Cow::Owned(v.get(0).to_owned()))),
            Self::Text(v) => Operand::Text(Texts::Owned(v)),
        }
    }
}

/// `f` of every value.
pub(crate) fn map<'a, T: Copy, R>(values: &Vals<'_, T>, f: impl Fn(T) -> R) -> Vals<'a, R> {
    match values {
        Vals::One(value) => Vals::One(f(*value)),
        many => Vals::Owned(many.as_slice().iter().map(|&value| f(value)).collect()),
    }
}

/// `f` of the values of each row.
pub(crate) fn zip<'a, T: Copy, U: Copy, R>(
    a: &Vals<'_, T>,
    b: &Vals<'_, U>,
    f: impl Fn(T, U) -> R,
) -> Vals<'a, R> {
    match (a, b) {
        (Vals::One(a), Vals::One(b)) => Vals::One(f(*a, *b)),
        (Vals::One(a), b) => Vals::Owned(b.as_slice().iter().map(|&b| f(*a, b)).collect()),
        (a, Vals::One(b)) => Vals::Owned(a.as_slice().iter().map(|&a| f(a, *b)).collect()),
        (a, b) => Vals::Owned(
            a.as_slice()
                .iter()
                .zip(b.as_slice())
                .map(|(&a, &b)| f(a, b))
                .collect(),
        ),
    }
}

/// `yes` where the condition holds, else `no`.
pub(crate) fn select<'a, T: Copy>(
    condition: &Vals<'_, bool>,
    yes: &Vals<'_, T>,
    no: &Vals<'_, T>,
    rows: usize,
) -> Vals<'a, T> {
    if condition.is_one() && yes.is_one() && no.is_one() {
        return Vals::One(if condition.get(0) { yes.get(0) } else { no.get(0) });
    }
    Vals::Owned(
        (0..rows)
            .map(|row| {
                if condition.get(row) {
                    yes.get(row)
                } else {
                    no.get(row)
                }
            })
            .collect(),
    )
}

/// `left operator right`; the types have been checked. `None` if a row is an error.
pub(crate) fn binary<'a>(
    operator: B,
    left: Operand<'a>,
    right: Operand<'a>,
    rows: usize,
) -> Option<Operand<'a>> {
    use Operand::{Bool, Duration, Float, Int, Regex, Text};
    Some(match (left, right) {
        (Float(a), Float(b)) => match operator {
            B::Add => Float(zip(&a, &b, |a, b| a + b)),
            B::Subtract => Float(zip(&a, &b, |a, b| a - b)),
            B::Multiply => Float(zip(&a, &b, |a, b| a * b)),
            B::Divide => Float(zip(&a, &b, |a, b| a / b)),
            _ => Bool(comparison(operator, &a, &b)?),
        },
        (Int(a), Int(b)) => match operator {
            B::Add => Int(zip(&a, &b, i64::wrapping_add)),
            B::Subtract => Int(zip(&a, &b, i64::wrapping_sub)),
            B::Multiply => Int(zip(&a, &b, i64::wrapping_mul)),
            B::Divide => Int(divided(&a, &b, i64::wrapping_div)?),
            B::Modulo => Int(divided(&a, &b, i64::wrapping_rem)?),
            _ => Bool(comparison(operator, &a, &b)?),
        },
        (Float(a), Int(b)) => Bool(comparison(operator, &a, &map(&b, |b| b as f64))?),
        (Int(a), Float(b)) => Bool(comparison(operator, &map(&a, |a| a as f64), &b)?),
        (Bool(a), Bool(b)) => Bool(match operator {
            B::Equal => zip(&a, &b, |a, b| a == b),
            B::NotEqual => zip(&a, &b, |a, b| a != b),
            _ => return None,
        }),
        (Duration(a), Duration(b)) => match operator {
            B::Add => Duration(zip(&a, &b, i64::wrapping_add)),
            B::Subtract => Duration(zip(&a, &b, i64::wrapping_sub)),
            B::Divide => Int(divided(&a, &b, i64::wrapping_div)?),
            _ => Bool(comparison(operator, &a, &b)?),
        },
        (Duration(a), Int(b)) if operator == B::Divide => Duration(divided(&a, &b, i64::wrapping_div)?),
        (Duration(a), Int(b)) | (Int(a), Duration(b)) => Duration(zip(&a, &b, i64::wrapping_mul)),
        (Duration(a), Float(b)) if operator == B::Divide => {
            Duration(zip(&a, &b, |a, b| truncate(a as f64 / b)))
        }
        (Duration(a), Float(b)) => Duration(zip(&a, &b, |a, b| truncate(a as f64 * b))),
        (Float(a), Duration(b)) => Duration(zip(&a, &b, |a, b| truncate(a * b as f64))),
        (Text(a), Regex(regex)) => Bool(texts(&a, &Texts::One(Cow::Borrowed("")), rows, |text, _| {
            regex.is_match(text) == (operator == B::RegexMatch)
        })),
        (Text(a), Text(b)) if operator == B::Add => Text(concatenated(&a, &b, rows)),
        (Text(a), Text(b)) => {
            compare(operator, &0, &0)?;
            Bool(texts(&a, &b, rows, |a, b| {
                compare(operator, &a.as_bytes(), &b.as_bytes()).unwrap_or(false)
            }))
        }
        _ => return None,
    })
}

/// One loop per operator, so that none of them looks at the operator.
fn comparison<'a, T: Copy + PartialOrd>(
    operator: B,
    a: &Vals<'_, T>,
    b: &Vals<'_, T>,
) -> Option<Vals<'a, bool>> {
    Some(match operator {
        B::Equal => zip(a, b, |a, b| a == b),
        B::NotEqual => zip(a, b, |a, b| a != b),
        B::Less => zip(a, b, |a, b| a < b),
        B::LessEqual => zip(a, b, |a, b| a <= b),
        B::Greater => zip(a, b, |a, b| a > b),
        B::GreaterEqual => zip(a, b, |a, b| a >= b),
        _ => return None,
    })
}

fn divided<'a>(a: &Vals<'_, i64>, b: &Vals<'_, i64>, f: impl Fn(i64, i64) -> i64) -> Option<Vals<'a, i64>> {
    (!b.as_slice().contains(&0)).then(|| zip(a, b, f))
}

fn texts<'a>(a: &Texts<'_>, b: &Texts<'_>, rows: usize, f: impl Fn(&str, &str) -> bool) -> Vals<'a, bool> {
    match (a, b) {
        (Texts::One(a), Texts::One(b)) => Vals::One(f(a, b)),
        (a, Texts::One(b)) => Vals::Owned((0..rows).map(|row| f(a.get(row), b)).collect()),
        (a, b) => Vals::Owned((0..rows).map(|row| f(a.get(row), b.get(row))).collect()),
    }
}

fn concatenated<'a>(a: &Texts<'_>, b: &Texts<'_>, rows: usize) -> Texts<'a> {
    if let (Texts::One(a), Texts::One(b)) = (a, b) {
        return Texts::One(Cow::Owned(format!("{a}{b}")));
    }
    let mut out = StrValues::default();
    let mut text = String::new();
    for row in 0..rows {
        text.clear();
        text.push_str(a.get(row));
        text.push_str(b.get(row));
        out.push(&text);
    }
    Texts::Owned(out)
}
