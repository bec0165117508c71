//! Points coming in (H-20 to H-23).

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use capstan_base::Classify;
use capstan_ingest::{Encoding, Error as IngestError, WriteOutcome};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::BodyExt as _;

use crate::app::App;
use crate::error::status;
use crate::json;
use crate::query::Query;

/// Frames of a body are put together until they are so many bytes, so that a connection that delivers small ones does not
/// make a batch of each.
const PIECE: usize = 64 << 10;

/// `POST /write` and `POST /kapacitor/v1/write`. The body is parsed while it arrives. Good lines are kept even when others
/// are bad; the answer is then 400 and names the bad ones (H-20 FIX). Errors are plain text with a newline (H-07).
pub(crate) async fn write(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri, body: Body) -> Response {
    let limit = app.ingest.options().max_body_bytes;
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return too_large(limit);
    }
    match take(&app, &headers, &uri, body).await {
        Ok(outcome) if outcome.rejected_total == 0 => json::no_content(),
        Ok(outcome) => refused(StatusCode::BAD_REQUEST, &partial(&outcome)),
        Err(Refusal::Ingest(error)) => refused(status(error.class()), &error.to_string()),
        Err(Refusal::Body(error)) => refused(StatusCode::BAD_REQUEST, &error),
    }
}

/// Why a body was not taken.
enum Refusal {
    Ingest(IngestError),
    /// The connection failed.
    Body(String),
}

impl From<IngestError> for Refusal {
    fn from(error: IngestError) -> Self {
        Self::Ingest(error)
    }
}

async fn take(
    app: &Arc<App>,
    headers: &HeaderMap,
    uri: &Uri,
    mut body: Body,
) -> Result<WriteOutcome, Refusal> {
    let header = headers
        .get(CONTENT_ENCODING)
        .map_or(Ok(""), |header| header.to_str());
    let encoding = Encoding::parse(header.unwrap_or("?"))?;
    let query = Query::of(uri.query());
    let (database, policy) = (query.get("db"), policy(app, &query));
    let mut upload = app
        .ingest
        .begin(database, &policy, query.get("precision"), encoding)?;
    let (mut pieces, mut waiting) = (Vec::<Bytes>::new(), 0);
    loop {
        let frame = body
            .frame()
            .await
            .transpose()
            .map_err(|error| Refusal::Body(error.to_string()))?;
        let ended = frame.is_none();
        if let Some(frame) = frame
            && let Ok(data) = frame.into_data()
        {
            waiting += data.len();
            pieces.push(data);
        }
        if waiting >= PIECE || (ended && waiting > 0) {
            give_room(app, database, &policy).await;
            upload.take(pieces.iter().map(|piece| &**piece))?;
            pieces.clear();
            waiting = 0;
        }
        if ended {
            return Ok(upload.end()?);
        }
    }
}

/// Waits while a task that wants this data is behind (H-23).
async fn give_room(app: &Arc<App>, database: &str, policy: &str) {
    if app.tasks.is_behind(database, policy) {
        let (app, database, policy) = (Arc::clone(app), database.to_owned(), policy.to_owned());
        // It fails when the server stops; then nothing needs to wait any more.
        let _ = capstan_runtime::spawn_blocking(move || app.tasks.wait_for_room(&database, &policy)).await;
    }
}

/// The retention policy that points go to (H-22).
fn policy(app: &App, query: &Query) -> String {
    let named = query.get("rp");
    if named.is_empty() {
        app.ingest.options().default_retention_policy.clone()
    } else {
        named.to_owned()
    }
}

/// Which lines were left out, by number.
fn partial(outcome: &WriteOutcome) -> String {
    let mut text = format!(
        "partial write: {} points accepted, {} lines rejected",
        outcome.accepted, outcome.rejected_total
    );
    for line in &outcome.rejected {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{line}");
    }
    let more = outcome.rejected_total.saturating_sub(outcome.rejected.len());
    if more > 0 {
        let _ = write!(text, "\nand {more} more lines");
    }
    text
}

fn too_large(limit: usize) -> Response {
    refused(
        StatusCode::PAYLOAD_TOO_LARGE,
        &format!("request body is larger than {limit} bytes"),
    )
}

fn refused(status: StatusCode, message: &str) -> Response {
    json::text_response(status, format!("{message}\n"))
}
