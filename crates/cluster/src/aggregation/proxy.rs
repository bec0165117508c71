//! Passing a request on: who asks goes along in headers that the backend trusts because of our certificate.

use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use tower::ServiceExt;

use super::{Aggregator, Entry};
use crate::http::{User, respond};

/// Headers that belong to one connection.
const HOP: [HeaderName; 8] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];

pub(super) async fn forward(
    aggregator: &Aggregator,
    entry: &Entry,
    user: &User,
    mut request: Request,
) -> Response {
    if !entry.is_available() {
        return unavailable("service unavailable\n".to_owned());
    }
    let authority = entry.service.authority(&aggregator.shared.objects);
    let headers = request.headers_mut();
    clean(headers);
    identify(headers, user);
    if let Some(router) = aggregator.in_process(&entry.service) {
        request.extensions_mut().insert(user.clone());
        return match router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
    }
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |p| p.as_str())
        .to_owned();
    if let Err(error) = address(&mut request, &authority, &path) {
        return unavailable(format!("error trying to reach service: {error}\n"));
    }
    match entry.connection.send(request).await {
        Ok(response) => {
            let mut response = response.map(Body::new);
            for name in &HOP {
                response.headers_mut().remove(name);
            }
            response
        }
        Err(error) => {
            entry.changed.notify_one();
            unavailable(format!("error trying to reach service: {error}\n"))
        }
    }
}

/// Points a request at a backend and says where it came from.
pub(super) fn address(request: &mut Request, authority: &str, path: &str) -> Result<(), http::Error> {
    let uri = Uri::builder()
        .scheme("https")
        .authority(authority)
        .path_and_query(path)
        .build()?;
    let host = HeaderValue::from_str(authority)?;
    let asked = HeaderValue::from_str(uri.path())?;
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_11;
    let headers = request.headers_mut();
    headers.insert(HOST, host.clone());
    headers.insert("x-forwarded-host", host);
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    headers.insert("x-forwarded-uri", asked);
    headers
        .entry("x-forwarded-for")
        .or_insert(HeaderValue::from_static("127.0.0.1"));
    Ok(())
}

fn unavailable(text: String) -> Response {
    let mut response = respond::bytes(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", text);
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// Removes what is meant for us: credentials, impersonation, and claims about who asks.
fn clean(headers: &mut HeaderMap) {
    for name in &HOP {
        headers.remove(name);
    }
    headers.remove(AUTHORIZATION);
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-remote-") || name.as_str().starts_with("impersonate-"))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(&name);
    }
}

/// Says who asks (upstream `transport.SetAuthProxyHeaders`).
pub(super) fn identify(headers: &mut HeaderMap, user: &User) {
    let mut add = |name: &str, value: &str| {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    };
    add("x-remote-user", &user.name);
    if !user.uid.is_empty() {
        add("x-remote-uid", &user.uid);
    }
    for group in &user.groups {
        add("x-remote-group", group);
    }
    for (key, values) in &user.extra {
        for value in values {
            add(&format!("x-remote-extra-{}", escape(key)), value);
        }
    }
}

/// A key as a header name can hold it: percent-encoded where it is no token.
fn escape(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for byte in key.bytes() {
        let token = byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte);
        if token {
            out.push(char::from(byte.to_ascii_lowercase()));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_told_who_asks_and_nothing_that_was_meant_for_us() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer secret"),
            ("x-remote-user", "root"),
            ("x-remote-group", "system:masters"),
            ("impersonate-user", "root"),
            ("connection", "close"),
            ("accept", "application/json"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let mut user = User::new("bob", ["devs"]);
        user.uid = "u1".to_owned();
        user.extra = vec![(
            "authentication.kubernetes.io/credential-id".to_owned(),
            vec!["JTI=1".to_owned()],
        )];
        clean(&mut headers);
        identify(&mut headers, &user);
        let all: Vec<(&str, &str)> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.to_str().unwrap()))
            .collect();
        assert_eq!(
            all,
            [
                ("accept", "application/json"),
                ("x-remote-user", "bob"),
                ("x-remote-uid", "u1"),
                ("x-remote-group", "devs"),
                ("x-remote-group", "system:authenticated"),
                (
                    "x-remote-extra-authentication.kubernetes.io%2fcredential-id",
                    "JTI=1"
                ),
            ]
        );
    }
}
