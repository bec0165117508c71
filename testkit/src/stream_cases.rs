//! Runs the cases of `conformance/stream` and `conformance/batch`: define the tasks, feed the recordings on a virtual
//! clock, end the input, compare what came out.
//!
//! Each case runs twice, with its data cut and mixed in two ways (see `run::Way`), which must not matter. A case that
//! uses a node, a service or an expectation that is not built is skipped and says so.

mod alerts;
mod compare;
mod recording;
mod requests;
mod run;
mod world;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use capstan_gocompat::time_layout::format_rfc3339_nano;
use serde_json::Value as Json;

use crate::fake_udf::{self, FakeUdf};
use crate::outside::{self, Outside};
use crate::report::{CaseResult, Status};
use crate::script_nodes;
use run::Way;

/// 1971-01-01T00:00:00Z, the zero of the replay clock.
const ZERO: i64 = 31_536_000 * 1_000_000_000;

const SECOND: i64 = 1_000_000_000;

/// How a case is run unless it is restarted.
const BOTH: [Way; 2] = [Way::Whole, Way::Pieces];

/// Expectations that are compared.
const CHECKED: [&str; 9] = [
    "httpOut",
    "httpPost",
    "influxdbOut",
    "influxdbQuery",
    "nodeStats",
    "autoscale",
    "startError",
    "completes",
    "udfInit",
];

/// Runs every case of a folder, by file name; recordings are in the folder `data` beside it.
pub fn run_folder(folder: &Path) -> anyhow::Result<Vec<CaseResult>> {
    cases(folder, &BOTH)
}

fn cases(folder: &Path, ways: &[Way]) -> anyhow::Result<Vec<CaseResult>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let data = folder.parent().unwrap_or(folder).join("data");
    files.iter().map(|file| read_and_run(file, &data, ways)).collect()
}

/// Runs every case of a folder with a restart of its tasks in the middle, at several places: the same must come out.
/// Statistics, which count from the start, are left out.
pub fn restart_folder(folder: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let ways = [Way::Restarted(1), Way::Restarted(2), Way::Restarted(3)];
    cases(folder, &ways)
}

/// Runs one case; `data` is the folder of recordings.
pub fn run_file(file: &Path, data: &Path) -> anyhow::Result<CaseResult> {
    read_and_run(file, data, &BOTH)
}

fn read_and_run(file: &Path, data: &Path, ways: &[Way]) -> anyhow::Result<CaseResult> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let case: Json = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    Ok(run_ways(&case, data, ways))
}

/// Runs one case.
pub fn run(case: &Json, data: &Path) -> CaseResult {
    run_ways(case, data, &BOTH)
}

