//! How answers look.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use capstan_kubeapi::Status;
use capstan_kubeapi::negotiate::{AVAILABLE, Accept};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::Value;

use super::Answer;

/// Bodies of lists seldom need more.
const USUAL_SIZE: usize = 512;

/// An answer with a body of bytes.
pub(crate) fn bytes(code: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// An answer in plain text.
pub(crate) fn text(code: StatusCode, text: impl Into<Bytes>) -> Answer {
    bytes(code, "text/plain; charset=utf-8", text)
}

/// Where nothing is.
pub(crate) fn page_not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// Metrics for Prometheus.
pub(crate) fn metrics(text: String) -> Answer {
    bytes(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}

/// An answer that is one JSON (or YAML) value.
pub(crate) fn object(value: &impl Serialize, accept: &Accept) -> Result<Answer, Status> {
    if !accept.is_acceptable() {
        return Err(Status::not_acceptable(AVAILABLE));
    }
    if accept.yaml {
        let text = serde_saphyr::to_string(value).map_err(Status::internal)?;
        return Ok(bytes(StatusCode::OK, "application/yaml", text));
    }
    let mut body = Vec::with_capacity(USUAL_SIZE);
    serde_json::to_writer(&mut body, value).map_err(Status::internal)?;
    body.push(b'\n');
    Ok(bytes(StatusCode::OK, "application/json", body))
}

/// A failure.
pub(crate) fn status(status: &Status, accept: &Accept) -> Answer {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let value = status.to_value();
    match serde_saphyr::to_string(&value) {
        Ok(text) if accept.yaml => bytes(code, "application/yaml", text),
        _ => bytes(code, "application/json", format!("{value}\n")),
    }
}

/// Aggregated discovery, with its own content type and a tag to cache by.
pub(crate) fn discovery(document: &Value, version: &str, parts: &Parts) -> Result<Answer, Status> {
    let body = serde_json::to_vec(document).map_err(Status::internal)?;
    let content_type = match version {
        "v2beta1" => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    };
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let tag = format!("\"{:016X}\"", hasher.finish());
    let unchanged = parts.headers.get(IF_NONE_MATCH).and_then(|v| v.to_str().ok()) == Some(tag.as_str());
    let mut response = if unchanged {
        bytes(StatusCode::NOT_MODIFIED, content_type, Bytes::new())
    } else {
        bytes(StatusCode::OK, content_type, body)
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    Ok(response)
}

/// A Status without details, as metrics servers give it.
pub(crate) fn plain(code: u16, reason: &'static str, message: impl Into<String>) -> Status {
    Status {
        code,
        reason,
        message: message.into(),
        details: None,
    }
}

/// `metadata` of lists.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Empty {}

/// A list of values.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List<'a, T> {
    pub(crate) kind: &'static str,
    pub(crate) api_version: &'a str,
    pub(crate) metadata: Empty,
    pub(crate) items: &'a [T],
}
