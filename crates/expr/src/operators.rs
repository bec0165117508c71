//! What the binary operators take and do (E-20 to E-32).

use std::borrow::Cow;

use capstan_tick::ast::BinaryOperator as B;

use crate::error::{EvalError, OperatorError};
use crate::value::{Datum, Type, truncate};

/// Every pair of operand types an operator can see.
pub const OPERAND_TYPES: [Type; 7] = [
    Type::Float,
    Type::Int,
    Type::String,
    Type::Bool,
    Type::Regex,
    Type::Time,
    Type::Duration,
];

/// The type of `left operator right`; `None` when the operator does not take these types.
pub const fn result_type(operator: B, left: Type, right: Type) -> Option<Type> {
    use Type::{Bool, Duration, Float, Int, Regex, String};
    match (operator, left, right) {
        (B::And | B::Or, Bool, Bool) => Some(Bool),
        (B::Equal | B::NotEqual, Bool, Bool) => Some(Bool),
        (
            B::Equal | B::NotEqual | B::Less | B::LessEqual | B::Greater | B::GreaterEqual,
            Float | Int,
            Float | Int,
        )
        | (B::Equal | B::NotEqual | B::Less | B::LessEqual | B::Greater | B::GreaterEqual, String, String)
        | (
            B::Equal | B::NotEqual | B::Less | B::LessEqual | B::Greater | B::GreaterEqual,
            Duration,
            Duration,
        ) => Some(Bool),
        (B::RegexMatch | B::RegexNoMatch, String, Regex) => Some(Bool),
        (B::Add | B::Subtract | B::Multiply | B::Divide, Float, Float) => Some(Float),
        (B::Add | B::Subtract | B::Multiply | B::Divide | B::Modulo, Int, Int) => Some(Int),
        (B::Add, String, String) => Some(String),
        (B::Add | B::Subtract, Duration, Duration) => Some(Duration),
        (B::Multiply, Duration, Int | Float) | (B::Multiply, Int | Float, Duration) => Some(Duration),
        (B::Divide, Duration, Int | Float) => Some(Duration),
        (B::Divide, Duration, Duration) => Some(Int),
        _ => None,
    }
}

/// Whether the operator has a boolean result whatever its operands are.
pub(crate) const fn is_boolean(operator: B) -> bool {
    !matches!(
        operator,
        B::Add | B::Subtract | B::Multiply | B::Divide | B::Modulo
    )
}

/// Whether the operator takes an operand of this type on either side.
fn takes(operator: B, operand: Type) -> bool {
    OPERAND_TYPES.iter().any(|&other| {
        result_type(operator, operand, other).is_some() || result_type(operator, other, operand).is_some()
    })
}

/// The most specific thing to say about operands that do not fit.
pub(crate) fn refuse(operator: B, left: Type, right: Type) -> OperatorError {
    if left != Type::Invalid && !takes(operator, left) {
        OperatorError::Invalid {
            operator,
            operand: left,
        }
    } else if left == Type::Invalid && right != Type::Invalid {
        OperatorError::Invalid {
            operator,
            operand: right,
        }
    } else {
        OperatorError::Mismatch {
            left,
            operator,
            right,
        }
    }
}

