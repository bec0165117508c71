//! Where references get their values.

use crate::error::CallError;
use crate::value::{ScopeValue, Value};

/// The values of one point, by slot: slot `n` is the n-th name of [`Compiled::references`](crate::Compiled::references).
/// Whoever evaluates binds slots to columns once per block; a row then costs an index, not a name.
pub trait Scope {
    /// The value of a reference.
    fn get(&self, slot: usize) -> ScopeValue<'_>;

    /// The names the scope knows, for error texts. `None`: exactly the expression's references.
    fn names(&self) -> Option<Vec<String>> {
        None
    }

    /// Answers a function that the caller added through [`Environment::functions`](crate::Environment::functions).
    /// Its signature has been checked.
    fn call(&self, function: &str, _arguments: &[Value]) -> Result<Value, CallError> {
        Err(CallError::Other(format!(
            "function {function} has no meaning here"
        )))
    }
}

/// A scope without names, for constant expressions.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyScope;

impl Scope for EmptyScope {
    fn get(&self, _slot: usize) -> ScopeValue<'_> {
        ScopeValue::Undefined
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(Vec::new())
    }
}

/// Values laid out by slot.
impl Scope for [Value] {
    fn get(&self, slot: usize) -> ScopeValue<'_> {
        <[Value]>::get(self, slot).map_or(ScopeValue::Undefined, Value::as_scope_value)
    }
}

/// Values laid out by slot.
impl Scope for Vec<Value> {
    fn get(&self, slot: usize) -> ScopeValue<'_> {
        Scope::get(self.as_slice(), slot)
    }
}
