//! Variables of a script, and values given for them.

use std::collections::BTreeMap;

use super::value::{Type, Value};

/// Values given for variables by name.
pub type Vars = BTreeMap<String, Value>;

/// A variable a script declares (H-51).
#[derive(Debug, Clone, PartialEq)]
pub struct Var {
    pub kind: Type,
    /// What the script says; `None` when it only declares a type: a value is required then (T-95).
    pub default: Option<Value>,
    /// What holds: the value given from outside, else the default.
    pub value: Value,
    /// The comment above the declaration (T-35).
    pub description: String,
}
