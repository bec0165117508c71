//! Writing to InfluxDB: what `influxDBOut` sends.

use std::fmt::Debug;
use std::sync::Arc;

/// Points that go to one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteRequest {
    pub database: Arc<str>,
    /// Empty: the database's default.
    pub retention_policy: Arc<str>,
    /// `all`, `any`, `one`, `quorum`; empty: the server's default.
    pub consistency: Arc<str>,
    /// `ns`, `u`, `ms`, `s`, `m`, `h`: the unit of the times in `body`.
    pub precision: Arc<str>,
    /// How many points there are.
    pub points: usize,
    /// Line protocol.
    pub body: String,
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WriteError {
    pub message: String,
    /// Whether the same may work later: the server did not answer, or is overloaded.
    pub again: bool,
}

/// Where the answer goes, once, from any thread.
pub type WriteSink<E = WriteError> = Box<dyn FnOnce(Result<(), E>) + Send>;

/// Writes to InfluxDB. Every call returns at once.
pub trait InfluxWrite: Debug + Send + Sync {
    /// Whether `cluster` is configured, empty for the default one; the text is the reason why not.
    fn check(&self, cluster: &str) -> Result<(), String>;

    /// Writes points.
    fn write(&self, cluster: &str, request: Arc<WriteRequest>, sink: WriteSink);

    /// Runs a statement without a result, `CREATE DATABASE` (N-168).
    fn execute(&self, cluster: &str, command: String, sink: WriteSink<String>);
}
