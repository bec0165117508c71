//! Everything that is served.

pub(crate) mod debug;
pub(crate) mod decisions;
pub(crate) mod service;
pub(crate) mod tasks;
pub(crate) mod write;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::app::App;
use crate::error::not_found;

/// Paths of the API with their methods; what `/:routes` lists beside the endpoints of running tasks (H-25).
pub(crate) const ROUTES: &[(&str, &[&str])] = &[
    ("/capstan/v1/decisions", &["GET"]),
    ("/healthz", &["GET"]),
    ("/kapacitor/v1/:routes", &["GET"]),
    ("/kapacitor/v1/debug/vars", &["GET"]),
    ("/kapacitor/v1/loglevel", &["POST"]),
    ("/kapacitor/v1/ping", &["GET", "HEAD"]),
    ("/kapacitor/v1/tasks", &["GET", "POST"]),
    ("/kapacitor/v1/tasks/", &["DELETE", "GET", "PATCH"]),
    ("/kapacitor/v1/write", &["POST"]),
    ("/write", &["POST"]),
];

/// The largest JSON body that is read.
const MAX_JSON: usize = 16 << 20;

/// The routes without what [`conventions`](crate::conventions) adds.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        // `:routes` is a literal segment here, which older routers took for a parameter.
        .without_v07_checks()
        .route("/kapacitor/v1/ping", get(service::ping))
        .route("/kapacitor/v1/:routes", get(service::routes))
        .route("/kapacitor/v1/loglevel", post(service::log_level))
        .route("/kapacitor/v1/debug/vars", get(debug::vars))
        .route("/kapacitor/v1/write", post(write::write))
        .route("/write", post(write::write))
        .route("/kapacitor/v1/tasks", get(tasks::list).post(tasks::create))
        .route(
            "/kapacitor/v1/tasks/",
            get(tasks::nameless)
                .patch(tasks::nameless)
                .delete(tasks::nameless),
        )
        .route(
            "/kapacitor/v1/tasks/{*id}",
            get(tasks::show).patch(tasks::update).delete(tasks::delete),
        )
        .route("/capstan/v1/decisions", get(decisions::list))
        .route("/healthz", get(service::health))
        .fallback(|| async { not_found() })
        // compat: a method that is not served is 404 too, never 405 (H-08).
        .method_not_allowed_fallback(|| async { not_found() })
        .layer(DefaultBodyLimit::max(MAX_JSON))
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .compress_when(SizeAbove::new(0)),
        )
        .with_state(app)
}
