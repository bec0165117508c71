//! The operators of expressions (ajson, math.go).

use super::JsonError;
use super::node::Node;
use super::script::Run;

/// Applies an operator.
pub(super) fn operate<'v>(
    operator: &str,
    left: &Node<'v>,
    right: &Node<'v>,
    run: &Run<'v>,
) -> Result<Node<'v>, JsonError> {
    let numbers = || Ok::<_, JsonError>((left.number()?, right.number()?));
    let integers = || Ok::<_, JsonError>((left.integer()?, right.integer()?));
    // Beyond 63 all bits are shifted out.
    let shift = || {
        Ok::<_, JsonError>((
            left.integer()?,
            u32::try_from(right.natural()?).unwrap_or(u32::MAX),
        ))
    };
    let number = |number: f64| Ok(Node::Number(number));
    let integer = |integer: i64| Ok(Node::Number(integer as f64));
    match operator {
        "**" => numbers().and_then(|(left, right)| number(left.powf(right))),
        "*" => numbers().and_then(|(left, right)| number(left * right)),
        "/" => {
            let (left, right) = numbers()?;
            if right == 0.0 {
                return Err(JsonError::request("division by zero"));
            }
            number(left / right)
        }
        "%" => {
            let (left, right) = integers()?;
            if right == 0 {
                return Err(JsonError::request("division by zero"));
            }
            integer(left.wrapping_rem(right))
        }
        "+" if matches!(left, Node::Text(_)) => {
            Ok(Node::text(format!("{}{}", left.as_text()?, right.as_text()?)))
        }
        "+" => numbers().and_then(|(left, right)| number(left + right)),
        "-" => numbers().and_then(|(left, right)| number(left - right)),
        "<<" => shift().and_then(|(left, right)| integer(left.checked_shl(right).unwrap_or(0))),
        ">>" => shift().and_then(|(left, right)| integer(left.checked_shr(right).unwrap_or(left >> 63))),
        "&" => integers().and_then(|(left, right)| integer(left & right)),
        "&^" => integers().and_then(|(left, right)| integer(left & !right)),
        "|" => integers().and_then(|(left, right)| integer(left | right)),
        "^" => integers().and_then(|(left, right)| integer(left ^ right)),
        "&&" => Ok(Node::Bool(left.truth() && right.truth())),
        "||" => Ok(Node::Bool(left.truth() || right.truth())),
        "=~" => run.matches(right.as_text()?, left.as_text()?).map(Node::Bool),
        _ => compare(operator, left, right).map(Node::Bool),
    }
}

/// What is not there is neither equal nor unequal to anything; values of different types are unequal.
fn compare(operator: &str, left: &Node<'_>, right: &Node<'_>) -> Result<bool, JsonError> {
    if matches!(left, Node::Nothing) || matches!(right, Node::Nothing) {
        return Ok(false);
    }
    if operator == "==" || operator == "!=" {
        return Ok(left.same(right) == (operator == "=="));
    }
    let order = match (left, right) {
        (Node::Number(left), Node::Number(right)) => left.partial_cmp(right),
        (Node::Text(left), Node::Text(right)) => Some(left.cmp(right)),
        (left, right) if left.type_name() == right.type_name() => return Err(JsonError::Type),
        _ => None,
    };
    Ok(order.is_some_and(|order| match operator {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }))
}
