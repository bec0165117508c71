//! An InfluxDB that takes everything, keeps it and has no data.

use std::sync::Arc;

use capstan_base::{Clock as _, VirtualClock};
use capstan_flow::ports::{
    InfluxQuery, InfluxWrite, QueryRequest, QueryResults, QuerySink, WriteRequest, WriteSink,
};
use parking_lot::Mutex;

use crate::journal::{Entry, Happened, Journal};

/// Answers at once.
#[derive(Debug)]
pub struct InfluxTaker {
    journal: Arc<Journal>,
    clock: Arc<VirtualClock>,
    writes: Mutex<Vec<Arc<WriteRequest>>>,
    queries: Mutex<Vec<String>>,
}

impl InfluxTaker {
    pub(super) fn new(journal: Arc<Journal>, clock: Arc<VirtualClock>) -> Self {
        Self {
            journal,
            clock,
            writes: Mutex::default(),
            queries: Mutex::default(),
        }
    }

    /// The writes in order.
    pub fn writes(&self) -> Vec<Arc<WriteRequest>> {
        self.writes.lock().clone()
    }

    /// The statements and queries in order.
    pub fn queries(&self) -> Vec<String> {
        self.queries.lock().clone()
    }
}

impl InfluxQuery for InfluxTaker {
    fn check(&self, _cluster: &str) -> Result<(), String> {
        Ok(())
    }

    fn query(&self, _cluster: &str, request: QueryRequest, sink: QuerySink) {
        let (QueryRequest::InfluxQl { command } | QueryRequest::Flux { query: command, .. }) = request;
        self.queries.lock().push(command);
        sink(Ok(QueryResults::default()));
    }
}

impl InfluxWrite for InfluxTaker {
    fn check(&self, _cluster: &str) -> Result<(), String> {
        Ok(())
    }

    fn write(&self, _cluster: &str, request: Arc<WriteRequest>, sink: WriteSink) {
        self.writes.lock().push(Arc::clone(&request));
        self.journal.note(Entry {
            task: Arc::from(""),
            node: Arc::from(""),
            clock: self.clock.now_nanos(),
            what: Happened::Write(request),
        });
        sink(Ok(()));
    }

    fn execute(&self, _cluster: &str, command: String, sink: WriteSink<String>) {
        self.queries.lock().push(command);
        sink(Ok(()));
    }
}