/// `left operator right`, both evaluated.
pub(crate) fn apply<'a>(operator: B, left: Datum<'a>, right: Datum<'a>) -> Result<Datum<'a>, EvalError> {
    use Datum::{Bool, Duration, Float, Int, Regex, String};
    Ok(match (left, right) {
        (Float(a), Float(b)) => float(operator, a, b)?,
        (Int(a), Int(b)) => int(operator, a, b)?,
        (Float(a), Int(b)) => Bool(
            compare(operator, &a, &(b as f64)).ok_or_else(|| mismatch(operator, Type::Float, Type::Int))?,
        ),
        (Int(a), Float(b)) => Bool(
            compare(operator, &(a as f64), &b).ok_or_else(|| mismatch(operator, Type::Int, Type::Float))?,
        ),
        (Bool(a), Bool(b)) => Bool(match operator {
            B::Equal => a == b,
            B::NotEqual => a != b,
            B::And => a && b,
            B::Or => a || b,
            _ => return Err(mismatch(operator, Type::Bool, Type::Bool)),
        }),
        (String(a), String(b)) => {
            if operator == B::Add {
                let mut text = a.into_owned();
                text.push_str(&b);
                String(Cow::Owned(text))
            } else {
                let ordering = compare(operator, &a.as_bytes(), &b.as_bytes());
                Bool(ordering.ok_or_else(|| mismatch(operator, Type::String, Type::String))?)
            }
        }
        (String(text), Regex(regex)) => Bool(match operator {
            B::RegexMatch => regex.is_match(&text),
            B::RegexNoMatch => !regex.is_match(&text),
            _ => return Err(mismatch(operator, Type::String, Type::Regex)),
        }),
        (Duration(a), Duration(b)) => duration(operator, a, b)?,
        (Duration(a), Int(b)) => Duration(match operator {
            B::Multiply => a.wrapping_mul(b),
            B::Divide => divide(a, b)?,
            _ => return Err(mismatch(operator, Type::Duration, Type::Int)),
        }),
        (Duration(a), Float(b)) => Duration(match operator {
            B::Multiply => truncate(a as f64 * b),
            B::Divide => truncate(a as f64 / b),
            _ => return Err(mismatch(operator, Type::Duration, Type::Float)),
        }),
        (Int(a), Duration(b)) if operator == B::Multiply => Duration(a.wrapping_mul(b)),
        (Float(a), Duration(b)) if operator == B::Multiply => Duration(truncate(a * b as f64)),
        (left, right) => return Err(mismatch(operator, left.type_of(), right.type_of())),
    })
}

fn mismatch(operator: B, left: Type, right: Type) -> EvalError {
    refuse(operator, left, right).into()
}

/// A comparison; `None` when the operator is none.
pub(crate) fn compare<T: PartialOrd>(operator: B, a: &T, b: &T) -> Option<bool> {
    Some(match operator {
        B::Equal => a == b,
        B::NotEqual => a != b,
        B::Less => a < b,
        B::LessEqual => a <= b,
        B::Greater => a > b,
        B::GreaterEqual => a >= b,
        _ => return None,
    })
}

fn float<'a>(operator: B, a: f64, b: f64) -> Result<Datum<'a>, EvalError> {
    Ok(Datum::Float(match operator {
        B::Add => a + b,
        B::Subtract => a - b,
        B::Multiply => a * b,
        B::Divide => a / b,
        _ => {
            return compare(operator, &a, &b)
                .map(Datum::Bool)
                .ok_or_else(|| mismatch(operator, Type::Float, Type::Float));
        }
    }))
}

fn int<'a>(operator: B, a: i64, b: i64) -> Result<Datum<'a>, EvalError> {
    Ok(Datum::Int(match operator {
        B::Add => a.wrapping_add(b),
        B::Subtract => a.wrapping_sub(b),
        B::Multiply => a.wrapping_mul(b),
        B::Divide => divide(a, b)?,
        B::Modulo if b == 0 => return Err(EvalError::DivisionByZero),
        B::Modulo => a.wrapping_rem(b),
        _ => {
            return compare(operator, &a, &b)
                .map(Datum::Bool)
                .ok_or_else(|| mismatch(operator, Type::Int, Type::Int));
        }
    }))
}

fn duration<'a>(operator: B, a: i64, b: i64) -> Result<Datum<'a>, EvalError> {
    Ok(match operator {
        B::Add => Datum::Duration(a.wrapping_add(b)),
        B::Subtract => Datum::Duration(a.wrapping_sub(b)),
        B::Divide => Datum::Int(divide(a, b)?),
        _ => Datum::Bool(
            compare(operator, &a, &b).ok_or_else(|| mismatch(operator, Type::Duration, Type::Duration))?,
        ),
    })
}

const fn divide(a: i64, b: i64) -> Result<i64, EvalError> {
    if b == 0 {
        Err(EvalError::DivisionByZero)
    } else {
        Ok(a.wrapping_div(b))
    }
}
