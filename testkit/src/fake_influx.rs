//! An InfluxDB that takes everything, keeps it for the comparison and has no data.

use std::sync::Arc;

use capstan_flow::ports::{
    InfluxQuery, InfluxWrite, QueryRequest, QueryResults, QuerySink, WriteRequest, WriteSink,
};
use parking_lot::Mutex;

/// Answers at once.
#[derive(Debug, Default)]
pub struct FakeInflux {
    writes: Mutex<Vec<Arc<WriteRequest>>>,
    queries: Mutex<Vec<String>>,
}

impl FakeInflux {
    /// The writes in order.
    pub fn writes(&self) -> Vec<Arc<WriteRequest>> {
        self.writes.lock().clone()
    }

    /// The statements and queries in order.
    pub fn queries(&self) -> Vec<String> {
        self.queries.lock().clone()
    }
}

impl InfluxQuery for FakeInflux {
    fn check(&self, _cluster: &str) -> Result<(), String> {
        Ok(())
    }

    fn query(&self, _cluster: &str, request: QueryRequest, sink: QuerySink) {
        let (QueryRequest::InfluxQl { command } | QueryRequest::Flux { query: command, .. }) = request;
        self.queries.lock().push(command);
        sink(Ok(QueryResults::default()));
    }
}

impl InfluxWrite for FakeInflux {
    fn check(&self, _cluster: &str) -> Result<(), String> {
        Ok(())
    }

    fn write(&self, _cluster: &str, request: Arc<WriteRequest>, sink: WriteSink) {
        self.writes.lock().push(request);
        sink(Ok(()));
    }

    fn execute(&self, _cluster: &str, command: String, sink: WriteSink<String>) {
        self.queries.lock().push(command);
        sink(Ok(()));
    }
}
