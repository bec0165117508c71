//! A small Kubernetes API in process: HPAs with a watch, one scale per name, one external metric, and a log of who
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
    hpas: BTreeMap<String, Value>,
    scales: BTreeMap<String, i64>,
    /// The external metric; `None` answers 503.
    metric: Option<i64>,
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
            hpas: BTreeMap::new(),
            scales: BTreeMap::new(),
            metric: Some(0),
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
        let mut inside = self.inside.lock();
        let old = inside.hpas.get(name).cloned();
        let type_ = if old.is_some() { "MODIFIED" } else { "ADDED" };
        let mut hpa = old.unwrap_or_else(|| {
            json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
                "metadata": {"namespace": "n", "name": name, "uid": format!("uid-{name}")},
                "spec": {"minReplicas": 1, "maxReplicas": 10,
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                    "metrics": [{"type": "External", "external": {"metric": {"name": "m"},
                        "target": {"type": "AverageValue", "averageValue": "10"}}}]},
                "status": {}})
        });
        change(&mut hpa);
        inside.version += 1;
        hpa["metadata"]["resourceVersion"] = inside.version.to_string().into();
        inside.hpas.insert(name.to_owned(), hpa.clone());
        inside.scales.entry(name.to_owned()).or_insert(2);
        drop(inside);
        self.tell(type_, hpa);
    }

    pub(crate) fn delete(&self, name: &str) {
        let hpa = self.inside.lock().hpas.remove(name).unwrap();
        self.tell("DELETED", hpa);
    }

    fn tell(&self, type_: &str, object: Value) {
        // Nobody may be listening yet.
        let _ = self.changes.send(json!({"type": type_, "object": object}));
    }

    pub(crate) fn set_metric(&self, value: Option<i64>) {
        self.inside.lock().metric = value;
    }

    pub(crate) fn replicas(&self, name: &str) -> i64 {
        self.inside.lock().scales[name]
    }

    pub(crate) fn status(&self, name: &str) -> Value {
        self.inside.lock().hpas[name]["status"].clone()
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
        ["api", "v1", "pods"] => return list("Pod", Vec::new(), 1),
        ["apis", "autoscaling", "v2", "horizontalpodautoscalers"] if watch => {
            let changes = api.changes.subscribe();
            return endless(
                stream::unfold(changes, |mut changes| async move {
                    let change = changes.recv().await.ok()?;
                    Some((format!("{change}\n"), changes))
                })
                .boxed(),
            );
        }
        ["apis", "autoscaling", "v2", "horizontalpodautoscalers"] => {
            let inside = api.inside.lock();
            let items = inside.hpas.values().cloned().collect();
            return list("HorizontalPodAutoscaler", items, inside.version);
        }
        _ => {}
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    api.inside.lock().asked.push(Asked {
        at: api.clock.monotonic(),
        what: format!("{method} {}", parts[parts.len() - 1]),
        body: body.clone(),
    });
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
        ("PUT", [.., name, "status"]) => {
            api.set(name, |hpa| hpa["status"] = body["status"].clone());
            json_answer(200, &api.inside.lock().hpas[*name])
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
