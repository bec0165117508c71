//! Servers and how to talk to them.

use std::path::PathBuf;

/// A section `[[swarm]]` (S-37).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What scripts name it by; nothing to do with the id that Swarm gave it.
    pub id: String,
    /// Managers of the swarm: `http://`, `https://`, `tcp://host:port`, `unix:///path`. `tcp` means `https` when a
    /// certificate or an authority is given, as for Docker's own client.
    pub servers: Vec<String>,
    /// File of the authority that signed the servers' certificates, in PEM; none: those the system trusts.
    pub ssl_ca: Option<PathBuf>,
    /// Certificate and key that we show, in PEM.
    pub ssl_cert: Option<(PathBuf, PathBuf)>,
    /// Trusts any certificate.
    pub insecure_skip_verify: bool,
}
