//! Runs the tasks of a case: defines and starts them, feeds them, ends them.

use std::path::Path;
use std::sync::Arc;

use capstan_base::Clock as _;
use capstan_flow::recording::{RecordedBatch, first_time, read_batches};
use capstan_flow::{Mode, NodeId, TaskKind, Vars};
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};
use capstan_sim::tasks::Dbrps;
use capstan_sim::{Tasks, World};
use serde_json::Value as Json;

use super::{ZERO, recording};

/// How data is cut and mixed on its way in, which must not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A stream as one body; batches of several recordings by time.
    Whole,
    /// A stream point by point; recordings one after the other.
    Pieces,
    /// As `Pieces`, with a restart of the tasks after this many quarters.
    Restarted(usize),
}

impl Way {
    /// Whether the tasks restart before the piece number `at` of `len`.
    fn restarts(self, at: usize, len: usize) -> bool {
        matches!(self, Self::Restarted(quarters) if at == len * quarters / 4)
    }
}

/// Defines and starts the tasks, in order.
pub(super) fn start(case: &Json, world: &World) -> Result<Tasks, String> {
    let single = [case.clone()];
    let tasks = case["tasks"].as_array().map_or(&single[..], Vec::as_slice);
    let mut started = Tasks::default();
    for task in tasks {
        let word = |key: &str| task[key].as_str();
        let kind = match word("kind").or(word("type")) {
            Some("batch") => TaskKind::Batch,
            _ => TaskKind::Stream,
        };
        let dbrp = |dbrp: &Json| {
            let word = |key: &str| Arc::from(dbrp[key].as_str().unwrap_or_default());
            (word("db"), word("rp"))
        };
        let dbrps: Dbrps = task["dbrps"].as_array().into_iter().flatten().map(dbrp).collect();
        let script = word("tick").unwrap_or_default();
        let functions = world.ports.functions();
        let definition = capstan_flow::define_with(script, kind, &Vars::new(), Mode::Task, &functions)
            .map_err(|error| error.to_string())?;
        let id = word("task_id").or(word("id")).unwrap_or("task");
        started
            .start(id, Arc::new(definition.pipeline), dbrps, world)
            .map_err(|error| error.to_string())?;
    }
    Ok(started)
}

/// Feeds the case's data and ends the tasks.
pub(super) fn feed(
    tasks: &mut Tasks,
    case: &Json,
    data: &Path,
    world: &World,
    way: Way,
) -> Result<(), String> {
    if let Some(steps) = case["live"].as_array() {
        live(tasks, steps, world, way)?;
    } else if case["kind"] == "batch" {
        batches(tasks, case, data, world, way)?;
    } else if let Some(name) = case["data"].as_str() {
        let body = recording::stream(&data.join(name), ZERO)?;
        let body = match way {
            Way::Whole => body,
            Way::Pieces | Way::Restarted(_) => body.iter().flat_map(recording::points).collect(),
        };
        for (at, batch) in body.iter().enumerate() {
            if way.restarts(at, body.len()) {
                tasks.restart(world).map_err(|error| error.to_string())?;
            }
            tasks.collect(batch, world).map_err(|error| error.to_string())?;
        }
    }
    tasks.finish(world).map_err(|error| error.to_string())
}

/// Feeds recording i to the i-th query node in the order of recordings; each is moved so that it begins at zero.
fn batches(tasks: &mut Tasks, case: &Json, data: &Path, world: &World, way: Way) -> Result<(), String> {
    let files: Vec<&str> = case["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let task = tasks.all().first().ok_or("a batch case has one task")?;
    let queries = task.pipeline().queries();
    if files.len() != queries.len() {
        return Err(format!(
            "{} recordings for {} queries",
            files.len(),
            queries.len()
        ));
    }
    let mut recorded: Vec<(NodeId, i64, RecordedBatch)> = Vec::new();
    for (file, query) in files.iter().zip(queries) {
        let file = data.join(file);
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let batches = read_batches(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        let by = ZERO - first_time(&batches).unwrap_or(ZERO);
        recorded.extend(batches.into_iter().map(|batch| (query, by, batch)));
    }
    if way == Way::Whole {
        // As the replay's clock lets them go.
        recorded.sort_by_key(|(_, by, batch)| batch.points.last().map_or(0, |point| point.time + by));
    }
    let len = recorded.len();
    for (at, (query, by, batch)) in recorded.into_iter().enumerate() {
        if way.restarts(at, len) {
            tasks.restart(world).map_err(|error| error.to_string())?;
        }
        tasks
            .collect_batch(query, by, &batch, world)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Steps against a clock; sleeping makes it jump from timer to timer.
fn live(tasks: &mut Tasks, steps: &[Json], world: &World, way: Way) -> Result<(), String> {
    for (at, step) in steps.iter().enumerate() {
        if way.restarts(at, steps.len()) {
            tasks.restart(world).map_err(|error| error.to_string())?;
        }
        let done = match step["op"].as_str().unwrap_or_default() {
            "send" => tasks.collect(&sent(step), world),
            "sleep" => {
                let nanos = step["ns"].as_i64().unwrap_or(0);
                tasks.pass(world.clock.now_nanos() + nanos, world)
            }
            _ => break,
        };
        done.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The point of a step.
fn sent(step: &Json) -> Batch {
    let word = |key: &str| Arc::<str>::from(step[key].as_str().unwrap_or_default());
    let keys = Arc::new(KeyTable::new());
    let mut rows = BlockBuilder::new(word("name"), Arc::clone(&keys)).from_source(word("db"), word("rp"));
    let tags = step["tags"].as_object().into_iter().flatten();
    let tags = tags.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    let time = capstan_gocompat::time_layout::parse_rfc3339(&word("time")).unwrap_or_default();
    rows.row(time, keys.intern(&Tags::from_pairs(tags)));
    for (name, value) in step["fields"].as_object().into_iter().flatten() {
        match value {
            Json::Bool(v) => rows.field(name, ValueRef::Bool(*v)),
            Json::String(v) => rows.field(name, ValueRef::Str(v)),
            Json::Number(v) => rows.field(name, ValueRef::Float(v.as_f64().unwrap_or_default())),
            _ => {}
        }
    }
    Batch::single(rows.finish())
}
