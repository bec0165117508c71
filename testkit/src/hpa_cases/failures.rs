//! `golden/failures/hpa-status.json` and `golden/scale-target-versions.json`: what an HPA says when metrics APIs fail, come
//! back or are not there, and about targets in other API versions.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use capstan_hpa::conversion::Version;
use capstan_hpa::options::Gates;
use capstan_hpa::validation::{self, Rules};
use capstan_hpa::{defaults, strategy};
use capstan_kubeapi::Status;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::simulated::{Autoscaler, CUSTOM, Cluster, EXTERNAL, RESOURCE, plain};
use super::{equal, list, text};
use crate::report::CaseResult;
use crate::shared::CaseFile;

const BEGIN: &str = "2026-11-21T18:03:00Z";

/// Every HPA in every state of the metrics APIs.
pub(super) fn run_file(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let CaseFile { content, .. } = CaseFile::read(file)?;
    let scenarios = file.with_file_name("../scenarios.json");
    let CaseFile {
        content: scenarios, ..
    } = CaseFile::read(&scenarios)?;
    let mut results = Vec::new();
    for (state, found) in content.as_object().into_iter().flatten() {
        let statuses = found.get("status").unwrap_or(found);
        for (name, status) in statuses.as_object().into_iter().flatten() {
            let outcome = fail(&scenarios, state, name, status);
            let id = format!("golden/failures#{state}/{name}");
            results.push(CaseResult::of(id, "hpa:failure".to_owned(), outcome));
        }
    }
    Ok(results)
}

/// The state of the metrics APIs that a part of the file is about.
fn break_down(cluster: &mut Cluster<'_>, state: &str) -> Result<(), String> {
    let refuse = |code: u16, message: &str| {
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code});
        (code, body.to_string())
    };
    let gone = || (503, "service unavailable\n".to_owned());
    (cluster.custom, cluster.failures) = match state {
        "servers answer 500/503/403" => {
            let failures = [
                (EXTERNAL, refuse(500, "boom")),
                (CUSTOM, refuse(503, "later")),
                (RESOURCE, refuse(403, "no")),
            ];
            (Ok("v1beta2"), failures.into())
        }
        "v1beta2 APIService deleted, 50 s" => (Ok("v1beta1"), BTreeMap::new()),
        "no custom metrics API registered" => (
            Err("no custom metrics API (custom.metrics.k8s.io) registered"),
            BTreeMap::new(),
        ),
        "server gone for 45 s" => (
            Err("no known available metric versions found"),
            [(EXTERNAL, gone()), (RESOURCE, gone())].into(),
        ),
        "server back for 40 s" => (Ok("v1beta2"), BTreeMap::new()),
        other => return Err(format!("unknown state {other:?}")),
    };
    Ok(())
}

fn fail(scenarios: &Json, state: &str, name: &str, status: &Json) -> Result<(), String> {
    let begin: Timestamp = BEGIN.parse().map_err(|_| "no time")?;
    let scenario = &scenarios["scenarios"][name];
    let mut cluster = Cluster::new(list(scenario, "workloads"), &scenarios["phases"][1], begin);
    let mut autoscaler = Autoscaler::new(&scenario["hpas"][0]);
    // All is well, and nothing changes any more.
    cluster.sync(&mut autoscaler, &[])?;
    cluster.now = begin + SignedDuration::from_secs(15);
    break_down(&mut cluster, state)?;
    cluster.sync(&mut autoscaler, &[])?;
    let essence = |status: &Json| json!([status["currentMetrics"], plain(&status["conditions"])]);
    let last = autoscaler.statuses.last().ok_or("no status was written")?;
    equal(name, &essence(&plain(status)), &essence(last))
}

/// What is let in, and what comes of it.
pub(super) fn run_targets(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let CaseFile { stem, content } = CaseFile::read(file)?;
    let mut results = Vec::new();
    for (name, case) in content.as_object().context("an object of cases")? {
        let outcome = match name.strip_prefix("create ") {
            Some(what) => create(what, case),
            None => target(name, case),
        };
        let id = format!("golden/{stem}#{name}");
        results.push(CaseResult::of(id, "hpa:target".to_owned(), outcome));
    }
    Ok(results)
}

fn object(name: &str, target: &Json) -> Json {
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 10, "metrics": [{"type": "External", "external": {
            "metric": {"name": "ea"}, "target": {"type": "AverageValue", "averageValue": "10"}}}]}})
}

/// `NAME KIND apiVersion=VERSION`, and the answer of the API server.
fn create(what: &str, answer: &Json) -> Result<(), String> {
    let parts: Vec<&str> = what.split(' ').collect();
    let &[name, kind, version] = parts.as_slice() else {
        return Err(format!("{what:?} is no name, kind and version"));
    };
    let version = version.trim_start_matches("apiVersion=");
    let mut object = object(name, &json!({"kind": kind, "name": name, "apiVersion": version}));
    defaults::apply(Version::V2, &mut object);
    let options = strategy::validation_options(&object, None, Gates::default());
    let found = validation::create(&object, &options, Rules::Handwritten);
    if answer["status"] == 201 {
        return equal("findings", &Vec::new(), &found);
    }
    let status = Status::invalid("autoscaling", "HorizontalPodAutoscaler", name, &found);
    equal("message", &text(answer, "message").to_owned(), &status.message)
}

fn target(name: &str, case: &Json) -> Result<(), String> {
    let begin: Timestamp = BEGIN.parse().map_err(|_| "no time")?;
    let deployment = json!({"metadata": {"name": name},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": name}}}}});
    let values = json!({"external": {"ea": 12}});
    let mut cluster = Cluster::new(&[deployment], &values, begin);
    let mut autoscaler = Autoscaler::new(&object(name, &case["scaleTargetRef"]));
    cluster.sync(&mut autoscaler, &[])?;
    autoscaler.wrote(&[plain(&case["status"])])
}
