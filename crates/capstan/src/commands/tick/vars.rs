//! Values for a script's variables from a file.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use capstan_client::wire::{Var, VarType, Vars as WireVars};
use capstan_flow::{Value, Vars};

/// Reads the JSON that `kapacitor define -vars` takes (H-51).
pub(super) fn read(file: &Path) -> Result<Vars> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let vars: WireVars =
        serde_json::from_str(&text).with_context(|| format!("{} holds no variables", file.display()))?;
    vars.iter()
        .map(|(name, var)| {
            let value = value(var).with_context(|| format!("variable {name} of {}", file.display()))?;
            Ok((name.clone(), value))
        })
        .collect()
}

fn value(var: &Var) -> Result<Value> {
    let text = || var.value.as_str().map(Arc::from);
    let value = match var.kind {
        VarType::Bool => var.value.as_bool().map(Value::Bool),
        VarType::Int => var.value.as_i64().map(Value::Int),
        VarType::Float => var.value.as_f64().map(Value::Float),
        VarType::Duration => var.value.as_i64().map(Value::Duration),
        VarType::String => text().map(Value::String),
        VarType::Regex => text().map(Value::Regex),
        VarType::Lambda => match var.value.as_str() {
            Some(text) => Some(Value::lambda(text)?),
            None => None,
        },
        VarType::List => Some(Value::List(
            var.items().iter().map(self::value).collect::<Result<_>>()?,
        )),
        VarType::Star => Some(Value::Star),
    };
    match value {
        Some(value) => Ok(value),
        None => bail!("expected {} value, got {}", var.kind.as_str(), var.value),
    }
}
