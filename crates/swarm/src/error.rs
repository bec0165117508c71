//! What can go wrong with a request.

use capstan_base::{Class, Classify};

/// Why a service could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub reason: Reason,
    /// What happened; where a server refused, in its words.
    pub message: String,
}

/// The kinds of failure that are treated differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The settings cannot be used.
    Config,
    /// There is no such service.
    NotFound,
    /// The server does not let us.
    Forbidden,
    /// The service changed since it was read.
    Conflict,
    /// No server answers, or none that is a manager of the swarm.
    Unavailable,
    /// Anything else.
    Other,
}

impl Error {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { reason, message }
    }

    /// What a server's answer means. A service that changed meanwhile has no status of its own: Docker passes on what the
    /// swarm's store says.
    pub(crate) fn refused(status: u16, message: String) -> Self {
        let reason = if message.contains("out of sequence") {
            Reason::Conflict
        } else {
            match status {
                404 => Reason::NotFound,
                401 | 403 => Reason::Forbidden,
                409 => Reason::Conflict,
                500.. => Reason::Unavailable,
                _ => Reason::Other,
            }
        };
        Self { reason, message }
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self.reason {
            Reason::Config => Class::User,
            Reason::Forbidden => Class::Forbidden,
            Reason::NotFound => Class::NotFound,
            Reason::Conflict => Class::Conflict,
            Reason::Unavailable => Class::Unavailable,
            Reason::Other => Class::Internal,
        }
    }
}
