//! What `groupBy` takes (N-33, N-36).

use std::sync::Arc;

use crate::group_state::TagChoice;
use crate::script::Value;

/// Checks the arguments of `groupBy` and `exclude`.
pub(crate) fn check(dimensions: &[Value], excluded: &[Arc<str>]) -> Result<(), String> {
    let mut star = false;
    for dimension in dimensions {
        match dimension {
            Value::String(name) if name.is_empty() => {
                return Err("dimensions cannot not be the empty string".to_owned());
            }
            Value::String(_) => {}
            Value::Star => star = true,
            other => return Err(format!("invalid dimension object of type {}", other.go_type())),
        }
    }
    if star && dimensions.len() > 1 {
        return Err("cannot group by both '*' and named dimensions.".to_owned());
    }
    if !star && !excluded.is_empty() {
        return Err("exclude requires '*'".to_owned());
    }
    Ok(())
}

/// The tags that checked arguments choose.
pub(crate) fn choice(dimensions: &[Value], excluded: &[Arc<str>]) -> TagChoice {
    if dimensions
        .iter()
        .any(|dimension| matches!(dimension, Value::Star))
    {
        return TagChoice::AllBut(excluded.to_vec());
    }
    let mut names = crate::pipeline::strings(dimensions);
    names.sort();
    names.dedup();
    TagChoice::Named(names.into())
}
