//! Decision records (ours).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use capstan_tasks::DecisionFilter;
use http::Uri;

use crate::app::App;
use crate::error::Refusal;
use crate::json;
use crate::query::Query;

/// `GET /capstan/v1/decisions?task=&target=&limit=`: the newest `limit` (default 1000) records that match, oldest first.
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let query = Query::of(uri.query());
    let limit = match query.number("limit", 1000) {
        Ok(limit) => usize::try_from(limit).unwrap_or(0),
        Err(refusal) => return Refusal::into_response(refusal),
    };
    let filter = DecisionFilter {
        task: query.get("task").to_owned(),
        target: query.get("target").to_owned(),
        limit,
    };
    json::ok(&serde_json::json!({"decisions": app.tasks.decisions(&filter)}))
}
