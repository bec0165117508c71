//! `golden/scale-to-zero.json`: the same with the gate `HPAScaleToZero`, a sync every 5 s and a stabilization window of 1 s.

use std::path::Path;
use std::sync::Arc;

use capstan_hpa::options::{Gates, Options};
use capstan_hpa::strategy;
use capstan_hpa::validation::{self, Rules};
use capstan_hpa::wire;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::simulated::{Autoscaler, Cluster, plain};
use super::{equal, items_of, list, text};
use crate::report::CaseResult;
use crate::shared::CaseFile;

/// Syncs per HPA: nothing changes after the eleventh.
const SYNCS: i64 = 12;
/// From sync to sync, as it was recorded.
const PERIOD: SignedDuration = SignedDuration::from_millis(5_020);
/// How long before the recording's zero, the first status, the HPAs were made. Its marks count from then.
const LEAD: f64 = 5.0;

const GATES: Gates = Gates {
    scale_to_zero: true,
    configurable_tolerance: true,
    pod_level_resources: true,
    declarative_takeover: false,
};

/// Runs every HPA of a file, and what the API server said to each.
pub(super) fn run_file(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let CaseFile { stem, content } = CaseFile::read(file)?;
    let mut results = Vec::new();
    for (name, object) in items_of(&content, "hpas") {
        let id = |what: &str| format!("golden/{stem}#{what}/{name}");
        let answer = &content["create"][name];
        results.push(CaseResult::of(
            id("create"),
            "hpa:create".to_owned(),
            create(object, answer),
        ));
        if answer == 201 {
            results.push(CaseResult::of(
                id("timeline"),
                "hpa:scenario".to_owned(),
                play(&content, name, object),
            ));
        }
    }
    Ok(results)
}

/// What is found wrong with a new object, and that without the gate all of them are refused.
fn create(object: &Json, answer: &Json) -> Result<(), String> {
    let findings = |gates: Gates| -> Result<Vec<Json>, String> {
        let mut object = wire::read(wire::V2, object).map_err(|error| error.to_string())?;
        strategy::prepare_create(&mut object, gates);
        let options = strategy::validation_options(&object, None, gates);
        let found = validation::create(&object, &options, Rules::Handwritten);
        Ok(found
            .iter()
            .map(|error| json!([error.reason, error.field, error.to_string()]))
            .collect())
    };
    let cause = |cause: &Json| {
        let field = text(cause, "field");
        json!([
            cause["reason"],
            field,
            format!("{field}: {}", text(cause, "message"))
        ])
    };
    let wanted: Vec<Json> = list(&answer["response"]["details"], "causes")
        .iter()
        .map(cause)
        .collect();
    equal("findings", &wanted, &findings(GATES)?)?;
    let without = findings(Gates::default())?;
    let refused = json!([
        "FieldValueInvalid",
        "spec.minReplicas",
        "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"
    ]);
    equal("refused without the gate", &true, &without.contains(&refused))
}

fn play(content: &Json, name: &str, object: &Json) -> Result<(), String> {
    let begin: Timestamp = "2026-11-21T18:01:22Z".parse().map_err(|_| "no time")?;
    let timeline = list(&content["timelines"], name);
    // The recording does not have the workloads; each began with what its first status says.
    let replicas = timeline
        .first()
        .and_then(|line| line["status"]["currentReplicas"].as_i64())
        .unwrap_or(0);
    let deployment = json!({"metadata": {"name": name},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": name}}}}});
    let [low, high] = [0, 25].map(|value| json!({"external": {"q": value}, "hits": value}));
    let marks: Vec<f64> = list(content, "marks")
        .iter()
        .filter_map(|mark| mark[0].as_f64())
        .collect();
    let &[up, down] = marks.as_slice() else {
        return Err(format!("two marks, not {marks:?}"));
    };
    let mut cluster = Cluster::new(&[deployment], &low, begin);
    cluster.options = Arc::new(Options {
        downscale_stabilization: 1_000_000_000,
        gates: GATES,
        ..Options::default()
    });
    let mut autoscaler = Autoscaler::new(object);
    let mut edit = edit(timeline);
    for sync in 1..=SYNCS {
        let since = PERIOD * sync as i32;
        let at = since.as_secs_f64();
        cluster.now = begin + since;
        cluster.values = if (up..down).contains(&at) { &high } else { &low };
        if let Some((_, least)) = edit.take_if(|(when, _)| *when + LEAD < at) {
            autoscaler.object["spec"]["minReplicas"] = json!(least);
        }
        cluster.sync(&mut autoscaler, &[])?;
    }
    let mut expected: Vec<Json> = timeline.iter().map(|line| plain(&line["status"])).collect();
    expected.dedup();
    autoscaler.wrote(&expected)?;
    let mut wanted: Vec<Json> = list(content, "events")
        .iter()
        .filter(|event| text(event, "hpa") == name)
        .flat_map(|event| {
            let times = event["count"].as_u64().unwrap_or(1) as usize;
            std::iter::repeat_n(json!([event["type"], event["reason"], event["message"]]), times)
        })
        .collect();
    let mut got: Vec<Json> = autoscaler
        .events
        .iter()
        .map(|event| json!([event["type"], event["reason"], event["message"]]))
        .collect();
    wanted.sort_by_key(Json::to_string);
    got.sort_by_key(Json::to_string);
    equal(&format!("{name}, events"), &wanted, &got)
}

/// When somebody raised `minReplicas`, and to what: an HPA that changed while its status did not. The recording does not
/// say the number; the last status, which is held by it, does.
fn edit(timeline: &[Json]) -> Option<(f64, i64)> {
    let same = timeline
        .windows(2)
        .find(|pair| pair[0]["status"] == pair[1]["status"])?;
    let last = timeline.last()?["status"]["desiredReplicas"].as_i64()?;
    Some((same[1]["t"].as_f64()?, last))
}
