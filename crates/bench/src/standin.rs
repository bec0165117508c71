//! A stand-in for a Kubernetes API server: one deployment with a scale, and the time at which it was written.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use capstan_base::SharedClock;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};

use crate::error::Error;

/// The deployment's name.
pub const NAME: &str = "app";

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A write of the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    pub replicas: i64,
    /// When the request had arrived, by the clock's monotonic reading.
    pub at: Duration,
}

/// Listens until it is dropped with the runtime.
#[derive(Debug)]
pub struct Standin {
    address: SocketAddr,
    writes: mpsc::UnboundedReceiver<Write>,
}

#[derive(Debug)]
struct State {
    clock: SharedClock,
    version: AtomicU64,
    replicas: AtomicU64,
    writes: mpsc::UnboundedSender<Write>,
    changes: broadcast::Sender<Bytes>,
}

impl Standin {
    /// Listens on a free port of this machine.
    pub async fn start(clock: &SharedClock) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::Start(error.to_string());
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (sender, writes) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            clock: Arc::clone(clock),
            version: AtomicU64::new(1),
            replicas: AtomicU64::new(1),
            writes: sender,
            changes: broadcast::channel(64).0,
        });
        capstan_runtime::spawn("stand-in api", async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Without it small answers wait for acknowledgements.
                let _ = stream.set_nodelay(true);
                let state = Arc::clone(&state);
                let service = service_fn(move |request| {
                    let state = Arc::clone(&state);
                    async move { Ok::<_, Infallible>(state.answer(request).await) }
                });
                capstan_runtime::spawn("stand-in connection", async move {
                    // A client that goes away is none of our business.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self { address, writes })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next write; `None` when nothing came in time.
    pub async fn write(&mut self, patience: Duration) -> Option<Write> {
        tokio::select! {
            write = self.writes.recv() => write,
            () = capstan_runtime::sleep(patience) => None,
        }
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let watch = request.uri().query().is_some_and(|query| {
            query
                .split('&')
                .any(|pair| pair == "watch=true" || pair == "watch=1")
        });
        let body = request
            .into_body()
            .collect()
            .await
            .map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
        let object = format!("/apis/apps/v1/namespaces/default/deployments/{NAME}");
        let scale = format!("{object}/scale");
        match (method, path.as_str()) {
            (Method::GET, "/api/v1") => ok(
                &json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": []}),
            ),
            (Method::GET, "/apis") => ok(&groups()),
            (Method::GET, "/apis/apps/v1") => ok(&resources()),
            (Method::GET, "/apis/apps/v1/namespaces/default/deployments") if watch => self.watch(),
            (Method::GET, "/apis/apps/v1/namespaces/default/deployments") => ok(&json!({
                "kind": "DeploymentList", "apiVersion": "apps/v1",
                "metadata": {"resourceVersion": self.version.load(Ordering::SeqCst).to_string()},
                "items": [self.object()],
            })),
            (Method::GET, path) if path == object => ok(&self.object()),
            (Method::GET, path) if path == scale => ok(&self.scale()),
            (Method::PATCH, path) if path == scale => self.patch(&body),
            (Method::POST, "/api/v1/namespaces/default/events") => json(
                StatusCode::CREATED,
                &serde_json::from_slice(&body).unwrap_or(Value::Null),
            ),
            _ => json(
                StatusCode::NOT_FOUND,
                &json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
                        "message": "the server could not find the requested resource", "code": 404}),
            ),
        }
    }

    fn patch(&self, body: &Bytes) -> Response<Body> {
        let at = self.clock.monotonic();
        let patch: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let replicas = patch["spec"]["replicas"].as_u64().unwrap_or_default();
        self.replicas.store(replicas, Ordering::SeqCst);
        self.version.fetch_add(1, Ordering::SeqCst);
        // Both fail only when nobody listens.
        let _ = self.writes.send(Write {
            replicas: replicas as i64,
            at,
        });
        let _ = self.changes.send(self.event());
        ok(&self.scale())
    }

    /// The changes from now on, one a line.
    fn watch(&self) -> Response<Body> {
        let changes = futures::stream::unfold(self.changes.subscribe(), |mut changes| async {
            let change = changes.recv().await.ok()?;
            Some((Ok::<_, Infallible>(Frame::data(change)), changes))
        });
        answer(StatusCode::OK, StreamBody::new(Box::pin(changes)).boxed_unsync())
    }

    fn event(&self) -> Bytes {
        let mut line = json!({"type": "MODIFIED", "object": self.object()}).to_string();
        line.push('\n');
        Bytes::from(line)
    }

    fn metadata(&self) -> Value {
        json!({"name": NAME, "namespace": "default", "uid": "b7b1c8f0-0000-4000-8000-000000000001",
               "resourceVersion": self.version.load(Ordering::SeqCst).to_string()})
    }

    fn object(&self) -> Value {
        let replicas = self.replicas.load(Ordering::SeqCst);
        json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": self.metadata(),
               "spec": {"replicas": replicas}, "status": {"replicas": replicas}})
    }

    fn scale(&self) -> Value {
        let replicas = self.replicas.load(Ordering::SeqCst);
        json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": self.metadata(),
               "spec": {"replicas": replicas}, "status": {"replicas": replicas}})
    }
}

fn groups() -> Value {
    let version = json!({"groupVersion": "apps/v1", "version": "v1"});
    json!({"kind": "APIGroupList", "apiVersion": "v1",
           "groups": [{"name": "apps", "versions": [version], "preferredVersion": version}]})
}

fn resources() -> Value {
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "apps/v1", "resources": [
        {"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment",
         "verbs": ["get", "list", "patch", "update", "watch"]},
        {"name": "deployments/scale", "singularName": "", "namespaced": true, "kind": "Scale",
         "group": "autoscaling", "version": "v1", "verbs": ["get", "patch", "update"]},
    ]})
}

fn ok(value: &Value) -> Response<Body> {
    json(StatusCode::OK, value)
}

fn json(status: StatusCode, value: &Value) -> Response<Body> {
    answer(status, Full::new(Bytes::from(value.to_string())).boxed_unsync())
}

fn answer(status: StatusCode, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    answer
}
