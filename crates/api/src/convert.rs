//! Between the API's JSON and the tasks' own types.

use std::collections::BTreeMap;

use capstan_client::task_href;
use capstan_client::wire::{
    self, CreateTask, ExecutionStats, Link, TaskStatus, TaskType, VarType, ZERO_TIME,
};
use capstan_flow::{NodeStats, TaskStats};
use capstan_gocompat::time_layout::format_rfc3339_nano;
use capstan_tasks::{Dbrp, NewTask, TaskKind, TaskPatch, TaskRecord, TaskView, Var, VarValue, Vars};
use serde_json::{Value, json};

/// RFC 3339 with nanoseconds (H-13).
pub(crate) fn time(nanos: i64) -> String {
    format_rfc3339_nano(nanos)
}

pub(crate) fn last_enabled(record: &TaskRecord) -> String {
    record.last_enabled.map_or_else(|| ZERO_TIME.to_owned(), time)
}

pub(crate) fn kind(kind: TaskKind) -> TaskType {
    match kind {
        TaskKind::Stream => TaskType::Stream,
        TaskKind::Batch => TaskType::Batch,
    }
}

pub(crate) fn status(enabled: bool) -> TaskStatus {
    if enabled {
        TaskStatus::Enabled
    } else {
        TaskStatus::Disabled
    }
}

pub(crate) fn dbrps(dbrps: &[Dbrp]) -> Vec<wire::Dbrp> {
    let dbrp = |dbrp: &Dbrp| wire::Dbrp {
        db: dbrp.database.clone(),
        rp: dbrp.retention_policy.clone(),
    };
    dbrps.iter().map(dbrp).collect()
}

/// `task-stats` and `node-stats` (H-52).
pub(crate) fn stats(stats: &TaskStats) -> ExecutionStats {
    let node = |node: &NodeStats| {
        let values = node
            .entries()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)));
        (node.name.clone(), values.collect::<BTreeMap<_, _>>())
    };
    ExecutionStats {
        task_stats: BTreeMap::from([("throughput".to_owned(), float(stats.throughput))]),
        node_stats: stats.nodes.iter().map(node).collect(),
    }
}

/// A float as Go prints it: without a fraction when there is none.
fn float(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

/// A task as the API shows it.
pub(crate) fn task(view: &TaskView, raw_script: bool) -> wire::Task {
    let record = &view.record;
    wire::Task {
        link: Link::to(task_href(&record.id)),
        id: record.id.clone(),
        template_id: String::new(),
        kind: kind(record.kind),
        dbrps: dbrps(&record.dbrps),
        script: if raw_script {
            record.script.clone()
        } else {
            view.formatted.clone()
        },
        vars: vars(&record.vars),
        dot: view.dot.clone(),
        status: status(record.enabled),
        executing: view.executing,
        error: view.error.clone(),
        stats: view.stats.as_deref().map(stats).unwrap_or_default(),
        created: time(record.created),
        modified: time(record.modified),
        last_enabled: last_enabled(record),
        warnings: Vec::new(),
    }
}

pub(crate) fn vars(vars: &Vars) -> wire::Vars {
    let entry = |(name, var): (&String, &Var)| {
        let (kind, value) = value(&var.value);
        // What was read through the same type always fits it.
        let var = wire::Var::new(kind, value, var.description.clone()).ok()?;
        Some((name.clone(), var))
    };
    vars.iter().filter_map(entry).collect()
}

fn value(value: &VarValue) -> (VarType, Value) {
    match value {
        VarValue::Bool(value) => (VarType::Bool, json!(value)),
        VarValue::Int(value) => (VarType::Int, json!(value)),
        VarValue::Float(value) => (VarType::Float, json!(value)),
        VarValue::String(value) => (VarType::String, json!(value)),
        VarValue::Regex(value) => (VarType::Regex, json!(value)),
        VarValue::Duration(value) => (VarType::Duration, json!(value)),
        VarValue::Lambda(value) => (VarType::Lambda, json!(value)),
        VarValue::List(items) => {
            let item = |item: &VarValue| {
                let (kind, value) = self::value(item);
                json!({"type": kind, "value": value, "description": ""})
            };
            (VarType::List, items.iter().map(item).collect())
        }
        VarValue::Star => (VarType::Star, Value::Null),
    }
}

fn from_var(var: &wire::Var) -> Result<VarValue, String> {
    let missing = || format!("expected {} value, got {}", var.kind.as_str(), var.value);
    let text = || var.value.as_str().map(ToOwned::to_owned).ok_or_else(missing);
    Ok(match var.kind {
        VarType::Bool => VarValue::Bool(var.value.as_bool().ok_or_else(missing)?),
        VarType::Int => VarValue::Int(var.value.as_i64().ok_or_else(missing)?),
        VarType::Float => VarValue::Float(var.value.as_f64().ok_or_else(missing)?),
        VarType::Duration => VarValue::Duration(var.value.as_i64().ok_or_else(missing)?),
        VarType::String => VarValue::String(text()?),
        VarType::Regex => VarValue::Regex(text()?),
        VarType::Lambda => VarValue::Lambda(text()?),
        VarType::List => VarValue::List(var.items().iter().map(from_var).collect::<Result<_, _>>()?),
        VarType::Star => VarValue::Star,
    })
}

fn from_vars(vars: wire::Vars) -> Result<Vars, String> {
    vars.into_iter()
        .map(|(name, var)| match from_var(&var) {
            Ok(value) => Ok((
                name,
                Var {
                    value,
                    description: var.description,
                },
            )),
            Err(reason) => Err(format!("invalid var {name}: {reason}")),
        })
        .collect()
}

fn from_dbrps(dbrps: Vec<wire::Dbrp>) -> Vec<Dbrp> {
    dbrps
        .into_iter()
        .map(|dbrp| Dbrp {
            database: dbrp.db,
            retention_policy: dbrp.rp,
        })
        .collect()
}

/// What `POST /tasks` asks for; the type is not taken over, because the script says it.
pub(crate) fn new_task(body: CreateTask) -> Result<NewTask, String> {
    Ok(NewTask {
        id: body.id,
        template: body.template_id,
        dbrps: from_dbrps(body.dbrps),
        script: body.script,
        vars: from_vars(body.vars)?,
        enabled: body.status == Some(TaskStatus::Enabled),
    })
}

/// What `PATCH /tasks/ID` asks for.
pub(crate) fn patch(body: CreateTask) -> Result<TaskPatch, String> {
    Ok(TaskPatch {
        id: body.id,
        template: body.template_id,
        dbrps: from_dbrps(body.dbrps),
        script: body.script,
        vars: from_vars(body.vars)?,
        enabled: body.status.map(|status| status == TaskStatus::Enabled),
    })
}
