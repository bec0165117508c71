//! Ping, health, log level, the list of routes (H-24 to H-26).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use capstan_client::wire::LogLevel;
use http::Method;

use super::ROUTES;
use crate::app::App;
use crate::error::{Refusal, not_found};
use crate::json;

/// 204 while the server answers (H-24).
pub(crate) async fn ping() -> Response {
    json::no_content()
}

/// 200 while the server answers; what probes of orchestrators ask.
pub(crate) async fn health() -> Response {
    json::ok(&serde_json::json!({"status": "ok"}))
}

/// Sets the log level until the process ends (H-26).
pub(crate) async fn log_level(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let level = match serde_json::from_slice::<LogLevel>(&body) {
        Ok(body) => body.level,
        Err(error) => return Refusal::bad_request(format!("invalid json: {error}")).into_response(),
    };
    match (app.set_log_level)(&level) {
        Ok(()) => json::no_content(),
        Err(reason) => Refusal::bad_request(reason).into_response(),
    }
}

/// Every path with its methods (H-25).
pub(crate) async fn routes(State(app): State<Arc<App>>, method: Method) -> Response {
    if method != Method::GET {
        return not_found();
    }
    let mut routes: BTreeMap<String, Vec<&str>> = ROUTES
        .iter()
        .map(|(path, methods)| ((*path).to_owned(), methods.to_vec()))
        .collect();
    for (task, endpoint) in app.tasks.endpoints() {
        let path = format!(
            "{}/{}",
            capstan_client::task_href(&task),
            endpoint.trim_matches('/')
        );
        routes.insert(path, vec!["GET"]);
    }
    json::ok(&routes)
}
