//! `golden/scenarios.json`: what a real 1.36 controller wrote, compared with what ours writes in a simulated cluster.
//!
//! The cluster has what the recorded one had: pods that are ready at once, or held back as their labels say; a metrics
//! server with two sets of values; a sync every 15 s. Compared are every status in order, without its times, and which
//! events there were. Names that are random (pods, the order of rival HPAs) are taken out on both sides.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use capstan_hpa::api_error::ApiError;
use capstan_hpa::autoscaling::HorizontalPodAutoscaler;
use capstan_hpa::conversion::Version;
use capstan_hpa::defaults;
use capstan_hpa::memory::Memory;
use capstan_hpa::metrics::MetricQuery;
use capstan_hpa::options::Options;
use capstan_hpa::pod::{self, Container, Pod, Ready};
use capstan_hpa::reconcile::{Answer, Mapping, Request, Start, run};
use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::{Value as Json, json};

use super::input::items;
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

/// A target and its pods.
struct Workload {
    object: Json,
    replicas: i32,
}

/// An HPA under the controller.
struct Autoscaler {
    object: Json,
    memory: Memory,
    registered: bool,
    statuses: Vec<Json>,
    events: Vec<Json>,
}

struct Cluster<'a> {
    workloads: BTreeMap<String, Workload>,
    values: &'a Json,
    now: Timestamp,
}

fn scenario_case(phases: &Json, scenario: &Json) -> Result<(), String> {
    let begin: Timestamp = "2026-11-21T17:55:39Z".parse().map_err(|_| "no time")?;
    let mut cluster = Cluster {
        workloads: items(&scenario["workloads"])
            .iter()
            .map(|object| {
                let workload = Workload {
                    object: object.clone(),
                    replicas: object["spec"]["replicas"].as_i64().unwrap_or(1) as i32,
                };
                (text(&object["metadata"], "name").to_owned(), workload)
            })
            .collect(),
        values: &phases[0],
        now: begin,
    };
    let mut autoscalers: Vec<Autoscaler> = items(&scenario["hpas"])
        .iter()
        .map(|object| {
            let mut object = object.clone();
            defaults::apply(Version::V2, &mut object);
            Autoscaler {
                object,
                memory: Memory::default(),
                registered: false,
                statuses: Vec::new(),
                events: Vec::new(),
            }
        })
        .collect();
    for sync in 1..=SYNCS {
        cluster.now = begin + SignedDuration::from_millis(15_050 * sync);
        cluster.values = &phases[usize::from(sync >= SECOND_PHASE)];
        for index in 0..autoscalers.len() {
            let rivals: Vec<String> = autoscalers
                .iter()
                .enumerate()
                .filter(|(other, found)| *other != index && found.registered)
                .map(|(_, found)| format!("default/{}", text(&found.object["metadata"], "name")))
                .collect();
            cluster.sync(&mut autoscalers[index], &rivals)?;
        }
    }
    for found in &autoscalers {
        compare(scenario, found)?;
    }
    Ok(())
}

