//! Whole syncs where the recorded cases have none: failures on the way, what is ours, and the record.

mod blocked;
mod properties;
mod record;

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Answer, Mapping, Outcome, Request, Start, run};
use crate::api_error::ApiError;
use crate::autoscaling::HorizontalPodAutoscaler;
use crate::memory::Memory;
use crate::metrics::{Measured, MetricData, MetricQuery};
use crate::options::Options;
use crate::pod::{Container, Pod, Ready};
use crate::replica_calculator::Sample;

/// A target, its pods and its metrics.
struct World {
    hpa: Value,
    replicas: i32,
    selector: &'static str,
    pods: Vec<Pod>,
    /// CPU of each pod in thousandths, by its place; `None` for a pod without a value.
    cpu: Vec<Option<i64>>,
    /// Answers about any other metric than CPU.
    metric: Answer,
    rivals: Vec<String>,
    mapped: Answer,
    puts: VecDeque<Answer>,
    status_put: Answer,
    memory: Memory,
    options: Options,
    now: Timestamp,
    log: Vec<String>,
}

fn start_time() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn cpu_metric(percent: i32) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}})
}

fn external(target: &Value) -> Value {
    json!({"type": "External", "external": {"metric": {"name": "queue"}, "target": target}})
}

impl World {
    /// So many ready pods that request 100m each and use so much.
    fn new(cpu: &[i64]) -> Self {
        let now = start_time();
        let long_ago = now - SignedDuration::from_hours(1);
        let pod = |index: usize| Pod {
            name: format!("web-{index}"),
            phase: "Running".to_owned(),
            start_time: Some(long_ago),
            ready: Some(Ready {
                status: "True".to_owned(),
                last_transition_time: long_ago,
            }),
            containers: vec![Container {
                name: "app".to_owned(),
                requests: [("cpu".to_owned(), "100m".parse().unwrap())]
                    .into_iter()
                    .collect(),
                restartable: false,
            }],
            ..Pod::default()
        };
        Self {
            hpa: json!({
                "kind": "HorizontalPodAutoscaler",
                "apiVersion": "autoscaling/v2",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {
                    "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
                    "minReplicas": 1,
                    "maxReplicas": 100,
                    "metrics": [cpu_metric(50)],
                },
                "status": {},
            }),
            replicas: cpu.len() as i32,
            selector: "app=web",
            pods: (0..cpu.len()).map(pod).collect(),
            cpu: cpu.iter().copied().map(Some).collect(),
            metric: Answer::Failed(ApiError::text("no such metric")),
            rivals: Vec::new(),
            mapped: Answer::Mappings(vec![Mapping {
                group: "apps".to_owned(),
                version: "v1".to_owned(),
                resource: "deployments".to_owned(),
            }]),
            puts: VecDeque::new(),
            status_put: Answer::Done,
            memory: Memory::default(),
            options: Options::default(),
            now,
            log: Vec::new(),
        }
    }

    fn spec(mut self, field: &str, value: Value) -> Self {
        self.hpa["spec"][field] = value;
        self
    }

    fn external(mut self, target: Value, value: i64) -> Self {
        self.hpa["spec"]["metrics"] = json!([external(&target)]);
        self.metric = Answer::Data(MetricData::Values(vec![Measured {
            value,
            timestamp: self.now,
        }]));
        self
    }

