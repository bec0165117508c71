//! Why a task does not start, and why it ends.

use capstan_base::{Class, Classify};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    /// The node that refused.
    pub node: String,
    /// Kapacitor's text.
    pub message: String,
}

impl Classify for StartError {
    fn class(&self) -> Class {
        Class::User
    }
}

/// Why a task ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// A node could not go on (N-17).
    #[error("{node}: {message}")]
    Node { node: String, message: String },
    /// A defect of ours, caught (N-18).
    #[error("{node}: panicked: {message}")]
    Panic { node: String, message: String },
    /// Answers from the world came faster than they were handled.
    #[error("too many answers wait for the task")]
    Overflow,
    /// The task is over: it was finished or ended with an earlier error.
    #[error("the task is not running")]
    NotRunning,
}

impl Classify for TaskError {
    fn class(&self) -> Class {
        match self {
            Self::Panic { .. } => Class::Internal,
            Self::Overflow => Class::Unavailable,
            Self::Node { .. } | Self::NotRunning => Class::User,
        }
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "no message".to_owned()
    }
}
