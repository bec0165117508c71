//! Why a cluster does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use capstan_base::{Class, Classify};

/// A failure to start the cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else listens there.
    #[error("port {} of {} is in use; choose another with --bind {}:PORT (0 picks a free one)", .0.port(), .0.ip(), .0.ip())]
    PortInUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Something in the data directory cannot be used.
    #[error("cannot use {path}: {source}")]
    Directory {
        /// What.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] capstan_tls::Error),
    /// An option makes no sense.
    #[error("{0}")]
    Option(String),
    /// The machine refuses something the node agent needs.
    #[error("cannot start the node agent: {0}")]
    Agent(std::io::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::PortInUse(_) => Class::Conflict,
            Self::Listen { source, .. } | Self::Directory { source, .. } => match source.kind() {
                std::io::ErrorKind::PermissionDenied => Class::Forbidden,
                _ => Class::Unavailable,
            },
            Self::Tls(error) => error.class(),
            Self::Option(_) => Class::User,
            Self::Agent(_) => Class::Internal,
        }
    }
}
