//! A metrics server over TLS whose answers a test sets: resource, custom and external metrics.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use capstan_base::SystemClock;
use capstan_runtime::Shutdown;
use capstan_tls::Identity;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// What is answered, and what was asked.
#[derive(Debug, Default)]
pub struct Answers {
    /// Values of external metrics by name; a metric that is not here has no series.
    pub external: BTreeMap<String, String>,
    /// Values of custom metrics by name, of every pod and object alike.
    pub custom: BTreeMap<String, String>,
    /// CPU of every container.
    pub cpu: String,
    /// The pods there are: name, the label `app`, and containers.
    pub pods: Vec<(String, String, Vec<String>)>,
    /// What a group answers instead: a status code and the message of its `Status`.
    pub failures: BTreeMap<String, (u16, String)>,
    /// Paths that were asked for.
    pub asked: Vec<String>,
}

/// A running stand-in. It stops when it is dropped.
#[derive(Debug)]
pub struct Standin {
    /// Where it listens.
    pub address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
    identity: Identity,
    runtime: Runtime,
    stop: Shutdown,
}

impl Standin {
    /// Starts one on a free port.
    pub fn start() -> Result<Self> {
        capstan_tls::install_provider();
        let clock = SystemClock::shared();
        let authority = capstan_tls::Authority::generate("standin-ca", 1, clock.as_ref())?;
        let identity =
            authority.issue_server("standin", &["standin.kube-system.svc"], &[], 1, clock.as_ref())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let mut standin = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            answers: Arc::default(),
            identity,
            runtime,
            stop: Shutdown::new(),
        };
        standin.listen()?;
        Ok(standin)
    }

    /// Listens where it did before, or on a free port.
    pub fn listen(&mut self) -> Result<()> {
        let tls = capstan_tls::server_config(&self.identity, None)?;
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&self.answers));
        self.stop = Shutdown::new();
        let (at, stop) = (self.address, self.stop.clone());
        self.address = self.runtime.block_on(async move {
            let listener = TcpListener::bind(at)
                .await
                .with_context(|| format!("listen on {at}"))?;
            let address = listener.local_addr()?;
            capstan_runtime::spawn("stand-in", capstan_cluster::serve(listener, tls, router, stop));
            anyhow::Ok(address)
        })?;
        Ok(())
    }

    /// Goes away.
    pub fn stop(&self) {
        self.stop.raise();
    }

    /// Looks at what is answered and was asked, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut Answers) -> T) -> T {
        look(&mut self.answers.lock())
    }
}

async fn answer(State(answers): State<Arc<Mutex<Answers>>>, request: Request) -> Response {
    let (path, query) = (
        request.uri().path().to_owned(),
        request.uri().query().unwrap_or("").to_owned(),
    );
    let mut answers = answers.lock();
    answers.asked.push(path.clone());
    let (code, body) = answers.of(&path, &query);
    Response::builder()
        .status(code)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a code and a header of ours")
}

fn status(code: u16, message: &str) -> (u16, Value) {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "code": code});
    (code, body)
}

impl Answers {
    fn of(&self, path: &str, query: &str) -> (u16, Value) {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let ["apis", group, version, rest @ ..] = parts.as_slice() else {
            return status(404, "not found");
        };
        if rest.is_empty() {
            let list = json!({"kind": "APIResourceList", "apiVersion": "v1",
                "groupVersion": format!("{group}/{version}"), "resources": []});
            return (200, list);
        }
        if let Some((code, message)) = self.failures.get(*group) {
            return status(*code, message);
        }
        let time = SystemClock::shared().now().to_string();
        let app = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("labelSelector=app%3D"));
        let pods = || {
            self.pods
                .iter()
                .filter(|(_, label, _)| app.is_none_or(|app| app == label))
        };
        let items: Vec<Value> = match rest {
            ["namespaces", _, "pods"] => pods()
                .map(|(name, _, containers)| {
                    let of = |name: &String| json!({"name": name, "usage": {"cpu": self.cpu, "memory": "10Mi"}});
                    let containers: Vec<Value> = containers.iter().map(of).collect();
                    json!({"metadata": {"name": name}, "timestamp": time, "window": "15s", "containers": containers})
                })
                .collect(),
            ["namespaces", _, "pods", _, metric] => self.custom.get(*metric).map_or_else(Vec::new, |value| {
                pods()
                    .map(|(name, ..)| json!({"describedObject": {"kind": "Pod", "name": name}, "timestamp": time, "value": value}))
                    .collect()
            }),
            ["namespaces", _, metric] if *group == "external.metrics.k8s.io" => self
                .external
                .get(*metric)
                .map(|value| json!({"metricName": metric, "metricLabels": {}, "timestamp": time, "value": value}))
                .into_iter()
                .collect(),
            ["namespaces", .., metric] => self
                .custom
                .get(*metric)
                .map(|value| json!({"describedObject": {}, "timestamp": time, "value": value}))
                .into_iter()
                .collect(),
            _ => return status(404, "not found"),
        };
        (200, json!({"items": items}))
    }
}
