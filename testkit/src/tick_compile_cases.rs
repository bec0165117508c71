//! Runs the cases of `conformance/tick` that evaluate scripts: kinds `compile`, `vars` and `pipelineJSON`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_flow::{Mode, Ports, Task, TaskKind, Value, Vars};
use capstan_gocompat::duration;
use serde_json::Value as Json;

use crate::report::{CaseResult, Status};
use crate::script_nodes;
use crate::shared::{self, CaseFile};

/// Runs every case of every file in a folder, by file name; files of other kinds are left out.
pub fn run_folder(folder: &Path) -> anyhow::Result<Vec<CaseResult>> {
    shared::each_file(folder, run_file)
}

/// Runs every case of a file; none if the file's kind is not one of ours.
pub fn run_file(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let CaseFile { stem, content } = CaseFile::read(file)?;
    let kind = content["kind"].as_str().unwrap_or_default();
    let run: fn(&Json) -> Result<(), (Status, String)> = match kind {
        "compile" => compile,
        "vars" => vars,
        "pipelineJSON" => pipeline_json,
        _ => return Ok(Vec::new()),
    };
    let result = |case: &Json| {
        let (status, detail) = match run(case) {
            Ok(()) => (Status::Pass, String::new()),
            Err((status, detail)) => (status, detail),
        };
        CaseResult {
            id: format!("{stem}#{}", case["id"].as_str().unwrap_or_default()),
            kind: format!("tick:{kind}"),
            status,
            nodes: script_nodes::used(case["script"].as_str().unwrap_or_default()),
            detail,
        }
    };
    Ok(content["cases"]
        .as_array()
        .into_iter()
        .flatten()
        .map(result)
        .collect())
}

fn fail(detail: impl Into<String>) -> (Status, String) {
    (Status::Fail, detail.into())
}

/// Compares errors by place and, where it is not Go's own words, by text.
fn same_error(wanted: Option<&str>, got: &str) -> Result<(), (Status, String)> {
    let Some(wanted) = wanted else { return Ok(()) };
    let loose = wanted.contains("reflect") || wanted.contains("*pipeline.");
    let fits = if loose {
        place(wanted) == place(got)
    } else {
        sorted_names(wanted) == sorted_names(got)
    };
    if fits {
        Ok(())
    } else {
        Err(fail(format!("expected the error {wanted:?}, got {got:?}")))
    }
}

