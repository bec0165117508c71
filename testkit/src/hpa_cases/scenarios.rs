//! `golden/scenarios.json`: what a real 1.36 controller wrote, compared with what ours writes in a simulated cluster.
//!
//! There are two sets of values, and a sync every 15 s. Compared are every status in order, without its times, and which
//! events there were. Names that are random (pods, the order of rival HPAs) are taken out on both sides.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::input::items;
use super::simulated::{Autoscaler, Cluster, plain};
use super::{equal, text};
use crate::report::CaseResult;
use crate::shared::CaseFile;

/// Syncs per HPA: the recording ends before the thirteenth.
const SYNCS: i64 = 12;
/// The first sync, counted from 1, that saw the second set of values.
const SECOND_PHASE: i64 = 6;

/// Runs every scenario of a file.
pub(super) fn run_file(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let CaseFile { stem, content } = CaseFile::read(file)?;
    let scenarios = content["scenarios"].as_object().into_iter().flatten();
    Ok(scenarios
        .map(|(name, scenario)| {
            let id = format!("golden/{stem}#{name}");
            CaseResult::of(
                id,
                "hpa:scenario".to_owned(),
                scenario_case(&content["phases"], scenario),
            )
        })
        .collect())
}

fn scenario_case(phases: &Json, scenario: &Json) -> Result<(), String> {
    let begin: Timestamp = "2026-11-21T17:55:39Z".parse().map_err(|_| "no time")?;
    let mut cluster = Cluster::new(items(&scenario["workloads"]), &phases[0], begin);
    let mut autoscalers: Vec<Autoscaler> = items(&scenario["hpas"]).iter().map(Autoscaler::new).collect();
    for sync in 1..=SYNCS {
        cluster.now = begin + SignedDuration::from_millis(15_050 * sync);
        cluster.values = &phases[usize::from(sync >= SECOND_PHASE)];
        for index in 0..autoscalers.len() {
            let rivals: Vec<String> = autoscalers
                .iter()
                .enumerate()
                .filter(|(other, found)| *other != index && found.registered)
                .map(|(_, found)| format!("default/{}", found.name()))
                .collect();
            cluster.sync(&mut autoscalers[index], &rivals)?;
        }
    }
    for found in &autoscalers {
        compare(scenario, found)?;
    }
    Ok(())
}

fn compare(scenario: &Json, found: &Autoscaler) -> Result<(), String> {
    let name = found.name();
    let mut expected: Vec<Json> = items(&scenario["timeline"])
        .iter()
        .filter(|line| text(line, "hpa") == name && text(line, "type") == "MODIFIED")
        .map(|line| plain(&line["status"]))
        .collect();
    // Writes that differ only in what is random.
    expected.dedup();
    found.wrote(&expected)?;
    let event = |event: &Json| json!([event["type"], event["reason"], event["message"]]);
    let unique = |mut events: Vec<String>| {
        events.sort();
        events.dedup();
        events
    };
    let wanted = items(&scenario["events"])
        .iter()
        .filter(|event| text(event, "hpa") == name)
        .map(|found| event(&plain(found)).to_string());
    let got = found.events.iter().map(|found| event(found).to_string());
    equal(
        &format!("{name}, events"),
        &unique(wanted.collect()),
        &unique(got.collect()),
    )
}
