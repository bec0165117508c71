//! What can go wrong in a measurement.

use std::time::Duration;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server could not be started, or its log did not say where it listens.
    #[error("the server does not start: {0}")]
    Start(String),
    /// What is to be measured could not be set up.
    #[error("setting up: {0}")]
    Setup(String),
    /// The API refused a request.
    #[error(transparent)]
    Api(#[from] capstan_client::Error),
    /// A connection broke.
    #[error("writing to {url}: {reason}")]
    Write { url: String, reason: String },
    /// A body was not taken.
    #[error("the server answered {status} to a write: {text}")]
    Refused { status: u16, text: String },
    /// Points are missing at the end of the pipeline and nothing moves any more.
    #[error("node {node} collected {collected} of {expected} and then nothing for {patience:?}")]
    Incomplete {
        node: String,
        collected: u64,
        expected: u64,
        patience: Duration,
    },
    /// The task has no such node.
    #[error("the task's statistics have no node {0}")]
    NoNode(String),
    /// What came out is wrong.
    #[error("wrong output: {0}")]
    Output(String),
    /// The system does not tell what a process used.
    #[error("process {pid}: {reason}")]
    Process { pid: u32, reason: String },
}