/// The `line L char C` of an error text.
fn place(text: &str) -> Option<(u64, u64)> {
    let rest = text.split("line ").nth(1)?;
    let (line, rest) = rest.split_once(" char ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((line.parse().ok()?, rest[..digits].parse().ok()?))
}

/// The names in scope have no order.
fn sorted_names(text: &str) -> String {
    match text.split_once("Names in scope: ") {
        Some((head, names)) => {
            let mut names: Vec<&str> = names.split(',').collect();
            names.sort_unstable();
            format!("{head}Names in scope: {}", names.join(","))
        }
        None => text.to_owned(),
    }
}

fn compile(case: &Json) -> Result<(), (Status, String)> {
    let script = case["script"].as_str().unwrap_or_default();
    let batch = case["edge"] == "batch";
    let methods = script_nodes::used(script);
    let unknown = methods.iter().find(|node| !script_nodes::is_built(node));
    // A method that Kapacitor does not have either is an error that must be found.
    if let Some(unknown) = unknown
        && !case["error"]
            .as_str()
            .is_some_and(|error| error.contains(&format!("method or property \"{unknown}\"")))
        && !case["error"]
            .as_str()
            .is_some_and(|error| error.starts_with("parser:"))
    {
        return Err((Status::Skip, format!("node {unknown} is not built")));
    }
    let kind = if batch { TaskKind::Batch } else { TaskKind::Stream };
    let ok = case["ok"].as_bool().unwrap_or(true);
    let definition = match (capstan_flow::define(script, kind, &Vars::new(), Mode::Task), ok) {
        (Ok(definition), true) => definition,
        (Ok(_), false) => return Err(fail(format!("expected the error {}", case["error"]))),
        (Err(error), false) => return same_error(case["error"].as_str(), &error.to_string()),
        (Err(error), true) => return Err(fail(error.to_string())),
    };
    let dot = definition.pipeline.dot("TASK");
    if case["dot"].as_str().is_some_and(|wanted| wanted != dot) {
        return Err(fail(format!("expected {}, got {dot:?}", case["dot"])));
    }
    let dbrps = vec![(Arc::from("telegraf"), Arc::from("autogen"))];
    // The cases were recorded on a server with InfluxDB.
    let world = capstan_sim::World::new(0);
    let ports = Ports {
        influx_write: world.ports.influx_write,
        sideload: world.ports.sideload,
        ..Ports::offline(VirtualClock::at(0))
    };
    let started = Task::new("TASK", Arc::new(definition.pipeline), dbrps, ports)
        .and_then(|mut task| task.start().map(|()| task));
    match (started, case["start_ok"].as_bool()) {
        (Ok(_), Some(false)) => Err(fail(format!("started, expected {}", case["start_error"]))),
        (Err(error), Some(false)) => same_error(case["start_error"].as_str(), &error.to_string()),
        (Err(error), Some(true)) => Err(fail(format!("start: {error}"))),
        (Ok(_) | Err(_), None) | (Ok(_), Some(true)) => Ok(()),
    }
}

fn vars(case: &Json) -> Result<(), (Status, String)> {
    if case["scope_f"] == Json::Bool(true) {
        return Err((
            Status::Skip,
            "calls a function that only the upstream test has".to_owned(),
        ));
    }
    let script = case["script"].as_str().unwrap_or_default();
    let mut given = Vars::new();
    for (name, var) in case["define"].as_object().into_iter().flatten() {
        given.insert(name.clone(), value(var).map_err(fail)?);
    }
    let mode = if case["ignore_missing"] == Json::Bool(true) {
        Mode::Template
    } else {
        Mode::Task
    };
    let ok = case["ok"].as_bool().unwrap_or(true);
    let declared = match (capstan_flow::variables(script, &given, mode), ok) {
        (Ok(declared), true) => declared,
        (Ok(_), false) => return Err(fail(format!("expected the error {}", case["error"]))),
        (Err(error), false) => return same_error(case["error"].as_str(), &error.to_string()),
        (Err(error), true) => return Err(fail(error.to_string())),
    };
    if let Some(wanted) = case["vars"].as_object() {
        let names: Vec<&String> = declared.keys().collect();
        let mut expected: Vec<&String> = wanted.keys().collect();
        expected.sort();
        if names != expected {
            return Err(fail(format!(
                "expected the variables {expected:?}, got {names:?}"
            )));
        }
        for (name, wanted) in wanted {
            let var = &declared[name];
            let kind = wanted["type"].as_str().unwrap_or_default();
            if var.kind.error_name() != kind && var.kind.name() != kind {
                return Err(fail(format!(
                    "{name}: expected type {kind}, got {}",
                    var.kind.name()
                )));
            }
            let default = var.default.as_ref().map_or(Json::Null, shown);
            if !equal(&wanted["value"], &default) {
                return Err(fail(format!(
                    "{name}: expected default {}, got {default}",
                    wanted["value"]
                )));
            }
        }
    }
    for (name, wanted) in case["values"].as_object().into_iter().flatten() {
        // Lists have no text upstream but their Go type.
        let Some(var) = declared.get(name) else { continue };
        let got = shown(&var.value);
        if !matches!(var.value, Value::List(_)) && !equal(wanted, &got) {
            return Err(fail(format!("{name}: expected value {wanted}, got {got}")));
        }
    }
    Ok(())
}

/// The script must define; Kapacitor's own JSON of a pipeline is internal to it (no request or command gives it), so it is
/// not built and a case that wants it cannot pass.
fn pipeline_json(case: &Json) -> Result<(), (Status, String)> {
    let script = case["script"].as_str().unwrap_or_default();
    capstan_flow::define(script, TaskKind::Stream, &Vars::new(), Mode::Task)
        .map_err(|error| fail(error.to_string()))?;
    Err((
        Status::Skip,
        "Kapacitor's internal JSON of pipelines is not built".to_owned(),
    ))
}

fn equal(wanted: &Json, got: &Json) -> bool {
    match (wanted.as_f64(), got.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => wanted == got,
    }
}

/// A value as the cases write it.
fn shown(value: &Value) -> Json {
    match value {
        Value::Int(v) => Json::from(*v),
        Value::Float(v) if v.is_finite() => Json::from(*v),
        Value::Float(v) => Json::from(if v.is_nan() {
            "NaN"
        } else if *v > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }),
        Value::Bool(v) => Json::from(*v),
        Value::List(values) => {
            let item = |value: &Value| {
                let kind = value.type_of().map_or("", |kind| kind.error_name());
                Json::from_iter(BTreeMap::from([
                    ("type", Json::from(kind)),
                    ("value", shown(value)),
                ]))
            };
            Json::Array(values.iter().map(item).collect())
        }
        other => Json::from(other.to_string()),
    }
}

/// A value given from outside.
fn value(var: &Json) -> Result<Value, String> {
    let given = &var["value"];
    let text = || given.as_str().ok_or_else(|| format!("{given} is not a string"));
    Ok(match var["type"].as_str().unwrap_or_default() {
        "int" => Value::Int(given.as_i64().ok_or("not an int")?),
        "float" => Value::Float(given.as_f64().ok_or("not a float")?),
        "bool" | "boolean" => Value::Bool(given.as_bool().ok_or("not a bool")?),
        "string" => Value::String(text()?.into()),
        "regex" => Value::Regex(text()?.into()),
        "duration" => Value::Duration(duration::parse_influx(text()?).map_err(|error| error.to_string())?),
        "lambda" => Value::lambda(text()?).map_err(|error| error.to_string())?,
        "star" => Value::Star,
        "list" => Value::List(
            given
                .as_array()
                .into_iter()
                .flatten()
                .map(value)
                .collect::<Result<_, _>>()?,
        ),
        other => return Err(format!("unknown type {other:?}")),
    })
}