fn run_ways(case: &Json, data: &Path, ways: &[Way]) -> CaseResult {
    let word = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
    let nodes = nodes(case);
    let outcome = match reason_to_skip(case, &nodes) {
        Some(reason) => Err((Status::Skip, reason)),
        None => all_ways(case, data, ways).map_err(|detail| (Status::Fail, detail)),
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

/// The nodes of all scripts of the case, each once.
fn nodes(case: &Json) -> Vec<String> {
    let mut nodes: Vec<String> = Vec::new();
    let tasks = case["tasks"].as_array().into_iter().flatten();
    for script in std::iter::once(case)
        .chain(tasks)
        .filter_map(|task| task["tick"].as_str())
    {
        for node in script_nodes::used(script) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
    }
    nodes
}

/// What of the case is not built.
fn reason_to_skip(case: &Json, nodes: &[String]) -> Option<String> {
    let udf = &case["env"]["udf"];
    let is_udf = |node: &str| node.strip_prefix('@').is_some_and(|name| udf["name"] == name);
    let is_missing = |node: &&String| !script_nodes::is_built(node) && !is_udf(node);
    if let Some(missing) = nodes.iter().find(is_missing) {
        return Some(format!("node {missing} is not built"));
    }
    if let Some(reason) = fake_udf::reason_to_skip(udf) {
        return Some(reason);
    }
    let checked = |kind: &str| CHECKED.contains(&kind) || outside::CHECKED.contains(&kind);
    let unknown = expectations(case).find(|expect| !checked(expect["type"].as_str().unwrap_or_default()));
    if let Some(expect) = unknown {
        return Some(format!("expectation {} is not checked", expect["type"]));
    }
    let text = case.to_string();
    let known = outside::PLACEHOLDERS
        .iter()
        .fold(text, |text, name| text.replace(name, ""));
    let at = known.find("${")?;
    let name: String = known[at..].chars().take_while(|c| *c != '}').collect();
    Some(format!("placeholder {name}}} is not filled in"))
}

fn expectations(case: &Json) -> impl Iterator<Item = &Json> {
    std::iter::once(&case["expect"]).chain(case["also"].as_array().into_iter().flatten())
}

fn all_ways(case: &Json, data: &Path, ways: &[Way]) -> Result<(), String> {
    ways.iter().try_for_each(|&way| {
        prepare(case, data, way).map_err(|detail| match way {
            Way::Whole => format!("as a whole: {detail}"),
            Way::Pieces => format!("in pieces: {detail}"),
            Way::Restarted(quarters) => format!("restarted after {quarters} of 4: {detail}"),
        })
    })
}

/// Fills the case's placeholders in and executes it.
fn prepare(case: &Json, data: &Path, way: Way) -> Result<(), String> {
    let is_outside = |expect: &Json| {
        let kind = expect["type"].as_str().unwrap_or_default();
        outside::CHECKED.contains(&kind)
    };
    let outside = if expectations(case).any(is_outside) {
        Some(Outside::new(case, data)?)
    } else {
        None
    };
    let case = outside
        .as_ref()
        .map_or_else(|| case.clone(), |outside| outside.resolved(case));
    let case = world::fill_in(&case, data);
    let case = if case["live"].is_null() {
        case
    } else {
        live_times(&case)
    };
    execute(&case, data, way, outside.as_ref())
}

/// Where the clock of a case begins.
fn start_time(case: &Json) -> i64 {
    // Live cases begin late enough for times before their start.
    if case["live"].is_null() {
        ZERO
    } else {
        ZERO + 3_600 * SECOND
    }
}

/// The case with `T0+<n>s` as times; `T0` is given relative to the start, `now-22s`.
fn live_times(case: &Json) -> Json {
    let zero = case["live_clock"]["zero"].as_str().unwrap_or_default();
    let before = zero.strip_prefix("now-").and_then(|text| text.strip_suffix('s'));
    let zero = start_time(case) - before.and_then(|text| text.parse().ok()).unwrap_or(0) * SECOND;
    let time = |text: &str| {
        let seconds: i64 = text.strip_prefix("T0+")?.strip_suffix('s')?.parse().ok()?;
        Some(format_rfc3339_nano(zero + seconds * SECOND))
    };
    world::everywhere(case, &|text| time(text).unwrap_or_else(|| text.to_owned()))
}

fn execute(case: &Json, data: &Path, way: Way, outside: Option<&Outside>) -> Result<(), String> {
    let mut world = world::world(case, start_time(case));
    let udf = FakeUdf::new(&case["env"]["udf"]).ok().map(Arc::new);
    world.ports.udf = udf.clone().map(|udf| udf as _);
    let handlers = outside.map(|outside| outside.connect(case, &mut world.ports));
    let refused = expectations(case).find(|expect| expect["type"] == "startError");
    let mut tasks = match (run::start(case, &world), refused) {
        (Ok(tasks), None) => tasks,
        (Err(_), Some(_)) => return Ok(()),
        (Err(error), None) => return Err(error),
        (Ok(_), Some(_)) => return Err("the task started, but must not".to_owned()),
    };
    run::feed(&mut tasks, case, data, &world, way).map_err(|error| format!("{error}{}", tasks.errors()))?;
    if let (Some(outside), Some(handlers)) = (outside, &handlers) {
        outside.settle(handlers)?;
    }
    let script = case["tick"].as_str().unwrap_or_default();
    let check = |expect: &Json| match expect["type"].as_str().unwrap_or_default() {
        "httpOut" => {
            let name = expect["endpoint"].as_str().unwrap_or_default();
            let body = tasks.endpoints().find_map(|endpoints| endpoints.get(name));
            let body = body.ok_or_else(|| format!("endpoint {name} is not there"))?;
            compare::series(expect, &body, script)
        }
        "httpPost" => requests::posts(expect, &world.web.requests()),
        "influxdbOut" => requests::writes(expect, &world.influx.writes()),
        "influxdbQuery" => requests::query(expect, &world.influx.queries()),
        "nodeStats" if matches!(way, Way::Restarted(_)) => Ok(()),
        "nodeStats" => tasks
            .all()
            .first()
            .map_or(Ok(()), |task| compare::node_stats(expect, &task.stats())),
        "udfInit" => udf.as_ref().map_or_else(
            || Err("no function is described".to_owned()),
            |udf| udf.check_init(expect),
        ),
        "autoscale" => compare::updates(expect, &world.orchestrator.updates()),
        _ => outside.map_or(Ok(()), |outside| alerts::check(expect, outside)),
    };
    expectations(case)
        .try_for_each(check)
        .map_err(|detail| format!("{detail}{}", tasks.errors()))
}
