//! Reading from InfluxDB: what `query` and `queryFlux` ask.

use std::fmt::Debug;
use std::sync::Arc;

use capstan_model::{Tags, Value};

/// One query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryRequest {
    /// InfluxQL, with times in the text.
    InfluxQl {
        /// The statement.
        command: String,
    },
    /// Flux, as the script has it (N-125).
    Flux {
        /// The script's text.
        query: String,
        /// Name of the organisation; empty: the configured one.
        org: String,
        /// Id of the organisation; empty: by name.
        org_id: String,
        /// What `now()` means in the query, in nanoseconds since the Unix epoch.
        now: i64,
    },
}

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct QuerySeries {
    /// Measurement.
    pub name: Arc<str>,
    pub tags: Tags,
    /// Without the time.
    pub columns: Vec<Arc<str>>,
    /// Time, and a value per column; `None` where there is no value.
    pub rows: Vec<(Option<i64>, Vec<Option<Value>>)>,
}

/// What a query gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryResults {
    pub series: Vec<QuerySeries>,
    /// Errors of single statements.
    pub errors: Vec<String>,
}

/// Where the answer goes, once, from any thread.
pub type QuerySink = Box<dyn FnOnce(Result<QueryResults, String>) + Send>;

/// Asks InfluxDB. Every call returns at once.
pub trait InfluxQuery: Debug + Send + Sync {
    /// Whether `cluster` is configured, empty for the default one; the text is the reason why not.
    fn check(&self, cluster: &str) -> Result<(), String>;

    /// Sends a query and gives the answer to `sink`.
    fn query(&self, cluster: &str, request: QueryRequest, sink: QuerySink);
}
