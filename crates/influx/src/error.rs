//! What can go wrong with a request.

use capstan_base::{Class, Classify};

/// Why a request gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
    /// No server could be reached, or none answered in time.
    #[error("{0}")]
    Unreachable(String),
    /// A server refused; the text is its own.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: u16,
        message: String,
    },
    /// The query failed; the text is the server's.
    #[error("{0}")]
    Query(String),
    /// The answer is not what InfluxDB sends.
    #[error("{0}")]
    Answer(String),
}

impl Error {
    /// Whether the same request may work later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::Settings(_) | Self::Query(_) | Self::Answer(_) => false,
        }
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Unreachable(_) | Self::Refused { .. } if self.is_temporary() => Class::Unavailable,
            Self::Answer(_) => Class::Internal,
            _ => Class::User,
        }
    }
}