    fn scale(&self) -> Value {
        json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": {"name": "web", "namespace": "default", "resourceVersion": "7"},
            "spec": {"replicas": self.replicas},
            "status": {"replicas": self.replicas, "selector": self.selector},
        })
    }

    fn cpu_answer(&self) -> Answer {
        let sample = |value: i64| Sample {
            value,
            timestamp: self.now,
            window: 30_000_000_000,
        };
        let samples = self
            .pods
            .iter()
            .zip(&self.cpu)
            .filter_map(|(pod, value)| Some((pod.name.clone(), sample((*value)?))));
        Answer::Data(MetricData::Pods {
            items: self.pods.len(),
            samples: samples.collect(),
        })
    }

    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::MapKind { .. } => self.mapped.clone(),
            Request::CustomMetricsVersion => Answer::Version("v1beta2".to_owned()),
            Request::GetScale { path } => {
                self.log.push(format!("GET {path}"));
                Answer::Object(self.scale())
            }
            Request::ListPods { .. } => Answer::Pods {
                pods: self.pods.clone().into(),
                rivals: self.rivals.clone(),
            },
            Request::GetMetric(query) => {
                self.log.push(format!("GET {}", query.path()));
                match query {
                    MetricQuery::Resource { .. } => self.cpu_answer(),
                    _ => self.metric.clone(),
                }
            }
            Request::PutScale { body, .. } => {
                self.log.push(format!("PUT scale {}", body["spec"]));
                let answer = self.puts.pop_front().unwrap_or(Answer::Done);
                if answer == Answer::Done {
                    self.replicas = body["spec"]["replicas"].as_i64().unwrap_or(0) as i32;
                }
                answer
            }
            Request::Wait { nanos } => {
                self.log.push(format!("wait {nanos}"));
                Answer::Done
            }
            Request::PutStatus { body, .. } => {
                self.log.push("PUT status".to_owned());
                if self.status_put == Answer::Done {
                    self.hpa["status"] = serde_json::to_value(&body.status).unwrap();
                }
                self.status_put.clone()
            }
            Request::Event(event) => {
                self.log
                    .push(format!("{:?} {}: {}", event.type_, event.reason, event.message));
                Answer::Done
            }
        }
    }

    fn hpa(&self) -> HorizontalPodAutoscaler {
        serde_json::from_value(self.hpa.clone()).unwrap()
    }

    /// One sync; memory and status go on into the next.
    fn sync(&mut self) -> Outcome {
        self.log.clear();
        let start = Start {
            hpa: Arc::new(self.hpa()),
            memory: std::mem::take(&mut self.memory),
            options: Arc::new(self.options.clone()),
            keep_inputs: true,
        };
        let now = self.now;
        let outcome = run(start, now, |request| (self.answer(request), now));
        self.memory = outcome.memory.clone();
        outcome
    }

    fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    /// Syncs once so that the initial recommendation is there, and goes on when it is forgotten.
    fn settled(mut self) -> Self {
        self.memory.begin(1, self.now - SignedDuration::from_hours(2));
        self
    }
}

fn condition<'a>(outcome: &'a Outcome, type_: &str) -> (&'a str, &'a str, &'a str) {
    let conditions = &outcome.hpa.status.conditions;
    let found = conditions
        .iter()
        .find(|condition| condition.type_ == type_)
        .unwrap();
    (&found.status, &found.reason, &found.message)
}

#[test]
fn a_scale_up_asks_in_upstreams_order() {
    let mut world = World::new(&[70, 70, 70, 70, 70]);
    let outcome = world.sync();
    assert_eq!(
        world.log,
        [
            "GET /apis/apps/v1/namespaces/default/deployments/web/scale",
            "GET /apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dweb",
            "PUT scale {\"replicas\":7}",
            "Normal SuccessfulRescale: New size: 7; reason: cpu resource utilization (percentage of request) above target",
            "PUT status",
        ]
    );
    assert_eq!(
        (outcome.desired, outcome.hpa.status.current_replicas),
        (Some(7), 5)
    );
}

#[test]
fn a_target_that_cannot_be_found_is_reported() {
    let text = "no matches for kind \"Deployment\" in group \"extensions\"";
    let mut world = World::new(&[50]);
    world.mapped = Answer::Failed(ApiError::text(text));
    let outcome = world.sync();
    assert_eq!(
        world.log,
        [format!("Warning FailedGetScale: {text}"), "PUT status".to_owned()]
    );
    assert_eq!(
        condition(&outcome, "AbleToScale").2,
        format!("the HPA controller was unable to get the target's current scale: {text}")
    );
    assert_eq!(outcome.desired, None);

    world.mapped = Answer::Mappings(Vec::new());
    world.sync();
    assert_eq!(world.log[0], "Warning FailedGetScale: unrecognized resource");

    world.hpa["spec"]["scaleTargetRef"]["apiVersion"] = json!("a/b/c");
    let outcome = world.sync();
    assert_eq!(
        world.log[0],
        "Warning FailedGetScale: unexpected GroupVersion string: a/b/c"
    );
    assert_eq!(outcome.reconciliation.error, super::ErrorKind::Spec);
}

