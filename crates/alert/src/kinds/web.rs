//! HTTP and mail.

use serde_json::{Map, Value as Json};

use super::{anything, option, text, url};
use crate::spec::{Fill, HandlerKind, Method, Sends, Type};

///
pub static POST: HandlerKind = HandlerKind {
    kind: "post",
    method: "post",
    takes: Method::AtMostFirst("url"),
    options: &[
        url("url", "uRL", "url", "Where to; a template."),
        text(
            "endpoint",
            "endpoint",
            "Id of a `[[httppost]]` section that says where to, and how.",
        ),
        option(
            "headers",
            "header",
            Fill::Entry(Type::Text),
            "A header of the request.",
        ),
        option(
            "capture-response",
            "captureResponse",
            Fill::Flag,
            "Logs the body of an answer that is no success.",
        ),
        option(
            "timeout",
            "timeout",
            Fill::Set(Type::Duration),
            "How long a request may take.",
        ),
        option(
            "skip-ssl-verification",
            "skipSSLVerification",
            Fill::Flag,
            "Takes any certificate.",
        ),
    ],
    sends: Sends::Yes,
    check: post_headers,
    check_start: post_target,
    doc: "Posts the event as JSON, or as the endpoint's template says.",
};

fn post_headers(options: &Map<String, Json>) -> Result<(), String> {
    let headers = options.get("headers").and_then(Json::as_object);
    let forbidden = headers
        .into_iter()
        .flatten()
        .any(|(name, _)| name.eq_ignore_ascii_case("authenticate"));
    if forbidden {
        Err("invalid post: cannot set 'authenticate' header".to_owned())
    } else {
        Ok(())
    }
}

fn post_target(options: &Map<String, Json>) -> Result<(), String> {
    let given = |name: &str| {
        options
            .get(name)
            .and_then(Json::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    if given("url") || given("endpoint") {
        Ok(())
    } else {
        Err("Either URL or endpoint must be non-empty".to_owned())
    }
}

///
pub static EMAIL: HandlerKind = HandlerKind {
    kind: "smtp",
    method: "email",
    takes: Method::Rest("to"),
    options: &[
        option(
            "to",
            "to",
            Fill::Extend,
            "Addresses; those of `[smtp]` when there are none.",
        ),
        option(
            "to-field",
            "toTemplates",
            Fill::Extend,
            "Templates of addresses, with the event's data.",
        ),
    ],
    sends: Sends::Yes,
    check: anything,
    check_start: anything,
    doc: "Sends a mail: the message is the subject, the details are the HTML body.",
};
