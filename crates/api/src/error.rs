//! Failures as answers: one place that knows which status a failure has.

use axum::response::{IntoResponse, Response};
use capstan_base::Class;
use capstan_client::wire::ErrorBody;
use http::StatusCode;
use thiserror::Error as ThisError;

use crate::json;

/// Why the server cannot listen.
#[derive(Debug, ThisError)]
pub enum Error {
    /// Another process listens there.
    #[error(
        "port {port} is in use: another process listens on {address}; stop it, or choose another address with \
         `bind-address` in section [http] of the configuration or KAPACITOR_HTTP_BIND_ADDRESS"
    )]
    PortInUse { address: String, port: u16 },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen { address: String, reason: String },
    /// The certificate or key cannot be used.
    #[error("cannot serve HTTPS: {0}")]
    Tls(String),
}

impl capstan_base::Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::PortInUse { .. } => Class::Conflict,
            Self::Listen { .. } | Self::Tls(_) => Class::User,
        }
    }
}

/// An answer that says no, with the text of its error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        response(self.status, &self.message)
    }
}

/// The status of a class of errors.
pub(crate) fn status(class: Class) -> StatusCode {
    match class {
        Class::User => StatusCode::BAD_REQUEST,
        Class::NotFound => StatusCode::NOT_FOUND,
        // compat: Kapacitor answers 500 when an id is taken (TestServer_UpdateTaskID_Fail); creating says so with 400.
        Class::Conflict => StatusCode::INTERNAL_SERVER_ERROR,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Class::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error body (H-07).
pub(crate) fn response(status: StatusCode, message: &str) -> Response {
    let body = ErrorBody {
        error: message.to_owned(),
    };
    json::text_response(status, json::pretty(&body).unwrap_or_default())
}

/// 404 for a path or a method that is not served (H-08).
pub(crate) fn not_found() -> Response {
    response(StatusCode::NOT_FOUND, "Not Found")
}
