//! The functions and constants of expressions (ajson, math.go). Left out are `parent` and `key`: numbers have no use for
//! them.

use std::hash::{BuildHasher, RandomState};

use capstan_kubeapi::base64;

use super::JsonError;
use super::node::Node;
use super::script::Run;

/// A function of one value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    /// Of a number, with its name in messages.
    Math(&'static str, fn(f64) -> f64),
    /// Of any value.
    Other(&'static str),
}

impl Function {
    pub(super) fn call<'v>(self, value: Node<'v>, run: &Run<'v>) -> Result<Node<'v>, JsonError> {
        match self {
            Self::Math(name, compute) => match value {
                Node::Number(number) => Ok(Node::Number(compute(number))),
                _ => Err(JsonError::Request(format!(
                    "function '{name}' was called from non numeric node"
                ))),
            },
            Self::Other(name) => other(name, value, run),
        }
    }
}

/// The names of functions of any value.
const OTHERS: [&str; 24] = [
    "pow10",
    "length",
    "size",
    "factorial",
    "avg",
    "sum",
    "b64decode",
    "b64encode",
    "b64encoden",
    "not",
    "rand",
    "randint",
    "last",
    "first",
    "root",
    "is_null",
    "is_numeric",
    "is_int",
    "is_uint",
    "is_float",
    "is_string",
    "is_bool",
    "is_array",
    "is_object",
];

/// The function of this name, in lower case.
pub(super) fn function(name: &str) -> Option<Function> {
    if let Some(found) = OTHERS.into_iter().find(|of| *of == name) {
        return Some(Function::Other(found));
    }
    let (shown, compute): (&'static str, fn(f64) -> f64) = match name {
        "abs" => ("Abs", f64::abs),
        "acos" => ("Acos", f64::acos),
        "acosh" => ("Acosh", f64::acosh),
        "asin" => ("Asin", f64::asin),
        "asinh" => ("Asinh", f64::asinh),
        "atan" => ("Atan", f64::atan),
        "atanh" => ("Atanh", f64::atanh),
        "cbrt" => ("Cbrt", f64::cbrt),
        "ceil" => ("Ceil", f64::ceil),
        "cos" => ("Cos", f64::cos),
        "cosh" => ("Cosh", f64::cosh),
        "erf" => ("Erf", libm::erf),
        "erfc" => ("Erfc", libm::erfc),
        "erfcinv" => ("Erfcinv", |number| inverse_erf(1.0 - number)),
        "erfinv" => ("Erfinv", inverse_erf),
        "exp" => ("Exp", f64::exp),
        "exp2" => ("Exp2", f64::exp2),
        "expm1" => ("Expm1", f64::exp_m1),
        "floor" => ("Floor", f64::floor),
        "gamma" => ("Gamma", libm::tgamma),
        "j0" => ("J0", libm::j0),
        "j1" => ("J1", libm::j1),
        "log" => ("Log", f64::ln),
        "log10" => ("Log10", f64::log10),
        "log1p" => ("Log1p", f64::ln_1p),
        "log2" => ("Log2", f64::log2),
        "logb" => ("Logb", binary_exponent),
        "round" => ("Round", f64::round),
        "roundtoeven" => ("RoundToEven", f64::round_ties_even),
        "sin" => ("Sin", f64::sin),
        "sinh" => ("Sinh", f64::sinh),
        "sqrt" => ("Sqrt", f64::sqrt),
        "tan" => ("Tan", f64::tan),
        "tanh" => ("Tanh", f64::tanh),
        "trunc" => ("Trunc", f64::trunc),
        "y0" => ("Y0", libm::y0),
        "y1" => ("Y1", libm::y1),
        _ => return None,
    };
    Some(Function::Math(shown, compute))
}

/// The constant of this name, in lower case.
pub(super) fn constant(name: &str) -> Option<Node<'static>> {
    use std::f64::consts;
    let golden = f64::midpoint(1.0, 5_f64.sqrt());
    let number = match name {
        "e" => consts::E,
        "pi" => consts::PI,
        "phi" => golden,
        "sqrt2" => consts::SQRT_2,
        "sqrte" => consts::E.sqrt(),
        "sqrtpi" => consts::PI.sqrt(),
        "sqrtphi" => golden.sqrt(),
        "ln2" => consts::LN_2,
        "log2e" => consts::LOG2_E,
        "ln10" => consts::LN_10,
        "log10e" => consts::LOG10_E,
        "true" => return Some(Node::Bool(true)),
        "false" => return Some(Node::Bool(false)),
        "null" => return Some(Node::Null),
        _ => return None,
    };
    Some(Node::Number(number))
}

