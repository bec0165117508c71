//! `horizontal.json` `reconcile`: whole syncs, driven by the recorded exchanges.

use std::sync::Arc;

use capstan_hpa::api_error::ApiError;
use capstan_hpa::autoscaling::HorizontalPodAutoscaler;
use capstan_hpa::limits::ScaleUpLimit;
use capstan_hpa::memory::{Memory, ScaleEvent};
use capstan_hpa::options::{Gates, Options};
use capstan_hpa::pod::Pod;
use capstan_hpa::reconcile::{
    Answer, Event, Mapping, Outcome, Request, Start, replay, rivals, run as run_sync,
};
use capstan_kubeapi::{Selector, meta};
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::input::{items, memory, nanos, time};
use super::text;
use super::{Case, equal};

/// Answers a sync from the recorded exchanges and writes down what it does.
struct Driver<'a> {
    case: &'a Json,
    hpa: &'a HorizontalPodAutoscaler,
    next: usize,
    order: Vec<String>,
    events: Vec<Event>,
    scale_updates: Vec<Json>,
    status: Option<Json>,
    problem: Option<String>,
}

pub(super) fn run(Case { file, case }: &Case<'_>) -> Result<(), String> {
    let now = time(&file["now"]);
    let hpa: Arc<HorizontalPodAutoscaler> =
        Arc::new(serde_json::from_value(case["hpa"].clone()).map_err(|error| error.to_string())?);
    let mut driver = Driver {
        case,
        hpa: &hpa,
        next: 0,
        order: Vec::new(),
        events: Vec::new(),
        scale_updates: Vec::new(),
        status: None,
        problem: None,
    };
    let start = Start {
        hpa: hpa.clone(),
        memory: memory(&case["before"], now)?,
        options: Arc::new(options(&case["controller"])?),
        keep_inputs: true,
    };
    let outcome = run_sync(start, now, |request| (driver.answer(request), now));
    if let Some(problem) = driver.problem {
        return Err(problem);
    }
    equal("exchanges used", &items(&case["exchanges"]).len(), &driver.next)?;
    let observed = &case["observed"];
    equal("order", &observed["order"], &json!(driver.order))?;
    equal(
        "scaleUpdates",
        &observed["scaleUpdates"],
        &json!(driver.scale_updates),
    )?;
    equal(
        "status",
        &sorted_rivals(&observed["status"]),
        &sorted_rivals(&json!(driver.status)),
    )?;
    equal(
        "events",
        &sorted_rivals(&observed["events"]),
        &sorted_rivals(&json!(driver.events)),
    )?;
    equal(
        "reconciliation",
        &observed["reconciliation"],
        &json!(outcome.reconciliation),
    )?;
    let results = if outcome.metric_results.is_empty() {
        Json::Null
    } else {
        json!(outcome.metric_results)
    };
    equal("metricResults", &observed["metricResults"], &results)?;
    equal("after", &observed["after"], &ages(&outcome.memory, now))?;
    replayed(&outcome)
}

fn options(controller: &Json) -> Result<Options, String> {
    let gates = &controller["featureGates"];
    let gate = |name: &str, default: bool| gates[name].as_bool().unwrap_or(default);
    Ok(Options {
        tolerance: controller["tolerance"].as_f64().unwrap_or(0.1),
        downscale_stabilization: nanos(&controller["downscaleStabilizationWindow"])?,
        cpu_initialization_period: nanos(&controller["cpuInitializationPeriod"])?,
        initial_readiness_delay: nanos(&controller["delayOfInitialReadinessStatus"])?,
        scale_up_limit: ScaleUpLimit {
            factor: controller["scaleUpLimitFactor"].as_f64().unwrap_or(2.0),
            minimum: controller["scaleUpLimitMinimum"].as_f64().unwrap_or(4.0),
        },
        gates: Gates {
            scale_to_zero: gate("HPAScaleToZero", false),
            configurable_tolerance: gate("HPAConfigurableTolerance", true),
            pod_level_resources: gate("PodLevelResources", true),
            ..Gates::default()
        },
        fallback_replicas: None,
    })
}

