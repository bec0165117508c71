//! What the controller tells over HTTP.
//!
//! | path | what |
//! |---|---|
//! | `GET /capstan/v1/decisions?namespace=&hpa=&autoscaler=&at=&limit=` | decision records, of each object oldest first |
//! | `GET /capstan/v1/shadow?namespace=&hpa=` | how decisions in shadow mode compare |
//! | `GET /metrics` | the controller's metrics |
//! | `GET /healthz` | `ok` |

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use capstan_hpa::Source;
use capstan_runtime::Shutdown;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use crate::controller::Controller;
use crate::decisions::Filter;

/// Records in one answer, unless the question says otherwise.
const LIMIT: usize = 1000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    namespace: String,
    hpa: String,
    autoscaler: String,
    at: Option<jiff::Timestamp>,
    limit: Option<usize>,
}

/// The routes; who may call them is for whoever serves them to say.
pub fn router(controller: Arc<Controller>) -> Router {
    Router::new()
        .route("/capstan/v1/decisions", get(decisions))
        .route("/capstan/v1/shadow", get(shadow))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok"))
        .with_state(controller)
}

/// Serves the routes until it is told to stop.
pub async fn serve(listener: TcpListener, controller: Arc<Controller>, shutdown: Shutdown) {
    let stop = async move { shutdown.raised().await };
    let serving = axum::serve(listener, router(controller)).with_graceful_shutdown(stop);
    if let Err(error) = serving.await {
        tracing::error!(%error, "the controller's HTTP server ended");
    }
}

async fn decisions(State(controller): State<Arc<Controller>>, Query(asked): Query<Asked>) -> Response {
    let source = match (asked.hpa.as_str(), asked.autoscaler.as_str()) {
        ("", "") => None,
        ("", name) => Some(Source::autoscaler(name)),
        (name, _) => Some(Source::hpa(name)),
    };
    let filter = Filter {
        namespace: asked.namespace,
        source,
        at: asked.at,
        limit: asked.limit.unwrap_or(LIMIT),
    };
    let listing = capstan_runtime::spawn_blocking(move || controller.decisions().list(&filter));
    match listing.await {
        Ok(decisions) => Json(json!({ "decisions": decisions })).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn shadow(State(controller): State<Arc<Controller>>, Query(asked): Query<Asked>) -> Response {
    Json(json!({ "shadow": controller.comparisons(&asked.namespace, &asked.hpa) })).into_response()
}

async fn metrics(State(controller): State<Arc<Controller>>) -> Response {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4")],
        controller.metrics(),
    )
        .into_response()
}
