//! What can go wrong between a caller and the server.

use capstan_base::{Class, Classify};
use thiserror::Error;

/// Why a call to the server gave no result. The texts are what Kapacitor's client prints (C-04, C-06).
#[derive(Debug, Error)]
pub enum Error {
    /// The server's address cannot be used.
    #[error("{0}")]
    Url(String),
    /// No answer came: refused, unreachable, not TLS.
    #[error("{method} \"{url}\": {reason}")]
    Connect {
        /// As Go writes it: `Get`, `Patch`.
        method: String,
        /// The address without credentials.
        url: String,
        /// The operating system's words.
        reason: String,
    },
    /// The server answered with an error body.
    #[error("{message}")]
    Server {
        /// Status code.
        status: u16,
        /// The server's text.
        message: String,
    },
    /// The server answered with something that is not the API's.
    #[error("invalid response: code {status}: body: {body}")]
    Response {
        /// Status code.
        status: u16,
        /// The first bytes of the body.
        body: String,
    },
    /// The body is not the JSON expected.
    #[error("failed to decode JSON: {0}")]
    Decode(String),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Url(_) => Class::User,
            Self::Connect { .. } => Class::Unavailable,
            Self::Server { status: 404, .. } => Class::NotFound,
            Self::Server { status: 413, .. } => Class::TooLarge,
            Self::Server {
                status: 401 | 403, ..
            } => Class::Forbidden,
            Self::Server { status: 503, .. } => Class::Unavailable,
            Self::Server { status: 400..500, .. } => Class::User,
            Self::Server { .. } | Self::Response { .. } | Self::Decode(_) => Class::Internal,
        }
    }
}