impl Driver<'_> {
    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::MapKind { group, kind } => self.map(group, &kind),
            Request::CustomMetricsVersion => Answer::Version("v1beta2".to_owned()),
            Request::ListPods { namespace, selector } => self.pods(&namespace, &selector),
            Request::GetScale { path } => self.exchange("GET", &path, None),
            Request::GetMetric(query) => self.exchange("GET", &query.path(), None),
            Request::PutScale { path, mut body } => {
                let replicas = body.pointer("/spec/replicas").cloned().unwrap_or(json!(0));
                if let Some(object) = body.as_object_mut() {
                    // The recorder wrote the body without them.
                    object.shift_remove("kind");
                    object.shift_remove("apiVersion");
                }
                let answer = self.exchange("PUT", &path, Some(&body));
                let error = match &answer {
                    Answer::Failed(error) => Some(error.to_string()),
                    _ => None,
                };
                self.scale_updates
                    .push(json!({"replicas": replicas, "error": error}));
                answer
            }
            Request::PutStatus { path, body } => {
                let expected = format!(
                    "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers/{}/status",
                    self.hpa.namespace(),
                    self.hpa.name()
                );
                if path != expected {
                    self.problem.get_or_insert(format!("the status goes to {path}"));
                }
                self.order.push("PUT hpa/status".to_owned());
                self.status = serde_json::to_value(&body.status).ok();
                Answer::Done
            }
            Request::Event(event) => {
                self.order.push(format!("event {}", event.reason));
                self.events.push(event);
                Answer::Done
            }
            Request::Wait { .. } => Answer::Done,
        }
    }

    /// Discovery as the recorded control plane had it, for the kinds that the data uses.
    fn map(&self, group: String, kind: &str) -> Answer {
        let resource = match kind {
            "Ingress" => "ingresses".to_owned(),
            kind => format!("{}s", kind.to_lowercase()),
        };
        let reference = &self.hpa.spec.scale_target_ref;
        let version = match reference.api_version.split_once('/') {
            Some((of, version)) if of == group && kind == reference.kind => version.to_owned(),
            _ => "v1".to_owned(),
        };
        Answer::Mappings(vec![Mapping {
            group,
            version,
            resource,
        }])
    }

    fn pods(&self, namespace: &str, selector: &str) -> Answer {
        let Ok(selector) = Selector::parse(selector) else {
            return Answer::Failed(ApiError::text("the selector does not parse"));
        };
        let objects: Vec<&Json> = items(&self.case["pods"])
            .iter()
            .filter(|pod| meta::namespace(pod) == namespace && selector.matches_object(pod))
            .collect();
        let others: Vec<(String, Selector)> = items(&self.case["otherHPASelectors"])
            .iter()
            .filter(|other| text(other, "namespace") == namespace)
            .filter_map(|other| {
                let selector = Selector::parse(text(other, "selector")).ok()?;
                Some((format!("{namespace}/{}", text(other, "name")), selector))
            })
            .collect();
        let labels: Vec<Option<&Map<String, Json>>> = objects.iter().map(|pod| meta::labels(pod)).collect();
        Answer::Pods {
            pods: objects.iter().map(|pod| Pod::of_object(pod)).collect(),
            rivals: rivals(
                others.iter().map(|(name, selector)| (name.as_str(), selector)),
                labels,
            ),
        }
    }

    fn exchange(&mut self, method: &str, path: &str, body: Option<&Json>) -> Answer {
        let path = path.replace("%2A", "*");
        let bare = path.split_once('?').map_or(path.as_str(), |(path, _)| path);
        self.order.push(format!("{method} {bare}"));
        let Some(exchange) = items(&self.case["exchanges"]).get(self.next) else {
            self.problem
                .get_or_insert(format!("{method} {path} is one request too many"));
            return Answer::Failed(ApiError::text("no such exchange"));
        };
        self.next += 1;
        let expected = format!("{} {}", text(exchange, "method"), text(exchange, "path"));
        if expected != format!("{method} {path}") {
            self.problem
                .get_or_insert(format!("expected {expected}, got {method} {path}"));
        }
        if let (Some(expected), Some(body)) = (exchange.get("body"), body)
            && expected != body
        {
            self.problem
                .get_or_insert(format!("{method} {path}: expected {expected}, got {body}"));
        }
        match exchange["clientError"].as_str() {
            Some(message) => Answer::Failed(ApiError {
                code: 0,
                reason: text(exchange, "clientErrorReason").to_owned(),
                message: message.to_owned(),
            }),
            None => exchange
                .get("response")
                .map_or(Answer::Done, |response| Answer::Object(response.clone())),
        }
    }
}

/// HPAs that select the same pods come in random order.
fn sorted_rivals(value: &Json) -> Json {
    match value {
        Json::String(text) => match text.split_once("controlled by multiple HPAs: [") {
            Some((before, names)) => {
                let mut names: Vec<&str> = names.trim_end_matches(']').split(' ').collect();
                names.sort_unstable();
                json!(format!(
                    "{before}controlled by multiple HPAs: [{}]",
                    names.join(" ")
                ))
            }
            None => value.clone(),
        },
        Json::Array(values) => values.iter().map(sorted_rivals).collect(),
        Json::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), sorted_rivals(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Memory as the data has it.
fn ages(memory: &Memory, now: Timestamp) -> Json {
    let age = |time: Timestamp| {
        let seconds = now.duration_since(time).as_secs_f64();
        if seconds.fract() == 0.0 {
            json!(seconds as i64)
        } else {
            json!(seconds)
        }
    };
    let events = |list: &Option<Vec<ScaleEvent>>| {
        list.as_ref().map(|list| {
            list.iter()
                .map(|event| json!({"change": event.change, "outdated": event.outdated, "ageSeconds": age(event.time)}))
                .collect::<Vec<_>>()
        })
    };
    let recommendations = memory.recommendations.as_ref().map(|list| {
        list.iter()
            .map(|entry| json!({"replicas": entry.replicas, "ageSeconds": age(entry.time)}))
            .collect::<Vec<_>>()
    });
    json!({
        "recommendations": recommendations,
        "scaleUpEvents": events(&memory.scale_up_events),
        "scaleDownEvents": events(&memory.scale_down_events),
    })
}

/// The record, written and read again, leads to the same outcome.
fn replayed(outcome: &Outcome) -> Result<(), String> {
    let text = serde_json::to_string(&outcome.record).map_err(|error| error.to_string())?;
    let record: capstan_hpa::Record = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    equal("the record read again", &outcome.record, &record)?;
    let inputs = record.replay.as_deref().ok_or("the record has no inputs")?;
    let again = replay(inputs).ok_or("the replay asks for more than was recorded")?;
    equal("the replay", outcome, &again)
}
