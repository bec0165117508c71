//! Runs the cases of `conformance/stream` and `conformance/batch`: define the task, feed the recording on a virtual
//! clock, end the input, compare what came out.
//!
//! Each case runs twice, once with the whole recording as one body and once point by point: how points are cut into
//! blocks must not matter. A case that uses a node, a service or an expectation that is not built is skipped and says so.

mod compare;
mod recording;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use capstan_base::VirtualClock;
use capstan_flow::{Mode, NodeId, Ports, Task, TaskKind, Vars};
use capstan_model::Batch;
use serde_json::Value as Json;

use crate::fake_scaler::FakeScaler;
use crate::report::{CaseResult, Status};
use crate::script_nodes;

/// 1971-01-01T00:00:00Z, the zero of the replay clock.
const ZERO: i64 = 31_536_000 * 1_000_000_000;

/// Runs every case of a folder, by file name; recordings are in the folder `data` beside it.
pub fn run_folder(folder: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let data = folder.parent().unwrap_or(folder).join("data");
    files.iter().map(|file| run_file(file, &data)).collect()
}

/// Runs one case; `data` is the folder of recordings.
pub fn run_file(file: &Path, data: &Path) -> anyhow::Result<CaseResult> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let case: Json = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    Ok(run(&case, data))
}

/// Runs one case.
pub fn run(case: &Json, data: &Path) -> CaseResult {
    let word = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
    let script = word("tick");
    let nodes = script_nodes::used(&script);
    let outcome = match reason_to_skip(case, &nodes) {
        Some(reason) => Err((Status::Skip, reason)),
        None => both_ways(case, &script, data).map_err(|detail| (Status::Fail, detail)),
    };
    let (status, detail) = outcome.map_or_else(
        |(status, detail)| (status, detail),
        |()| (Status::Pass, String::new()),
    );
    CaseResult {
        id: word("name"),
        kind: word("kind"),
        status,
        nodes,
        detail,
    }
}

/// What of the case is not built.
fn reason_to_skip(case: &Json, nodes: &[String]) -> Option<String> {
    if case["kind"] == "batch" {
        return Some("batch sources are not built (node query)".to_owned());
    }
    if let Some(missing) = nodes.iter().find(|node| !script_nodes::is_built(node)) {
        return Some(format!("node {missing} is not built"));
    }
    for key in ["tasks", "live"] {
        if !case[key].is_null() {
            return Some(format!("cases with `{key}` are not run"));
        }
    }
    if case["tick"].as_str().is_some_and(|script| script.contains("${")) {
        return Some("scripts with placeholders are not run".to_owned());
    }
    let known = ["httpOut", "nodeStats", "autoscale", "startError", "completes"];
    let unknown =
        expectations(case).find(|expect| !known.contains(&expect["type"].as_str().unwrap_or_default()));
    unknown.map(|expect| format!("expectation {} is not checked", expect["type"]))
}

fn expectations(case: &Json) -> impl Iterator<Item = &Json> {
    std::iter::once(&case["expect"]).chain(case["also"].as_array().into_iter().flatten())
}

fn both_ways(case: &Json, script: &str, data: &Path) -> Result<(), String> {
    let body = match case["data"].as_str() {
        Some(name) => recording::stream(&data.join(name), ZERO)?,
        None => Vec::new(),
    };
    let pieces: Vec<Batch> = body.iter().flat_map(recording::points).collect();
    execute(case, script, &body).map_err(|detail| format!("as one body: {detail}"))?;
    execute(case, script, &pieces).map_err(|detail| format!("point by point: {detail}"))
}

fn execute(case: &Json, script: &str, data: &[Batch]) -> Result<(), String> {
    let clock = VirtualClock::at(ZERO);
    let replicas = case["env"]["k8s"]["initial_replicas"]
        .as_object()
        .into_iter()
        .flatten();
    let replicas = replicas.filter_map(|(name, count)| Some((name.clone(), count.as_i64()?)));
    let scaler = Arc::new(FakeScaler::new(replicas));
    let mut ports = Ports::offline(clock);
    ports.scaler = (!case["env"]["k8s"].is_null()).then(|| Arc::clone(&scaler) as _);
    let endpoints = ports.endpoints.clone();
    let dbrp = |dbrp: &Json| {
        let word = |key: &str| Arc::from(dbrp[key].as_str().unwrap_or_default());
        (word("db"), word("rp"))
    };
    let dbrps = case["dbrps"].as_array().into_iter().flatten().map(dbrp).collect();
    let start_error = expectations(case).find(|expect| expect["type"] == "startError");
    let started = capstan_flow::define(script, TaskKind::Stream, &Vars::new(), Mode::Task)
        .map_err(|error| error.to_string())
        .and_then(|definition| {
            let id = case["task_id"].as_str().unwrap_or("task");
            Task::new(id, Arc::new(definition.pipeline), dbrps, ports).map_err(|error| error.to_string())
        })
        .and_then(|mut task| task.start().map(|()| task).map_err(|error| error.to_string()));
    let mut task = match (started, start_error) {
        (Ok(task), None) => task,
        (Err(_), Some(_)) => return Ok(()),
        (Err(error), None) => return Err(error),
        (Ok(_), Some(_)) => return Err("the task started, but must not".to_owned()),
    };
    let run = |task: &mut Task| -> Result<(), capstan_flow::TaskError> {
        for batch in data {
            task.collect(batch)?;
            settle(task)?;
        }
        task.finish()?;
        settle(task)
    };
    run(&mut task).map_err(|error| error.to_string())?;
    let check = |expect: &Json| match expect["type"].as_str().unwrap_or_default() {
        "httpOut" => {
            let name = expect["endpoint"].as_str().unwrap_or_default();
            let body = endpoints
                .get(name)
                .ok_or_else(|| format!("endpoint {name} is not there"))?;
            compare::series(expect, &body, script)
        }
        "nodeStats" => compare::node_stats(expect, &task.stats()),
        "autoscale" => compare::updates(expect, &scaler.updates()),
        _ => Ok(()),
    };
    expectations(case)
        .try_for_each(check)
        .map_err(|detail| format!("{detail}{}", node_errors(&task)))
}

/// What nodes had to complain about, which often explains a difference.
fn node_errors(task: &Task) -> String {
    let mut text = String::new();
    for (at, config) in task.pipeline().nodes().iter().enumerate() {
        for entry in task.errors(NodeId(at as u32)).recent() {
            let (name, count) = (config.name(), entry.count);
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "; {name}: {}: {} ({count} times)",
                entry.message, entry.error
            );
        }
    }
    text
}

/// Handles the answers of fakes until nothing is under way.
fn settle(task: &mut Task) -> Result<(), capstan_flow::TaskError> {
    for _ in 0..10_000 {
        task.complete()?;
        if task.pending() == 0 {
            break;
        }
    }
    Ok(())
}
