//! `bool`, `int`, `float`, `string`, `duration` (E-60 to E-64).

use std::borrow::Cow;

use capstan_gocompat::{duration, strconv};

use super::{Body, Function, Signature, unexpected};
use crate::error::CallError;
use crate::value::{Datum, Type, truncate};

const fn from_each(result: Type) -> [Signature; 4] {
    [
        Signature::new(&[Type::Bool], result),
        Signature::new(&[Type::String], result),
        Signature::new(&[Type::Int], result),
        Signature::new(&[Type::Float], result),
    ]
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "bool",
        signatures: &const { from_each(Type::Bool) },
        doc: "A boolean from a text such as `true` or `F`, or from the number 0 or 1.",
        body: Body::Pure(to_bool),
    },
    Function {
        name: "int",
        signatures: &const { from_each(Type::Int) },
        doc: "An integer from a decimal text, a boolean, or a float, which is cut toward zero. NaN and infinities are errors.",
        body: Body::Pure(to_int),
    },
    Function {
        name: "float",
        signatures: &const { from_each(Type::Float) },
        doc: "A float from a text, a boolean or an integer.",
        body: Body::Pure(to_float),
    },
    Function {
        name: "string",
        signatures: &[
            Signature::new(&[Type::Bool], Type::String),
            Signature::new(&[Type::String], Type::String),
            Signature::new(&[Type::Int], Type::String),
            Signature::new(&[Type::Float], Type::String),
            Signature::new(&[Type::Duration], Type::String),
        ],
        doc: "The value as text; floats without an exponent, durations as InfluxQL writes them.",
        body: Body::Pure(to_string),
    },
    Function {
        name: "duration",
        signatures: &[
            Signature::new(&[Type::Duration], Type::Duration),
            Signature::new(&[Type::Int, Type::Duration], Type::Duration),
            Signature::new(&[Type::Float, Type::Duration], Type::Duration),
            Signature::new(&[Type::String, Type::Duration], Type::Duration),
        ],
        doc: "A duration of so many units, or from an InfluxQL text such as `1h30m`, for which the unit means nothing.",
        body: Body::Pure(to_duration),
    },
];

fn to_bool<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    Ok(Datum::Bool(match args {
        [Datum::Bool(value)] => *value,
        [Datum::String(text)] => strconv::parse_bool(text)?,
        [Datum::Int(0)] => false,
        [Datum::Int(1)] => true,
        [Datum::Int(value)] => return Err(CallError::Other(format!("cannot convert {value} to boolean"))),
        [Datum::Float(value)] if *value == 0.0 => false,
        [Datum::Float(value)] if *value == 1.0 => true,
        [Datum::Float(value)] => {
            return Err(CallError::Other(format!(
                "cannot convert {} to boolean",
                strconv::format_float_g(*value)
            )));
        }
        _ => return Err(unexpected(args)),
    }))
}

fn to_int<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    Ok(Datum::Int(match args {
        [Datum::Int(value)] => *value,
        // No number is no count of anything (E-61): an error, where Go's answer depends on the processor.
        [Datum::Float(value)] if !value.is_finite() => {
            return Err(CallError::Conversion(format!(
                "cannot convert {} to int",
                strconv::format_float_g(*value)
            )));
        }
        [Datum::Float(value)] => truncate(*value),
        [Datum::String(text)] => strconv::parse_int(text)?,
        [Datum::Bool(value)] => i64::from(*value),
        _ => return Err(unexpected(args)),
    }))
}

fn to_float<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    Ok(Datum::Float(match args {
        [Datum::Float(value)] => *value,
        [Datum::Int(value)] => *value as f64,
        [Datum::String(text)] => strconv::parse_float(text)?,
        [Datum::Bool(value)] => f64::from(u8::from(*value)),
        _ => return Err(unexpected(args)),
    }))
}

fn to_string<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    Ok(Datum::String(match args {
        [Datum::String(text)] => text.clone(),
        [Datum::Int(value)] => Cow::Owned(value.to_string()),
        [Datum::Float(value)] => Cow::Owned(strconv::format_float_f(*value)),
        [Datum::Bool(value)] => Cow::Borrowed(if *value { "true" } else { "false" }),
        [Datum::Duration(value)] => Cow::Owned(duration::format_influx(*value)),
        _ => return Err(unexpected(args)),
    }))
}

fn to_duration<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    Ok(Datum::Duration(match args {
        [Datum::Duration(value)] => *value,
        [Datum::Int(value), Datum::Duration(unit)] => value.wrapping_mul(*unit),
        [Datum::Float(value), Datum::Duration(unit)] => truncate(value * *unit as f64),
        [Datum::String(text), Datum::Duration(_)] => duration::parse_influx(text)
            .map_err(|_| CallError::Conversion(format!("invalid duration string {text:?}")))?,
        _ => return Err(unexpected(args)),
    }))
}
