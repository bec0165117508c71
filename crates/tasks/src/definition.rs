//! From a record to what runs: the only place that asks `tick` and `flow` about scripts.

use std::sync::Arc;

use capstan_flow::ports::UdfCatalog;
use capstan_flow::{Definition, Mode, Pipeline, TaskKind as FlowKind, Value, Warning};

use crate::error::Error;
use crate::record::{Dbrp, TaskKind, TaskRecord, VarValue};

/// What a script says about itself without being evaluated.
#[derive(Debug)]
pub(crate) struct Statements {
    /// `None` when it names neither `stream` nor `batch`.
    pub(crate) kind: Option<TaskKind>,
    pub(crate) dbrps: Vec<Dbrp>,
}

/// Parses a script.
pub(crate) fn statements(script: &str) -> Result<Statements, Error> {
    let program = capstan_tick::parse(script).map_err(|error| Error::Script(error.to_string()))?;
    let dbrps = capstan_tick::dbrps(&program).into_iter();
    Ok(Statements {
        kind: capstan_tick::script_type(&program).map(TaskKind::from),
        dbrps: dbrps
            .map(|dbrp| Dbrp {
                database: dbrp.database,
                retention_policy: dbrp.retention_policy,
            })
            .collect(),
    })
}

/// The pipeline of a task with its variables, and `functions` of the user's that it may call.
pub(crate) fn pipeline(record: &TaskRecord, functions: &UdfCatalog) -> Result<Arc<Pipeline>, Error> {
    Ok(Arc::new(define(record, functions)?.pipeline))
}

/// Traps in the script of a task; none when it is not valid.
pub(crate) fn warnings(record: &TaskRecord, functions: &UdfCatalog) -> Vec<Warning> {
    define(record, functions).map_or_else(
        |_| Vec::new(),
        |definition| capstan_flow::lint(&record.script, &definition),
    )
}

fn define(record: &TaskRecord, functions: &UdfCatalog) -> Result<Definition, Error> {
    let mut vars = capstan_flow::Vars::new();
    for (name, var) in &record.vars {
        vars.insert(name.clone(), value(&var.value)?);
    }
    let kind = match record.kind {
        TaskKind::Stream => FlowKind::Stream,
        TaskKind::Batch => FlowKind::Batch,
    };
    capstan_flow::define_with(&record.script, kind, &vars, Mode::Task, functions)
        .map_err(|error| Error::Script(error.to_string()))
}

fn value(value: &VarValue) -> Result<Value, Error> {
    Ok(match value {
        VarValue::Bool(value) => Value::Bool(*value),
        VarValue::Int(value) => Value::Int(*value),
        VarValue::Float(value) => Value::Float(*value),
        VarValue::String(text) => Value::String(text.as_str().into()),
        VarValue::Duration(nanos) => Value::Duration(*nanos),
        VarValue::Regex(pattern) => {
            capstan_gocompat::Regexp::new(pattern)
                .map_err(|error| Error::Script(format!("invalid regex pattern: {error}")))?;
            Value::Regex(pattern.as_str().into())
        }
        VarValue::Lambda(text) => {
            let body = capstan_tick::parse_lambda(text)
                .map_err(|error| Error::Script(format!("invalid lambda expression: {error}")))?;
            Value::Lambda(Arc::new(body))
        }
        VarValue::List(items) => Value::List(items.iter().map(self::value).collect::<Result<_, _>>()?),
        VarValue::Star => Value::Star,
    })
}
