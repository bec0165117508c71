//! Why a body was refused as a whole. Lines that are wrong are not errors; see [`crate::WriteOutcome`].

use capstan_base::{Class, Classify};

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kapacitor's text.
    #[error("database is required")]
    DatabaseRequired,
    /// An unknown precision (H-20 FIX: Kapacitor takes it for nanoseconds).
    #[error("invalid precision {0:?} (use n, u, ms, s, m or h)")]
    Precision(String),
    /// An encoding that is neither gzip nor none.
    #[error("unsupported content encoding {0:?} (use gzip or identity)")]
    Encoding(String),
    /// The body is larger than is taken.
    #[error("request body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The body would be larger than is taken once decompressed.
    #[error("decompressed request body is larger than {limit} bytes")]
    DecompressedTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The body is not gzip.
    #[error("cannot decompress request body: {0}")]
    Gzip(std::io::Error),
    /// More databases and retention policies than are kept apart.
    #[error("more than {limit} databases and retention policies are written to")]
    TooManyDatabases {
        /// The limit.
        limit: usize,
    },
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::DatabaseRequired | Self::Precision(_) | Self::Encoding(_) | Self::Gzip(_) => Class::User,
            Self::BodyTooLarge { .. } | Self::DecompressedTooLarge { .. } | Self::TooManyDatabases { .. } => {
                Class::TooLarge
            }
        }
    }
}
