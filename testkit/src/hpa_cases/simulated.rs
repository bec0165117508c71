//! A simulated cluster for recordings of a real controller: pods that are ready at once, or held back as their labels say,
//! and a metrics server with a set of values.

use std::collections::BTreeMap;
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

pub(super) const RESOURCE: &str = "metrics.k8s.io";
pub(super) const CUSTOM: &str = "custom.metrics.k8s.io";
pub(super) const EXTERNAL: &str = "external.metrics.k8s.io";

/// A target and its pods.
pub(super) struct Workload {
    object: Json,
    pub(super) replicas: i32,
}

impl Workload {
    /// Of a manifest.
    pub(super) fn new(object: &Json) -> Self {
        Self {
            object: object.clone(),
            replicas: object["spec"]["replicas"].as_i64().unwrap_or(1) as i32,
        }
    }
}

/// An HPA under the controller.
pub(super) struct Autoscaler {
    pub(super) object: Json,
    memory: Memory,
    pub(super) registered: bool,
    /// What was written, without times.
    pub(super) statuses: Vec<Json>,
    pub(super) events: Vec<Json>,
}

impl Autoscaler {
    /// Of a manifest, which is completed.
    pub(super) fn new(object: &Json) -> Self {
        let mut object = object.clone();
        defaults::apply(Version::V2, &mut object);
        Self {
            object,
            memory: Memory::default(),
            registered: false,
            statuses: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        text(&self.object["metadata"], "name")
    }

    /// Whether these statuses were written, in this order.
    pub(super) fn wrote(&self, expected: &[Json]) -> Result<(), String> {
        let name = self.name();
        for (index, (expected, found)) in expected.iter().zip(&self.statuses).enumerate() {
            equal(&format!("{name}, status {index}"), expected, found)?;
        }
        equal(
            &format!("{name}, statuses"),
            &expected.len(),
            &self.statuses.len(),
        )
    }
}

/// What there is, at a time.
pub(super) struct Cluster<'a> {
    pub(super) workloads: BTreeMap<String, Workload>,
    /// The metrics' values by name; `external` holds the external ones.
    pub(super) values: &'a Json,
    pub(super) now: Timestamp,
    pub(super) options: Arc<Options>,
    /// What metrics APIs answer instead: status and body, by group.
    pub(super) failures: BTreeMap<&'static str, (u16, String)>,
    /// The version of the custom metrics API, or why there is none.
    pub(super) custom: Result<&'static str, &'static str>,
}

impl<'a> Cluster<'a> {
    /// One with these workloads, in which everything works.
    pub(super) fn new(workloads: &[Json], values: &'a Json, now: Timestamp) -> Self {
        let named = |object: &Json| {
            (
                text(&object["metadata"], "name").to_owned(),
                Workload::new(object),
            )
        };
        Self {
            workloads: workloads.iter().map(named).collect(),
            values,
            now,
            options: Arc::default(),
            failures: BTreeMap::new(),
            custom: Ok("v1beta2"),
        }
    }
}

impl Cluster<'_> {
    /// One sync of an HPA at `now`; `rivals` have pods of it, too.
    pub(super) fn sync(&mut self, autoscaler: &mut Autoscaler, rivals: &[String]) -> Result<(), String> {
        let hpa: HorizontalPodAutoscaler =
            serde_json::from_value(autoscaler.object.clone()).map_err(|error| error.to_string())?;
        let target = hpa.spec.scale_target_ref.name.clone();
        let start = Start {
            hpa: Arc::new(hpa),
            memory: std::mem::take(&mut autoscaler.memory),
            options: Arc::clone(&self.options),
            keep_inputs: false,
        };
        let now = self.now;
        let outcome = run(start, now, |request| {
            let answer = match request {
                Request::MapKind { group, kind } => map(&group, &kind),
                Request::CustomMetricsVersion => match self.custom {
                    Ok(version) => Answer::Version(version.to_owned()),
                    Err(text) => Answer::Failed(ApiError::text(text)),
                },
                // Jobs have no scale.
                Request::GetScale { path } if path.contains("/jobs/") => {
                    not_found("the server could not find the requested resource")
                }
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
        let group = match query {
            MetricQuery::Resource { .. } => RESOURCE,
            MetricQuery::Pods { .. } | MetricQuery::Object { .. } => CUSTOM,
            MetricQuery::External { .. } => EXTERNAL,
        };
        if let Some((code, body)) = self.failures.get(group) {
            return Answer::Http {
                code: *code,
                body: body.clone(),
            };
        }
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
        ("batch", "Job", "jobs"),
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
pub(super) fn plain(value: &Json) -> Json {
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