#[test]
fn conflicts_are_retried_five_times() {
    let conflict = || Answer::Http {
        code: 409,
        body: json!({"kind": "Status", "reason": "Conflict", "message": "object has been modified"})
            .to_string(),
    };
    let mut world = World::new(&[70, 70]);
    world.puts = (0..2).map(|_| conflict()).collect();
    let outcome = world.sync();
    assert_eq!(outcome.desired, Some(3));
    assert_eq!(
        world
            .log
            .iter()
            .filter(|line| line.starts_with("wait 10000000"))
            .count(),
        2
    );

    let mut world = World::new(&[70, 70]);
    world.puts = (0..9).map(|_| conflict()).collect();
    let outcome = world.sync();
    assert_eq!(world.puts.len(), 4, "five tries");
    assert_eq!(
        world.log.iter().filter(|line| line.starts_with("wait")).count(),
        4
    );
    assert_eq!(
        world.log.iter().filter(|line| line.ends_with("/scale")).count(),
        6
    );
    assert_eq!(condition(&outcome, "AbleToScale").1, "FailedUpdateScale");
    assert!(outcome.memory.scale_up_events.is_none());
}

#[test]
fn a_status_that_cannot_be_written_costs_the_sync_its_status_only() {
    let mut world = World::new(&[70, 70]).spec(
        "behavior",
        json!({"scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max",
            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]}}),
    );
    world.status_put = Answer::Failed(ApiError {
        code: 409,
        reason: "Conflict".to_owned(),
        message: "changed meanwhile".to_owned(),
    });
    let outcome = world.sync();
    assert_eq!(
        world.log.last().unwrap(),
        "Warning FailedUpdateStatus: changed meanwhile"
    );
    assert_eq!(world.replicas, 3);
    assert_eq!(outcome.memory.ups().len(), 1);
    assert_eq!(outcome.reconciliation.error, super::ErrorKind::Internal);
}

#[test]
fn errors_of_metrics_apis_read_as_in_gos_client() {
    for (answer, text) in [
        (
            Answer::Http {
                code: 503,
                body: "service unavailable\n".to_owned(),
            },
            "unable to get external metric default/queue/nil: unable to fetch metrics from external metrics API: the server is currently unable to handle the request (get queue.external.metrics.k8s.io)",
        ),
        (
            Answer::Http {
                code: 500,
                body: json!({"kind": "Status", "message": "boom"}).to_string(),
            },
            "unable to get external metric default/queue/nil: unable to fetch metrics from external metrics API: boom",
        ),
        (
            Answer::Http {
                code: 200,
                body: json!({"kind": "ExternalMetricValueList", "items": []}).to_string(),
            },
            "unable to get external metric default/queue/nil: no metrics returned from external metrics API",
        ),
    ] {
        let mut world = World::new(&[50, 50]).external(json!({"type": "Value", "value": "10"}), 0);
        world.metric = answer;
        let outcome = world.sync();
        assert_eq!(world.log[2], format!("Warning FailedGetExternalMetric: {text}"));
        assert_eq!(
            condition(&outcome, "ScalingActive"),
            (
                "False",
                "FailedGetExternalMetric",
                &*format!("the HPA was unable to compute the replica count: {text}")
            )
        );
        assert_eq!(world.replicas, 2);
    }
}

#[test]
fn custom_metrics_need_a_version_and_a_resource() {
    let object = json!({"type": "Object", "object": {
        "describedObject": {"kind": "Frob", "name": "x", "apiVersion": "example.com/v1"},
        "metric": {"name": "hits"}, "target": {"type": "Value", "value": "1"}}});
    let mut world = World::new(&[50]).spec("metrics", json!([object]));
    let mut first = true;
    let no_kind = "no matches for kind \"Frob\" in group \"example.com\"";
    let start = Start {
        hpa: Arc::new(world.hpa()),
        memory: Memory::default(),
        options: Arc::default(),
        keep_inputs: false,
    };
    let now = world.now;
    run(start, now, |request| {
        let answer = match request {
            Request::MapKind { .. } if !std::mem::take(&mut first) => Answer::Failed(ApiError::text(no_kind)),
            request => world.answer(request),
        };
        (answer, now)
    });
    assert_eq!(
        world.log[1],
        format!(
            "Warning FailedGetObjectMetric: unable to get metric hits: Frob on default x/unable to fetch metrics from custom metrics API: unable to map kind Frob.example.com to resource: {no_kind}"
        )
    );
}

