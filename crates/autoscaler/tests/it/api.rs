//! A small Kubernetes API in process: HPAs and Autoscalers with a watch, one scale per name, one external metric, and a log of who
//! asked what when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use capstan_autoscaler::{Controller, Options};
use capstan_base::SharedClock;
use capstan_base::clock::Clock;
use capstan_kube::Cluster;
use capstan_runtime::Shutdown;
use capstan_store::Store;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::broadcast;

pub(crate) const HPAS: &str = "horizontalpodautoscalers";
pub(crate) const AUTOSCALERS: &str = "autoscalers";

/// Tokio's clock, which tests pause; it begins at the epoch.
#[derive(Debug)]
pub(crate) struct TokioClock(tokio::time::Instant);

impl TokioClock {
    #[allow(clippy::disallowed_methods)] // the clock of these tests
    pub(crate) fn shared() -> SharedClock {
        Arc::new(Self(tokio::time::Instant::now()))
    }
}

impl Clock for TokioClock {
    fn now_nanos(&self) -> i64 {
        self.monotonic().as_nanos() as i64
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A request: when, what, and its body.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) at: Duration,
    pub(crate) what: String,
    pub(crate) body: Value,
}

#[derive(Debug)]
struct Inside {
    version: u64,
    /// By plural and name.
    objects: BTreeMap<(&'static str, String), Value>,
    scales: BTreeMap<String, i64>,
    /// The external metric; `None` answers 503.
    metric: Option<i64>,
    /// How long the answer about a metric takes, by its name.
    slow: BTreeMap<String, Duration>,
    asked: Vec<Asked>,
}

#[derive(Debug, Clone)]
pub(crate) struct Api {
    inside: Arc<Mutex<Inside>>,
    changes: broadcast::Sender<Value>,
    pub(crate) clock: SharedClock,
}

impl Api {
    pub(crate) fn new() -> Self {
        let inside = Inside {
            version: 1,
            objects: BTreeMap::new(),
            scales: BTreeMap::new(),
            metric: Some(0),
            slow: BTreeMap::new(),
            asked: Vec::new(),
        };
        Self {
            inside: Arc::new(Mutex::new(inside)),
            changes: broadcast::channel(64).0,
            clock: TokioClock::shared(),
        }
    }

    pub(crate) fn start(&self, options: Options, store: Option<Store>) -> Arc<Controller> {
        let router = Router::new().fallback(answer).with_state(self.clone());
        let cluster = Cluster::in_process("test", "n", router, "token").unwrap();
        Controller::start(
            Arc::new(cluster),
            options,
            store,
            self.clock.clone(),
            Shutdown::new(),
        )
        .unwrap()
    }

    /// Creates or changes an HPA on the external metric with the target 10.
    pub(crate) fn set(&self, name: &str, change: impl FnOnce(&mut Value)) {
        self.set_object(HPAS, name, change);
    }

    /// Creates or changes an HPA or an Autoscaler.
    pub(crate) fn set_object(&self, plural: &'static str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut inside = self.inside.lock();
        let place = (plural, name.to_owned());
        let old = inside.objects.get(&place).cloned();
        let type_ = if old.is_some() { "MODIFIED" } else { "ADDED" };
        let (api_version, kind) = if plural == HPAS {
            ("autoscaling/v2", "HorizontalPodAutoscaler")
        } else {
            ("capstan.dev/v1alpha1", "Autoscaler")
        };
        let mut object = old.unwrap_or_else(|| {
            json!({"apiVersion": api_version, "kind": kind,
                "metadata": {"namespace": "n", "name": name, "uid": format!("uid-{name}")},
                "spec": {"minReplicas": 1, "maxReplicas": 10,
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                    "metrics": [{"type": "External", "external": {"metric": {"name": "m"},
                        "target": {"type": "AverageValue", "averageValue": "10"}}}]},
                "status": {}})
        });
        change(&mut object);
        inside.version += 1;
        object["metadata"]["resourceVersion"] = inside.version.to_string().into();
        inside.objects.insert(place, object.clone());
        inside.scales.entry(name.to_owned()).or_insert(2);
        drop(inside);
        self.tell(type_, object);
    }

    pub(crate) fn delete(&self, name: &str) {
        let place = (HPAS, name.to_owned());
        let hpa = self.inside.lock().objects.remove(&place).unwrap();
        self.tell("DELETED", hpa);
    }

    fn tell(&self, type_: &str, object: Value) {
        // Nobody may be listening yet.
        let _ = self.changes.send(json!({"type": type_, "object": object}));
    }

    pub(crate) fn set_metric(&self, value: Option<i64>) {
        self.inside.lock().metric = value;
    }

    pub(crate) fn set_slow(&self, metric: &str, takes: Duration) {
        self.inside.lock().slow.insert(metric.to_owned(), takes);
    }

    pub(crate) fn replicas(&self, name: &str) -> i64 {
        self.inside.lock().scales[name]
    }

    pub(crate) fn status(&self, name: &str) -> Value {
        self.status_of(HPAS, name)
    }

