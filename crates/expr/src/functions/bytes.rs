//! `humanBytes` (E-58).

use std::borrow::Cow;

use super::{Body, Function, Signature, unexpected};
use crate::error::CallError;
use crate::value::{Datum, Type};

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "humanBytes",
    signatures: &[
        Signature::new(&[Type::Float], Type::String),
        Signature::new(&[Type::Int], Type::String),
    ],
    doc: "A number of bytes for people, in powers of 1000: `1.5 MB`.",
    body: Body::Pure(human_bytes),
}];

fn human_bytes<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    let bytes = match args {
        [Datum::Int(value)] => *value as u64,
        [Datum::Float(value)] => unsigned(*value),
        _ => return Err(unexpected(args)),
    };
    Ok(Datum::String(Cow::Owned(format(bytes))))
}

/// Go's conversion on amd64: negative numbers wrap, what does not fit becomes 2^63.
fn unsigned(value: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if (-HALF..HALF).contains(&value) {
        value as i64 as u64
    } else if (HALF..HALF * 2.0).contains(&value) {
        value as u64
    } else {
        1 << 63
    }
}

fn format(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 10 {
        return format!("{bytes} B");
    }
    let exponent = (libm::log(bytes as f64) / libm::log(1000.0)).floor();
    let value = (bytes as f64 / libm::pow(1000.0, exponent) * 10.0 + 0.5).floor() / 10.0;
    let unit = UNITS.get(exponent as usize).copied().unwrap_or("EB");
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}
