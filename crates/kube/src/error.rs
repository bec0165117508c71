//! What a request to the API server can end in, sorted by what the caller does about it.

use std::fmt;

use capstan_base::{Class, Classify};
use kube::core::Status;

/// The kinds of failure callers treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The object, or its kind, does not exist.
    NotFound,
    /// The account lacks a right.
    Forbidden,
    /// The object changed since it was read.
    Conflict,
    /// No API server answered, or it asked for patience.
    Unavailable,
    /// The configuration cannot work.
    Config,
    /// Anything else.
    Other,
}

/// A failed request, with a message that says what to mend.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub reason: Reason,
    pub message: String,
}

impl Error {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn config(what: &str, error: &dyn fmt::Display) -> Self {
        Self::new(Reason::Config, format!("{what}: {error}"))
    }

    /// The error of a call that was meant to `verb` the `resource` (`replicasets/scale`) in `namespace`.
    pub(crate) fn of_call(error: &kube::Error, verb: &str, resource: &str, namespace: &str) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status, verb, resource, namespace),
            kube::Error::Service(error) => Self::new(Reason::Unavailable, chain(error.as_ref())),
            kube::Error::HyperError(error) => Self::new(Reason::Unavailable, chain(error)),
            kube::Error::Auth(error) => Self::new(Reason::Config, format!("credentials: {}", chain(error))),
            other => Self::new(Reason::Other, chain(other)),
        }
    }

    fn of_status(status: &Status, verb: &str, resource: &str, namespace: &str) -> Self {
        let said = if status.message.is_empty() {
            // N-215
            format!("failed to understand k8s server response: Code: {}", status.code)
        } else {
            status.message.clone()
        };
        match status.code {
            404 => Self::new(Reason::NotFound, said),
            401 => Self::new(
                Reason::Forbidden,
                format!("{said} (the API server does not accept our credentials)"),
            ),
            403 => Self::new(
                Reason::Forbidden,
                format!(
                    "{said} (allow the verb {verb:?} on {resource:?} in namespace {namespace:?} by a Role)"
                ),
            ),
            409 => Self::new(Reason::Conflict, said),
            429 | 503 | 504 => Self::new(Reason::Unavailable, said),
            _ => Self::new(Reason::Other, said),
        }
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self.reason {
            Reason::NotFound => Class::NotFound,
            Reason::Forbidden => Class::Forbidden,
            Reason::Conflict => Class::Conflict,
            Reason::Unavailable => Class::Unavailable,
            Reason::Config => Class::User,
            Reason::Other => Class::Internal,
        }
    }
}

/// The error with its causes; kube's outer texts alone ("ServiceError") say nothing.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
