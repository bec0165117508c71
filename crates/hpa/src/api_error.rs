//! Errors of the API server as its Go client words them.

use capstan_base::{Class, Classify};
use capstan_gocompat::strconv;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status, 0 if there was no answer.
    #[serde(default)]
    pub code: u16,
    /// `Conflict`, `NotFound`, …; may be empty.
    #[serde(default)]
    pub reason: String,
    /// What a person reads.
    pub message: String,
}

impl ApiError {
    /// An error that is only a text.
    pub fn text(message: impl Into<String>) -> Self {
        Self {
            code: 0,
            reason: String::new(),
            message: message.into(),
        }
    }

    /// Whether the object changed meanwhile.
    pub fn is_conflict(&self) -> bool {
        self.reason == "Conflict" || (self.reason.is_empty() && self.code == 409)
    }

    /// From an answer that is not 2xx: the message of its `Status`, or the words of client-go's
    /// `NewGenericServerResponse`. `subject` is what was asked for, such as `pods.metrics.k8s.io`; it may be empty.
    pub fn of_response(code: u16, body: &str, verb: &str, subject: &str) -> Self {
        if let Ok(status) = serde_json::from_str::<Value>(body)
            && status["kind"] == "Status"
        {
            return Self {
                code,
                reason: status["reason"].as_str().unwrap_or("").to_owned(),
                message: status["message"].as_str().unwrap_or("").to_owned(),
            };
        }
        let said = body.trim();
        let (reason, message) = match code {
            409 => ("Conflict", "the server reported a conflict".to_owned()),
            404 => ("NotFound", "the server could not find the requested resource".to_owned()),
            400 => ("BadRequest", "the server rejected our request for an unknown reason".to_owned()),
            401 => (
                "Unauthorized",
                "the server has asked for the client to provide credentials".to_owned(),
            ),
            403 => ("Forbidden", said.to_owned()),
            405 => (
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource".to_owned(),
            ),
            406 if said.is_empty() => (
                "NotAcceptable",
                "the server was unable to respond with a content type that the client supports".to_owned(),
            ),
            406 => ("NotAcceptable", said.to_owned()),
            415 => ("UnsupportedMediaType", said.to_owned()),
            422 => (
                "Invalid",
                "the server rejected our request due to an error in our request".to_owned(),
            ),
            429 => (
                "TooManyRequests",
                "the server has received too many requests and has asked us to try again later".to_owned(),
            ),
            503 => (
                "ServiceUnavailable",
                "the server is currently unable to handle the request".to_owned(),
            ),
            504 => (
                "Timeout",
                "the server was unable to return a response in the time allotted, but may still be processing the request"
                    .to_owned(),
            ),
            500.. => (
                "InternalError",
                format!(
                    "an error on the server ({}) has prevented the request from succeeding",
                    strconv::quote(said)
                ),
            ),
            _ => (
                "",
                format!("the server responded with the status code {code} but did not return more information"),
            ),
        };
        let message = if subject.is_empty() {
            message
        } else {
            format!("{message} ({verb} {subject})")
        };
        Self {
            code,
            reason: reason.to_owned(),
            message,
        }
    }
}

impl Classify for ApiError {
    fn class(&self) -> Class {
        match self.code {
            _ if self.is_conflict() => Class::Conflict,
            404 => Class::NotFound,
            401 | 403 => Class::Forbidden,
            400..500 => Class::User,
            _ => Class::Unavailable,
        }
    }
}
