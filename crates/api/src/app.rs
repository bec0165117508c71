//! What the handlers share.

use std::fmt;
use std::sync::Arc;

use capstan_ingest::Ingest;
use capstan_tasks::Tasks;

/// Who the server says it is (S-82, H-27).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    pub cluster_id: String,
    pub server_id: String,
    /// `hostname` of the configuration.
    pub host: String,
}

/// Sets the log level by name, or says why it cannot.
pub type SetLogLevel = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// The services behind the API.
#[derive(Clone)]
pub struct App {
    pub tasks: Arc<Tasks>,
    pub ingest: Arc<Ingest>,
    pub identity: Identity,
    pub set_log_level: SetLogLevel,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}
