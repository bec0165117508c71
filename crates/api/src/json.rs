//! JSON as Kapacitor prints it (H-03): four spaces, no newline at the end, `<`, `>` and `&` escaped as Go does.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

/// What every answer is said to be, even one without a body.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// `value` as indented JSON text.
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    value.serialize(&mut serializer)?;
    Ok(escaped(String::from_utf8_lossy(&bytes).as_ref()))
}

/// `value` as JSON text on one line.
pub fn compact<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    Ok(escaped(&serde_json::to_string(value)?))
}

/// Go's `encoding/json` escapes what could end a script element. These characters stand only inside strings.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

/// 200 with `value`.
pub(crate) fn ok<T: Serialize + ?Sized>(value: &T) -> Response {
    match pretty(value) {
        Ok(text) => text_response(StatusCode::OK, text),
        Err(error) => crate::error::response(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// 204.
pub(crate) fn no_content() -> Response {
    text_response(StatusCode::NO_CONTENT, String::new())
}

/// `text` under the content type that everything has.
pub(crate) fn text_response(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_escaped_as_go_does() {
        let value = serde_json::json!({"dot": "a -> b", "empty": {}, "none": [], "list": [1]});
        assert_eq!(
            pretty(&value).unwrap(),
            "{\n    \"dot\": \"a -\\u003e b\",\n    \"empty\": {},\n    \"none\": [],\n    \"list\": [\n        1\n    ]\n}"
        );
        assert_eq!(compact(&serde_json::json!(["&"])).unwrap(), "[\"\\u0026\"]");
    }
}
