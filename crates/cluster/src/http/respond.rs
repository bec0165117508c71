//! Building answers.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use capstan_kubeapi::Status;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, VARY, WARNING};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::negotiate::{AVAILABLE, Accept};

/// An answer with a body of bytes.
pub(crate) fn bytes(code: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// An answer in plain text.
pub(super) fn text(code: StatusCode, text: &'static str) -> Response {
    bytes(code, "text/plain; charset=utf-8", text)
}

/// An answer that is one JSON (or YAML) value.
pub(crate) fn object(code: StatusCode, value: &impl Serialize, accept: &Accept) -> Result<Response, Status> {
    if !accept.is_acceptable() {
        return Err(Status::not_acceptable(AVAILABLE));
    }
    if accept.yaml {
        let text = serde_saphyr::to_string(value).map_err(Status::internal)?;
        return Ok(bytes(code, "application/yaml", text));
    }
    let mut body = serde_json::to_vec(value).map_err(Status::internal)?;
    body.push(b'\n');
    Ok(bytes(code, "application/json", body))
}

/// An answer to a write, with warnings.
pub(super) fn written(
    code: StatusCode,
    value: &Value,
    warnings: &[String],
    accept: &Accept,
) -> Result<Response, Status> {
    let mut response = object(code, value, accept)?;
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(WARNING, value);
        }
    }
    Ok(response)
}

/// A failure.
pub(crate) fn status(status: &Status, accept: &Accept) -> Response {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let value = status.to_value();
    let mut response = match serde_saphyr::to_string(&value) {
        Ok(text) if accept.yaml => bytes(code, "application/yaml", text),
        _ => bytes(code, "application/json", format!("{value}\n")),
    };
    if let Some(seconds) = status
        .details
        .as_ref()
        .map(|d| d.retry_after_seconds)
        .filter(|s| *s > 0)
    {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Aggregated discovery, with its own content type and a tag to cache by.
pub(crate) fn discovery(document: &Value, version: &str, request: &Request) -> Result<Response, Status> {
    let body = serde_json::to_vec(document).map_err(Status::internal)?;
    let tag = format!("\"{}\"", crate::openapi::digest(&body));
    let content_type = match version {
        "v2beta1" => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    };
    let unchanged = request.headers().get(IF_NONE_MATCH).and_then(|v| v.to_str().ok()) == Some(tag.as_str());
    let mut response = if unchanged {
        bytes(StatusCode::NOT_MODIFIED, content_type, Body::empty())
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