impl Cluster<'_> {
    fn sync(&mut self, autoscaler: &mut Autoscaler, rivals: &[String]) -> Result<(), String> {
        let hpa: HorizontalPodAutoscaler =
            serde_json::from_value(autoscaler.object.clone()).map_err(|error| error.to_string())?;
        let target = hpa.spec.scale_target_ref.name.clone();
        let start = Start {
            hpa: Arc::new(hpa),
            memory: std::mem::take(&mut autoscaler.memory),
            options: Arc::new(Options::default()),
            keep_inputs: false,
        };
        let now = self.now;
        let outcome = run(start, now, |request| {
            let answer = match request {
                Request::MapKind { group, kind } => map(&group, &kind),
                Request::CustomMetricsVersion => Answer::Version("v1beta2".to_owned()),
                Request::GetScale { .. } => self.scale(&target),
                Request::ListPods { .. } => {
                    autoscaler.registered = true;
                    Answer::Pods {
                        pods: self.pods(&target).into(),
                        rivals: rivals.to_vec(),
                    }
                }
                Request::GetMetric(query) => self.metric(&query, &target),
                Request::PutScale { body, .. } => {
                    if let Some(workload) = self.workloads.get_mut(&target) {
                        workload.replicas = body["spec"]["replicas"].as_i64().unwrap_or(0) as i32;
                    }
                    Answer::Done
                }
                Request::PutStatus { body, .. } => {
                    let status = serde_json::to_value(&body.status).unwrap_or_default();
                    autoscaler.statuses.push(plain(&status));
                    autoscaler.object["status"] = status;
                    Answer::Done
                }
                Request::Event(event) => {
                    autoscaler.events.push(plain(&json!(event)));
                    Answer::Done
                }
                Request::Wait { .. } => Answer::Done,
            };
            (answer, now)
        });
        autoscaler.memory = outcome.memory;
        Ok(())
    }

    fn scale(&self, name: &str) -> Answer {
        let Some(Workload { object, replicas }) = self.workloads.get(name) else {
            let message = format!("deployments.apps \"{name}\" not found");
            let body = json!({"kind": "Status", "reason": "NotFound", "message": message});
            return Answer::Http {
                code: 404,
                body: body.to_string(),
            };
        };
        let labels = object["spec"]["template"]["metadata"]["labels"]["app"]
            .as_str()
            .unwrap_or("");
        let mut scale =
            json!({"spec": {}, "status": {"replicas": replicas, "selector": format!("app={labels}")}});
        if *replicas > 0 {
            scale["spec"]["replicas"] = json!(replicas);
        }
        Answer::Object(scale)
    }

    fn pods(&self, name: &str) -> Vec<Pod> {
        let Some(Workload { object, replicas }) = self.workloads.get(name) else {
            return Vec::new();
        };
        let template = &object["spec"]["template"];
        let labels = &template["metadata"]["labels"];
        let age = labels["start-age"]
            .as_str()
            .and_then(|age| age.parse().ok())
            .unwrap_or(3600);
        let started = self.now - SignedDuration::from_secs(age) - SignedDuration::from_secs(15);
        let container = |object: &Json| Container {
            name: text(object, "name").to_owned(),
            requests: pod::requests(object.pointer("/resources/requests")),
            restartable: false,
        };
        let pod = |index: i32| Pod {
            name: format!("{name}-{index}"),
            phase: if labels["hold"] == "pending" {
                "Pending"
            } else {
                "Running"
            }
            .to_owned(),
            start_time: Some(started),
            ready: Some(Ready {
                status: if labels["hold"].is_string() {
                    "False"
                } else {
                    "True"
                }
                .to_owned(),
                last_transition_time: started,
            }),
            containers: items(&template["spec"]["containers"])
                .iter()
                .map(container)
                .collect(),
            ..Pod::default()
        };
        (0..*replicas).map(pod).collect()
    }

    fn metric(&self, query: &MetricQuery, target: &str) -> Answer {
        let time = self.now.to_string();
        match query {
            MetricQuery::Resource { .. } => {
                let usage = json!({"cpu": format!("{}m", self.values["cpu"]), "memory": self.values["mem"]});
                let item = |pod: &Pod| {
                    let of = |container: &Container| json!({"name": container.name, "usage": usage});
                    let containers: Vec<Json> = pod.containers.iter().map(of).collect();
                    json!({"metadata": {"name": pod.name}, "timestamp": time, "window": "15s", "containers": containers})
                };
                Answer::Object(json!({"items": self.pods(target).iter().map(item).collect::<Vec<_>>()}))
            }
            MetricQuery::Pods { metric, .. } => match self.values.get(metric) {
                None => not_found(&format!("the server could not find the metric {metric} for pods")),
                Some(value) => {
                    let item = |pod: Pod| json!({"describedObject": {"name": pod.name}, "timestamp": time, "value": value});
                    Answer::Object(
                        json!({"items": self.pods(target).into_iter().map(item).collect::<Vec<_>>()}),
                    )
                }
            },
            MetricQuery::Object {
                resource,
                name,
                metric,
                ..
            } => {
                if name == "absent" {
                    return not_found(&format!(
                        "the server could not find the metric {metric} for {resource} {name}"
                    ));
                }
                Answer::Object(json!({"items": [{"timestamp": time, "value": self.values[metric]}]}))
            }
            MetricQuery::External {
                metric,
                metric_selector,
                ..
            } => {
                let item = |value: &Json| json!({"timestamp": time, "value": value});
                let mut found: Vec<Json> = self.values["external"]
                    .get(metric)
                    .iter()
                    .map(|value| item(value))
                    .collect();
                // The recorded server had a second series for metrics that are asked for by labels.
                if !found.is_empty() && !metric_selector.is_empty() {
                    found.push(item(&json!("3")));
                }
                Answer::Object(json!({"items": found}))
            }
        }
    }
}

fn not_found(message: &str) -> Answer {
    Answer::Http {
        code: 404,
        body: json!({"kind": "Status", "reason": "NotFound", "message": message}).to_string(),
    }
}

/// Discovery of a cluster without resources of its own.
fn map(group: &str, kind: &str) -> Answer {
    let known = [
        ("apps", "Deployment", "deployments"),
        ("apps", "ReplicaSet", "replicasets"),
        ("apps", "StatefulSet", "statefulsets"),
        ("", "ReplicationController", "replicationcontrollers"),
        ("", "Service", "services"),
        ("networking.k8s.io", "Ingress", "ingresses"),
    ];
    let found = known.iter().find(|(of, name, _)| *of == group && *name == kind);
    match found {
        Some((_, _, resource)) => Answer::Mappings(vec![Mapping {
            group: group.to_owned(),
            version: "v1".to_owned(),
            resource: (*resource).to_owned(),
        }]),
        None => Answer::Failed(ApiError::text(format!(
            "no matches for kind \"{kind}\" in group \"{group}\""
        ))),
    }
}

/// Without times, and without what is random.
fn plain(value: &Json) -> Json {
    static POD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"of Pod \S+").expect("a pattern of ours"));
    static RIVALS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"HPAs: \[[^\]]*\]").expect("a pattern of ours"));
    match value {
        Json::String(text) => {
            let text = POD.replace_all(text, "of Pod P");
            json!(RIVALS.replace_all(&text, "HPAs: […]"))
        }
        Json::Array(list) => list.iter().map(plain).collect(),
        Json::Object(fields) => fields
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "lastTransitionTime" | "lastScaleTime"))
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn compare(scenario: &Json, found: &Autoscaler) -> Result<(), String> {
    let name = text(&found.object["metadata"], "name");
    let mut expected: Vec<Json> = items(&scenario["timeline"])
        .iter()
        .filter(|line| text(line, "hpa") == name && text(line, "type") == "MODIFIED")
        .map(|line| plain(&line["status"]))
        .collect();
    // Writes that differ only in what is random.
    expected.dedup();
    for (index, (expected, found)) in expected.iter().zip(&found.statuses).enumerate() {
        equal(&format!("{name}, status {index}"), expected, found)?;
    }
    equal(
        &format!("{name}, statuses"),
        &expected.len(),
        &found.statuses.len(),
    )?;
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
