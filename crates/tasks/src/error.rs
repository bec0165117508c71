//! Why a task could not be made, changed or started. The texts are Kapacitor's, because clients show them (H-40 to H-50).

use capstan_base::{Class, Classify};
use capstan_gocompat::strconv::quote;
use thiserror::Error as ThisError;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Error {
    /// The id has other characters than [allowed](crate::NewTask::id).
    #[error("task ID must contain only letters, numbers, '-', '.' and '_'. {}", quote(.0))]
    InvalidId(String),
    /// The id is taken.
    #[error("task {0} already exists")]
    Exists(String),
    /// No script was given.
    #[error("must provide TICKscript")]
    NoScript,
    /// The script is not valid, or not with these variables.
    #[error("invalid TICKscript: {0}")]
    Script(String),
    /// The script names neither `stream` nor `batch`.
    #[error("invalid task type: invalid")]
    NoType,
    /// Neither script nor request names a database.
    #[error("must specify dbrp")]
    NoDbrp,
    /// Both do, when creating.
    #[error("cannot specify dbrp in both implicitly and explicitly")]
    BothDbrps,
    /// Both do, when changing.
    #[error("cannot specify dbrp in implicitly and explicitly")]
    BothDbrpsInUpdate,
    /// The template does not exist.
    #[error("unknown template {0}: err: no template exists")]
    UnknownTemplate(String),
    /// The task to read does not exist.
    #[error("no task exists")]
    NotFound,
    /// The task to change does not exist.
    #[error("task does not exist, cannot update")]
    NothingToUpdate,
    /// The new id is taken.
    #[error("failed to create new task during ID change: object already exists")]
    NewIdTaken,
    /// The pattern of a list is malformed.
    #[error("failed to list tasks with pattern {}: {reason}", quote(.pattern))]
    Pattern { pattern: String, reason: String },
    /// A node refused to start. The task stays stored and enabled (H-41, H-46).
    #[error("{0}")]
    Start(String),
    /// The store does not answer or could not keep it; nothing has changed.
    #[error("{0}")]
    Store(String),
    /// What is stored cannot be read.
    #[error("invalid task stored in db: {0}")]
    Stored(String),
    /// A file of the load directory cannot be used.
    #[error("failed to load file {path}: {reason}")]
    Load { path: String, reason: String },
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::InvalidId(_)
            | Self::Exists(_)
            | Self::NoScript
            | Self::Script(_)
            | Self::NoType
            | Self::NoDbrp
            | Self::BothDbrps
            | Self::BothDbrpsInUpdate
            | Self::UnknownTemplate(_)
            | Self::Pattern { .. }
            | Self::Load { .. } => Class::User,
            Self::NotFound | Self::NothingToUpdate => Class::NotFound,
            Self::NewIdTaken => Class::Conflict,
            Self::Start(_) | Self::Store(_) | Self::Stored(_) => Class::Internal,
        }
    }
}

impl From<capstan_store::Error> for Error {
    fn from(error: capstan_store::Error) -> Self {
        Self::Store(error.to_string())
    }
}
