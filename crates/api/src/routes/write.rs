//! Points coming in (H-20 to H-23).

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use capstan_base::Classify;
use capstan_ingest::{Encoding, WriteOutcome};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::app::App;
use crate::error::status;
use crate::json;
use crate::query::Query;

/// Bodies up to this size are parsed at once; larger ones on a thread where they hold up no other request.
const AT_ONCE: usize = 64 << 10;

/// `POST /write` and `POST /kapacitor/v1/write`. Good lines are kept even when others are bad; the answer is then 400 and
/// names the bad ones (H-20 FIX). Errors are plain text with a newline (H-07).
pub(crate) async fn write(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri, body: Body) -> Response {
    let limit = app.ingest.options().max_body_bytes;
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return too_large(limit);
    }
    let bytes = match Limited::new(body, limit).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return too_large(limit),
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let header = headers
        .get(CONTENT_ENCODING)
        .map_or(Ok(""), |header| header.to_str());
    let encoding = match Encoding::parse(header.unwrap_or("?")) {
        Ok(encoding) => encoding,
        Err(error) => return refused(status(error.class()), &error.to_string()),
    };
    let query = Query::of(uri.query());
    let (database, policy) = (query.get("db").to_owned(), policy(&app, &query));
    let behind = app.tasks.is_behind(&database, &policy);
    if bytes.len() <= AT_ONCE && encoding == Encoding::Identity && !behind {
        return take(&app, &query, encoding, &bytes);
    }
    let taken = capstan_runtime::spawn_blocking(move || {
        if behind {
            app.tasks.wait_for_room(&database, &policy);
        }
        take(&app, &query, encoding, &bytes)
    })
    .await;
    taken.unwrap_or_else(|error| refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))
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

fn take(app: &App, query: &Query, encoding: Encoding, bytes: &Bytes) -> Response {
    match app.ingest.write(
        query.get("db"),
        query.get("rp"),
        query.get("precision"),
        encoding,
        bytes,
    ) {
        Ok(outcome) if outcome.rejected_total == 0 => json::no_content(),
        Ok(outcome) => refused(StatusCode::BAD_REQUEST, &partial(&outcome)),
        Err(error) => refused(status(error.class()), &error.to_string()),
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
