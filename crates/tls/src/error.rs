//! What can go wrong with certificates.

use std::path::PathBuf;

use capstan_base::{Class, Classify};

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{action} {path}: {source}")]
    File {
        /// What was tried, as in "cannot read".
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Text that should hold a certificate or a key does not.
    #[error("not a PEM {what}: {reason}")]
    Pem {
        /// "certificate" or "private key".
        what: &'static str,
        /// What the reader said.
        reason: String,
    },
    /// A certificate's structure is not one we understand.
    #[error("malformed certificate: {0}")]
    Certificate(&'static str),
    /// A certificate and a key do not belong together.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// The certificate could not be made.
    #[error("cannot issue certificate: {0}")]
    Issue(#[from] rcgen::Error),
    /// No authority we asked stands behind a client's certificate.
    #[error("the client's certificate is not accepted: {0}")]
    Untrusted(String),
    /// The TLS library refused the settings.
    #[error("TLS settings: {0}")]
    Settings(String),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::File { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => Class::NotFound,
                std::io::ErrorKind::PermissionDenied => Class::Forbidden,
                _ => Class::Unavailable,
            },
            Self::Pem { .. } | Self::Certificate(_) | Self::Mismatch | Self::Settings(_) => Class::User,
            Self::Untrusted(_) => Class::Forbidden,
            Self::Issue(_) => Class::Internal,
        }
    }
}
