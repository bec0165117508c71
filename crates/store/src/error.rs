//! What can go wrong with the store.

use std::path::PathBuf;

use capstan_base::{Class, Classify};

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the file (S-86).
    #[error("store {} is in use by another process; stop it or choose another data_dir", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else, for example Kapacitor's own BoltDB.
    #[error("{} is not a Capstan store (Kapacitor's own database is another format); move it away or set [storage] boltdb to another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer release wrote the file.
    #[error("store {} was written by a newer release (schema {found}, this one knows {known})", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u64,
        /// The newest one we know.
        known: u64,
    },
    /// Reading or writing failed: disk full, no permission, broken disk.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried, as in "cannot write".
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is damaged.
    #[error("store {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A stored record cannot be understood.
    #[error("stored {namespace} {key:?} cannot be read: {reason}")]
    Malformed {
        /// Which table.
        namespace: &'static str,
        /// Which record.
        key: String,
        /// Why not.
        reason: String,
    },
    /// A value is larger than the store takes.
    #[error("{namespace} {key:?} is too large to store: {bytes} bytes, at most {limit}")]
    TooLarge {
        /// Which table.
        namespace: &'static str,
        /// Which record.
        key: String,
        /// Its size.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// A transaction was given up by the caller; nothing was written.
    #[error("{0}")]
    Aborted(String),
    /// A defect of ours.
    #[error("store: {0}")]
    Internal(String),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Locked { .. } => Class::Conflict,
            Self::Foreign { .. } | Self::TooNew { .. } => Class::User,
            Self::Io { .. } => Class::Unavailable,
            Self::TooLarge { .. } => Class::TooLarge,
            Self::Aborted(_) => Class::Conflict,
            Self::Damaged { .. } | Self::Malformed { .. } | Self::Internal(_) => Class::Internal,
        }
    }
}
