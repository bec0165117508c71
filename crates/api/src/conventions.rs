//! What holds for every request and answer, whatever it is about (H-01 to H-08).

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE,
    HeaderName, HeaderValue, LOCATION, ORIGIN,
};
use http::{Method, StatusCode, Uri};

use crate::json::JSON;

const PREVIEW: &str = "/kapacitor/v1preview/";
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("DELETE, GET, OPTIONS, POST, PATCH");
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, X-HTTP-Method-Override",
);
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-kapacitor-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Redirects unclean paths, answers OPTIONS, rewrites preview paths, and puts the common headers on what comes back.
/// Stands around the router, because the router must see the rewritten path.
pub(crate) async fn apply(mut request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let path = request.uri().path();

    let mut response = if let Some(clean) = cleaned(path) {
        redirect(&clean, request.uri().query())
    } else if request.method() == Method::OPTIONS {
        // compat: the filter answers before any handler, so OPTIONS is 200 everywhere (H-06).
        Response::new(Body::empty())
    } else {
        if let Some(rest) = path.strip_prefix(PREVIEW) {
            let rewritten = format!("{}/{rest}", capstan_client::BASE_PATH);
            if let Some(uri) = with_path(request.uri(), &rewritten) {
                *request.uri_mut() = uri;
            }
        }
        let mut response = next.run(request).await;
        response.headers_mut().entry(CONTENT_TYPE).or_insert(JSON);
        response
    };

    let headers = response.headers_mut();
    headers.insert(VERSION_HEADER, HeaderValue::from_static(capstan_client::VERSION));
    if let Ok(id) = HeaderValue::from_str(&request_id()) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
    }
    response
}

/// A UUID made of the time (H-04).
fn request_id() -> String {
    uuid::Uuid::now_v1(&[0x02, 0x43, 0x61, 0x70, 0x73, 0x74]).to_string()
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    text.parse().ok()
}

/// The path without empty, `.` and `..` segments, when that differs; a slash at the end stays (H-08).
fn cleaned(path: &str) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let mut clean = format!("/{}", kept.join("/"));
    if path.ends_with('/') && clean.len() > 1 {
        clean.push('/');
    }
    (clean != path).then_some(clean)
}

fn redirect(path: &str, query: Option<&str>) -> Response {
    let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::from_str(&target) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_cleans_them() {
        for (path, clean) in [
            ("/", None),
            ("/kapacitor/v1/tasks", None),
            ("/kapacitor/v1/tasks/", None),
            ("/kapacitor/v1/tasks/a.b", None),
            ("/kapacitor//v1/ping", Some("/kapacitor/v1/ping")),
            ("/kapacitor/v1/x/../ping", Some("/kapacitor/v1/ping")),
            ("/./write", Some("/write")),
            ("/..", Some("/")),
            ("//", Some("/")),
            ("/a/b/..", Some("/a")),
        ] {
            assert_eq!(cleaned(path).as_deref(), clean, "{path}");
        }
    }
}