    pub(crate) fn status_of(&self, plural: &'static str, name: &str) -> Value {
        self.inside.lock().objects[&(plural, name.to_owned())]["status"].clone()
    }

    /// What was asked so far, requests of the watches and of discovery left out.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.inside.lock().asked)
    }
}

async fn answer(State(api): State<Api>, method: Method, uri: Uri, body: Bytes) -> Response {
    let path = uri.path();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let watch = uri.query().is_some_and(|query| query.contains("watch=true"));
    match parts.as_slice() {
        ["api"] => return discovery("", "v1", "pods", "Pod"),
        ["apis"] => return discovery("apps", "v1", "deployments", "Deployment"),
        ["api", "v1", "pods"] if watch => return endless(stream::pending().boxed()),
        ["api", "v1", "pods"] => {
            let pod = json!({"metadata": {"namespace": "n", "name": "web-1", "labels": {"app": "web"}},
                "status": {"phase": "Running"}});
            return list("Pod", vec![pod], 1);
        }
        ["apis", _, version, plural] if watch => {
            let changes = api.changes.subscribe();
            let suffix = format!("/{version}");
            let kind = if *plural == HPAS {
                "HorizontalPodAutoscaler"
            } else {
                "Autoscaler"
            };
            let lines = stream::unfold(changes, |mut changes| async move {
                let change = changes.recv().await.ok()?;
                Some((change, changes))
            });
            let wanted = move |change: &Value| {
                let version = change["object"]["apiVersion"].as_str().unwrap_or("");
                version.ends_with(&suffix) && change["object"]["kind"] == kind
            };
            let lines = lines.filter(move |change| std::future::ready(wanted(change)));
            return endless(lines.map(|change| format!("{change}\n")).boxed());
        }
        ["apis", _, _, plural @ (HPAS | AUTOSCALERS)] => {
            let inside = api.inside.lock();
            let all = inside.objects.iter().filter(|((of, _), _)| of == plural);
            let items = all.map(|(_, object)| object.clone()).collect();
            return list("Object", items, inside.version);
        }
        _ => {}
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    api.inside.lock().asked.push(Asked {
        at: api.clock.monotonic(),
        what: format!("{method} {}", parts[parts.len() - 1]),
        body: body.clone(),
    });
    let takes = api.inside.lock().slow.get(parts[parts.len() - 1]).copied();
    if let Some(takes) = takes {
        capstan_runtime::sleep(takes).await;
    }
    match (method.as_str(), parts.as_slice()) {
        (_, [.., "deployments", name, "scale"]) => {
            let mut inside = api.inside.lock();
            if method == Method::PUT {
                let replicas = body["spec"]["replicas"].as_i64().unwrap_or(0);
                inside.scales.insert((*name).to_owned(), replicas);
            }
            match inside.scales.get(*name) {
                Some(replicas) => json_answer(
                    200,
                    &json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
                    "metadata": {"name": name, "namespace": "n"}, "spec": {"replicas": replicas},
                    "status": {"replicas": replicas, "selector": format!("app={name}")}}),
                ),
                None => json_answer(
                    404,
                    &json!({"kind": "Status", "reason": "NotFound",
                    "message": format!("deployments.apps \"{name}\" not found")}),
                ),
            }
        }
        ("PUT", [.., plural, name, "status"]) => {
            let plural = if *plural == HPAS { HPAS } else { AUTOSCALERS };
            api.set_object(plural, name, |object| object["status"] = body["status"].clone());
            json_answer(200, &api.inside.lock().objects[&(plural, (*name).to_owned())])
        }
        ("GET", [_, "external.metrics.k8s.io", ..]) => match api.inside.lock().metric {
            Some(value) => json_answer(
                200,
                &json!({"kind": "ExternalMetricValueList", "items": [{"metricName": "m",
                    "metricLabels": {}, "timestamp": "1970-01-01T00:00:00Z", "value": value.to_string()}]}),
            ),
            None => json_answer(503, &json!("down")),
        },
        ("POST" | "PATCH", [.., "events"] | [.., "events", _]) => json_answer(201, &body),
        _ => json_answer(
            404,
            &json!({"kind": "Status", "message": format!("{method} {path}")}),
        ),
    }
}

fn json_answer(code: u16, value: &Value) -> Response {
    let code = StatusCode::from_u16(code).unwrap();
    (code, [("content-type", "application/json")], value.to_string()).into_response()
}

fn endless(lines: stream::BoxStream<'static, String>) -> Response {
    Body::from_stream(lines.map(Ok::<_, std::convert::Infallible>)).into_response()
}

fn list(kind: &str, items: Vec<Value>, version: u64) -> Response {
    json_answer(
        200,
        &json!({"kind": format!("{kind}List"), "apiVersion": "v1",
            "metadata": {"resourceVersion": version.to_string()}, "items": items}),
    )
}

fn discovery(group: &str, version: &str, plural: &str, kind: &str) -> Response {
    json_answer(
        200,
        &json!({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": group},
            "versions": [{"version": version, "resources": [
                {"resource": plural, "responseKind": {"kind": kind}}]}]}]}),
    )
}
