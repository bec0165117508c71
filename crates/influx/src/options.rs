//! Servers and how to talk to them.

use std::path::PathBuf;
use std::time::Duration;

/// Who we are to the server.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    #[default]
    None,
    /// Basic authentication.
    User { username: String, password: String },
    /// InfluxDB 2's tokens.
    Token(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::User { .. } => "User(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// The servers of one cluster (S-33).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Tried in turn.
    pub urls: Vec<String>,
    pub credentials: Credentials,
    /// How long a request may take; zero is no limit but that of the connection.
    pub timeout: Duration,
    /// Whether written bodies are compressed.
    pub gzip: bool,
    /// File of the authority that signed the servers' certificates, in PEM; none: those the system trusts.
    pub ssl_ca: Option<PathBuf>,
    /// Certificate and key that we show, in PEM.
    pub ssl_cert: Option<(PathBuf, PathBuf)>,
    /// Trusts any certificate.
    pub insecure_skip_verify: bool,
}

impl Options {
    /// Servers without credentials.
    pub fn new<S: Into<String>>(urls: impl IntoIterator<Item = S>) -> Self {
        Self {
            urls: urls.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}
