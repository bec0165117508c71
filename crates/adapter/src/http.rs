//! Status and metrics over HTTP, on kube-metrics-adapter's `--metrics-address`.
//!
//! | path | what |
//! |---|---|
//! | `GET /capstan/v1/adapter?namespace=&hpa=` | every HPA, its collectors and how they are doing |
//! | `GET /metrics` | the adapter's metrics |
//! | `GET /healthz` | `ok` once HPAs are known |

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use capstan_runtime::Shutdown;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use crate::adapter::Adapter;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    namespace: String,
    hpa: String,
}

/// The routes; who may call them is for whoever serves them to say.
pub fn router(adapter: Arc<Adapter>) -> Router {
    Router::new()
        .route("/capstan/v1/adapter", get(status))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .with_state(adapter)
}

/// Serves the routes until it is told to stop.
pub async fn serve(listener: TcpListener, adapter: Arc<Adapter>, shutdown: Shutdown) {
    let stop = async move { shutdown.raised().await };
    let serving = axum::serve(listener, router(adapter)).with_graceful_shutdown(stop);
    if let Err(error) = serving.await {
        tracing::error!(%error, "the adapter's HTTP server ended");
    }
}

async fn status(State(adapter): State<Arc<Adapter>>, Query(asked): Query<Asked>) -> Response {
    Json(json!({ "hpas": adapter.status(&asked.namespace, &asked.hpa) })).into_response()
}

async fn metrics(State(adapter): State<Arc<Adapter>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], adapter.metrics()).into_response()
}

async fn healthz(State(adapter): State<Arc<Adapter>>) -> Response {
    if adapter.settled() {
        return "ok".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "HPAs are not known yet").into_response()
}