fn other<'v>(name: &str, value: Node<'v>, run: &Run<'v>) -> Result<Node<'v>, JsonError> {
    run.step(value.size())?;
    let nothing = matches!(value, Node::Nothing);
    if let Some(kind) = name.strip_prefix("is_") {
        return Ok(if nothing {
            Node::Null
        } else {
            Node::Bool(is(kind, &value))
        });
    }
    Ok(match name {
        "length" if nothing => Node::Number(0.0),
        "pow10" => Node::Number(power_of_ten(value.integer()?)),
        "factorial" => Node::Number(factorial(value.natural()?)?),
        "length" => Node::Number(match &value {
            Node::Text(text) => text.len() as f64,
            value if value.is_array() => value.size() as f64,
            _ => 1.0,
        }),
        "size" => Node::Number(value.size() as f64),
        "avg" | "sum" => total(&value, name == "avg")?,
        "not" => Node::Bool(!value.truth()),
        "first" if value.is_array() => value.index(0).unwrap_or(Node::Null),
        "last" if value.is_array() => value.index(-1).unwrap_or(Node::Null),
        "root" if !nothing => Node::of(run.root),
        "rand" => Node::Number(value.number()? * random()),
        "randint" => {
            let below = value.integer()?;
            if below < 1 {
                return Err(JsonError::request("randint of a number below 1"));
            }
            Node::Number((random() * below as f64).floor())
        }
        "b64encode" | "b64encoden" if matches!(value, Node::Text(_)) => {
            let encoded = base64::encode(value.as_text()?.as_bytes());
            Node::text(if name == "b64encode" {
                &encoded
            } else {
                encoded.trim_end_matches('=')
            })
        }
        "b64decode" if matches!(value, Node::Text(_)) => {
            let mut text = value.as_text()?.to_owned();
            while text.len() % 4 != 0 {
                text.push('=');
            }
            let decoded = base64::decode(&text).ok_or_else(|| JsonError::request("illegal base64 data"))?;
            Node::text(String::from_utf8_lossy(&decoded).into_owned())
        }
        _ => Node::Null,
    })
}

fn is(kind: &str, value: &Node<'_>) -> bool {
    match kind {
        "null" => matches!(value, Node::Null),
        "numeric" => matches!(value, Node::Number(_)),
        "int" => value.integer().is_ok(),
        "uint" => value.natural().is_ok(),
        "float" => matches!(value, Node::Number(_)) && value.integer().is_err(),
        "string" => matches!(value, Node::Text(_)),
        "bool" => matches!(value, Node::Bool(_)),
        "array" => value.is_array(),
        _ => value.is_object(),
    }
}

/// Of all numbers in a value, or the number that it is.
fn total<'v>(value: &Node<'v>, mean: bool) -> Result<Node<'v>, JsonError> {
    if !value.is_container() {
        return Ok(value.number().map_or(Node::Null, Node::Number));
    }
    let mut sum = 0.0;
    for node in value.children() {
        sum += node.number()?;
    }
    let size = value.size();
    let divisor = if mean && size > 0 { size as f64 } else { 1.0 };
    Ok(Node::Number(sum / divisor))
}

fn power_of_ten(exponent: i64) -> f64 {
    // The nearest number, which multiplying does not always give.
    format!("1e{}", exponent.clamp(-400, 400))
        .parse()
        .unwrap_or(f64::INFINITY)
}

fn factorial(of: u64) -> Result<f64, JsonError> {
    if of > 170 {
        return Err(JsonError::request("factorial of a number above 170"));
    }
    Ok((2..=of).map(|factor| factor as f64).product())
}

/// From 0 to just below 1.
fn random() -> f64 {
    // Seeded anew at every call.
    (RandomState::new().hash_one(0) >> 11) as f64 / (1_u64 << 53) as f64
}

fn binary_exponent(number: f64) -> f64 {
    if number == 0.0 {
        f64::NEG_INFINITY
    } else if number.is_finite() {
        f64::from(libm::ilogb(number))
    } else {
        number * number
    }
}

/// The number whose `erf` this is: a first guess, and Newton's steps from there.
fn inverse_erf(number: f64) -> f64 {
    if number.is_nan() || number.abs() > 1.0 {
        return f64::NAN;
    }
    if number.abs() >= 1.0 {
        return f64::INFINITY.copysign(number);
    }
    // Winitzki's approximation.
    let (a, log) = (0.147, (1.0 - number * number).ln());
    let half = 2.0 / (std::f64::consts::PI * a) + log / 2.0;
    let mut guess = (half.mul_add(half, -(log / a)).sqrt() - half)
        .sqrt()
        .copysign(number);
    for _ in 0..4 {
        let slope = 2.0 / std::f64::consts::PI.sqrt() * (-guess * guess).exp();
        let step = (libm::erf(guess) - number) / slope;
        if step.is_finite() {
            guess -= step;
        }
    }
    guess
}
