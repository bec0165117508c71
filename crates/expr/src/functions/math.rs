//! Go's `math` package (E-40 to E-45), from one library on every platform, so that a replay gives the same bits anywhere.

use super::{Body, Function, Signature, unexpected};
use crate::error::CallError;
use crate::value::{Datum, Type};

const FLOAT1: &[Signature] = &[Signature::new(&[Type::Float], Type::Float)];
const FLOAT2: &[Signature] = &[Signature::new(&[Type::Float, Type::Float], Type::Float)];
const INT_FLOAT: &[Signature] = &[Signature::new(&[Type::Int, Type::Float], Type::Float)];

const fn one(name: &'static str, doc: &'static str, f: fn(f64) -> f64) -> Function {
    Function {
        name,
        signatures: FLOAT1,
        doc,
        body: Body::Float1(f),
    }
}

const fn two(name: &'static str, doc: &'static str, f: fn(f64, f64) -> f64) -> Function {
    Function {
        name,
        signatures: FLOAT2,
        doc,
        body: Body::Float2(f),
    }
}

pub(super) const FUNCTIONS: &[Function] = &[
    one("abs", "The absolute value.", f64::abs),
    one("acos", "The arc cosine.", libm::acos),
    one("acosh", "The inverse hyperbolic cosine.", libm::acosh),
    one("asin", "The arc sine.", libm::asin),
    one("asinh", "The inverse hyperbolic sine.", libm::asinh),
    one("atan", "The arc tangent.", libm::atan),
    two(
        "atan2",
        "The angle of the point (y, x): the arc tangent of the first argument by the second.",
        libm::atan2,
    ),
    one("atanh", "The inverse hyperbolic tangent.", libm::atanh),
    one("cbrt", "The cube root.", libm::cbrt),
    one(
        "ceil",
        "The least whole number that is not smaller; a float.",
        f64::ceil,
    ),
    one("cos", "The cosine.", libm::cos),
    one("cosh", "The hyperbolic cosine.", libm::cosh),
    one("erf", "The error function.", libm::erf),
    one("erfc", "One minus the error function.", libm::erfc),
    one("exp", "e to the power of the argument.", libm::exp),
    one("exp2", "2 to the power of the argument.", libm::exp2),
    one(
        "expm1",
        "e to the power of the argument, minus one; exact near zero.",
        libm::expm1,
    ),
    one(
        "floor",
        "The greatest whole number that is not larger; a float.",
        f64::floor,
    ),
    one("gamma", "The gamma function.", gamma),
    two("hypot", "The square root of the sum of squares.", libm::hypot),
    one(
        "j0",
        "The Bessel function of the first kind, of order zero.",
        libm::j0,
    ),
    one(
        "j1",
        "The Bessel function of the first kind, of order one.",
        libm::j1,
    ),
    Function {
        name: "jn",
        signatures: INT_FLOAT,
        doc: "The Bessel function of the first kind, of the order given first.",
        body: Body::Pure(jn),
    },
    one("log", "The natural logarithm.", libm::log),
    one("log10", "The decimal logarithm.", libm::log10),
    one(
        "log1p",
        "The natural logarithm of one plus the argument; exact near zero.",
        libm::log1p,
    ),
    one("log2", "The binary logarithm.", libm::log2),
    one("logb", "The binary exponent.", logb),
    two("max", "The larger one.", max),
    two("min", "The smaller one.", min),
    two(
        "mod",
        "The remainder of the division, with the sign of the first argument.",
        libm::fmod,
    ),
    two("pow", "The first argument to the power of the second.", pow),
    Function {
        name: "pow10",
        signatures: &[Signature::new(&[Type::Int], Type::Float)],
        doc: "10 to the power of the argument.",
        body: Body::Pure(pow10),
    },
    one(
        "round",
        "The nearest whole number, halves away from zero; a float. Not in Kapacitor.",
        f64::round,
    ),
    one("sin", "The sine.", libm::sin),
    one("sinh", "The hyperbolic sine.", libm::sinh),
    one("sqrt", "The square root.", f64::sqrt),
    one("tan", "The tangent.", libm::tan),
    one("tanh", "The hyperbolic tangent.", libm::tanh),
    one("trunc", "The whole part; a float.", f64::trunc),
    one("y0", "The Bessel function of the second kind, of order zero.", y0),
    one("y1", "The Bessel function of the second kind, of order one.", y1),
    Function {
        name: "yn",
        signatures: INT_FLOAT,
        doc: "The Bessel function of the second kind, of the order given first.",
        body: Body::Pure(yn),
    },
];

/// As Go: NaN at negative whole numbers and negative infinity, signed infinity at zero.
fn gamma(x: f64) -> f64 {
    if x == f64::NEG_INFINITY || (x < 0.0 && x == x.floor()) {
        f64::NAN
    } else if x == 0.0 {
        f64::INFINITY.copysign(x)
    } else {
        libm::tgamma(x)
    }
}

/// As Go: infinity wins over NaN.
pub(crate) fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && a == b {
        if a.is_sign_negative() { b } else { a }
    } else if a > b {
        a
    } else {
        b
    }
}

/// As Go: negative infinity wins over NaN.
pub(crate) fn min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && a == b {
        if a.is_sign_negative() { a } else { b }
    } else if a < b {
        a
    } else {
        b
    }
}

fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

fn logb(x: f64) -> f64 {
    if x == 0.0 {
        f64::NEG_INFINITY
    } else if x.is_infinite() {
        f64::INFINITY
    } else if x.is_nan() {
        x
    } else {
        f64::from(libm::ilogb(x))
    }
}

fn y0(x: f64) -> f64 {
    if x < 0.0 { f64::NAN } else { libm::y0(x) }
}

fn y1(x: f64) -> f64 {
    if x < 0.0 { f64::NAN } else { libm::y1(x) }
}

/// Orders beyond this would take noticeable time per point.
const LARGEST_ORDER: i64 = 100_000;

fn jn<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    let [Datum::Int(order), Datum::Float(x)] = args else {
        return Err(unexpected(args));
    };
    let n = bessel_order(*order)?;
    Ok(Datum::Float(libm::jn(n, *x)))
}

fn yn<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    let [Datum::Int(order), Datum::Float(x)] = args else {
        return Err(unexpected(args));
    };
    let n = bessel_order(*order)?;
    Ok(Datum::Float(if *x < 0.0 || x.is_nan() {
        f64::NAN
    } else if *x == 0.0 {
        if n < 0 && n % 2 != 0 {
            f64::INFINITY
        } else {
            f64::NEG_INFINITY
        }
    } else {
        libm::yn(n, *x)
    }))
}

fn bessel_order(order: i64) -> Result<i32, CallError> {
    if (-LARGEST_ORDER..=LARGEST_ORDER).contains(&order) {
        Ok(order as i32)
    } else {
        Err(CallError::Other(format!(
            "order {order} is beyond {LARGEST_ORDER}"
        )))
    }
}

fn pow10<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    let [Datum::Int(exponent)] = args else {
        return Err(unexpected(args));
    };
    Ok(Datum::Float(match exponent {
        ..-323 => 0.0,
        // Reading the number gives the nearest float, which repeated multiplication does not.
        -323..=308 => format!("1e{exponent}").parse().unwrap_or(f64::NAN),
        _ => f64::INFINITY,
    }))
}