#[test]
fn rivals_are_named_in_an_order_that_does_not_change() {
    let mut world = World::new(&[70, 70]);
    world.rivals = vec!["default/zoo".to_owned(), "default/app".to_owned()];
    let outcome = world.sync();
    assert_eq!(
        condition(&outcome, "ScalingActive"),
        (
            "False",
            "AmbiguousSelector",
            "pods by selector app=web are controlled by multiple HPAs: [default/app default/web default/zoo]"
        )
    );
    assert_eq!(world.replicas, 2);
}

#[test]
fn per_pod_targets_without_pods_divide_by_zero_as_go_does() {
    let mut world = World::new(&[]).external(json!({"type": "AverageValue", "averageValue": "10"}), 30_000);
    world.options.gates.scale_to_zero = true;
    world.hpa["spec"]["minReplicas"] = json!(0);
    world.hpa["status"]["conditions"] = json!([{"type": "ScaledToZero", "status": "True"}]);
    let outcome = world.sync();
    assert_eq!(world.replicas, 3);
    let status = serde_json::to_value(&outcome.hpa.status.current_metrics).unwrap();
    assert_eq!(
        status[0]["external"]["current"]["averageValue"],
        "-9223372036854775808m"
    );
    assert_eq!(condition(&outcome, "ScaledToZero").1, "NotScaledToZero");
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let mut world = World::new(&[50, 50]).settled();
    world.sync();
    assert_eq!(world.log.last().unwrap(), "PUT status");
    world.pass(15);
    world.sync();
    assert_eq!(world.log.iter().filter(|line| line.starts_with("PUT")).count(), 0);
}

#[test]
fn a_withheld_write_is_decided_but_leaves_no_scale_event() {
    let mut world = World::new(&[70, 70]).spec(
        "behavior",
        json!({"scaleUp": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]}}),
    );
    world.puts.push_back(Answer::Withheld);
    let outcome = world.sync();
    assert_eq!((outcome.desired, world.replicas), (Some(3), 2));
    assert_eq!(outcome.record.write.status, crate::WriteStatus::DryRun);
    assert!(outcome.memory.scale_up_events.is_none());
}

#[test]
fn a_fallback_raises_while_metrics_are_missing_and_never_lowers() {
    let missing = || World::new(&[10, 10, 10]).external(json!({"type": "Value", "value": "10"}), 0);
    for (fallback, max, expected) in [
        (None, 100, 3),
        (Some(8), 100, 8),
        (Some(8), 5, 5),
        (Some(2), 100, 3),
    ] {
        let mut world = missing().settled().spec("maxReplicas", json!(max));
        world.metric = Answer::Failed(ApiError::text("gone"));
        world.options.fallback_replicas = fallback;
        let outcome = world.sync();
        assert_eq!(world.replicas, expected, "{fallback:?} {max}");
        assert_eq!(condition(&outcome, "ScalingActive").0, "False");
        assert!(
            world
                .log
                .iter()
                .any(|line| line.contains("FailedComputeMetricsReplicas"))
        );
    }
    // A selector that cannot be used is no missing metric.
    let mut world = missing();
    world.selector = "";
    world.options.fallback_replicas = Some(8);
    world.sync();
    assert_eq!(world.replicas, 3);
}

#[test]
fn an_answer_of_the_wrong_kind_is_an_error_of_that_request() {
    let mut world = World::new(&[50]);
    world.mapped = Answer::Version("v1".to_owned());
    let outcome = world.sync();
    assert!(
        outcome
            .error
            .unwrap()
            .contains("the answer does not fit the request")
    );
}
