//! A whole server without a socket.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use capstan_api::{App, Identity};
use capstan_base::SystemClock;
use capstan_flow::Ports;
use capstan_ingest::{Ingest, IngestOptions};
use capstan_store::Store;
use capstan_tasks::{Decisions, Options, Tasks};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) struct Server {
    pub(crate) app: App,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn error(&self) -> (u16, String) {
        (
            self.status,
            self.json()["error"].as_str().unwrap_or_default().to_owned(),
        )
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with_store(Store::in_memory())
    }

    pub(crate) fn with_store(store: Store) -> Self {
        let clock = SystemClock::shared();
        let ingest = Arc::new(Ingest::new(
            IngestOptions {
                max_body_bytes: 100_000,
                ..IngestOptions::default()
            },
            Arc::clone(&clock),
        ));
        let ports = Ports::offline(Arc::clone(&clock));
        let decisions = Decisions::open(store.clone(), 100, 100).unwrap();
        let tasks = Tasks::open(Options::new(
            clock,
            store.clone(),
            Arc::clone(&ingest),
            ports,
            decisions,
        ))
        .unwrap();
        tasks.start_enabled();
        let set_log_level = |level: &str| match level.to_ascii_uppercase().as_str() {
            "DEBUG" | "INFO" | "ERROR" => Ok(()),
            _ => Err(format!("unknown level {level}")),
        };
        let identity = Identity {
            cluster_id: "c".into(),
            server_id: "s".into(),
            host: "localhost".into(),
        };
        Self {
            app: App {
                tasks,
                ingest,
                identity,
                set_log_level: Arc::new(set_log_level),
            },
        }
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        let service = capstan_api::service(Arc::new(self.app.clone()));
        let response: Response = service.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            bytes,
        }
    }

    pub(crate) async fn call(&self, method: &str, uri: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .body(body.into())
            .unwrap();
        self.send(request).await
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.call("GET", uri, Body::empty()).await
    }

    pub(crate) async fn json(&self, method: &str, uri: &str, body: Value) -> Answer {
        self.call(method, uri, body.to_string()).await
    }

    /// Defines a stream task on `"db"."rp"`.
    pub(crate) async fn define(&self, id: &str, script: &str, status: &str) -> Answer {
        let dbrps = serde_json::json!([{"db": "db", "rp": "rp"}]);
        let body = serde_json::json!({"id": id, "type": "stream", "dbrps": dbrps, "script": script, "status": status});
        self.json("POST", "/kapacitor/v1/tasks", body).await
    }

    /// Asks until `wanted` says yes; what happens on a task's thread takes a moment.
    pub(crate) async fn until(&self, uri: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        for _ in 0..500 {
            let answer = self.get(uri).await;
            if wanted(&answer) {
                return answer;
            }
            capstan_runtime::sleep(Duration::from_millis(10)).await;
        }
        panic!("{uri} never answered as expected: {}", self.get(uri).await.text());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.app.tasks.shutdown(Duration::from_secs(5));
    }
}
