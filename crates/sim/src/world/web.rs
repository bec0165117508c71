//! A web server that takes every request and keeps it. No socket is involved.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::{Clock as _, VirtualClock};
use capstan_flow::ports::{HttpPost, PostAnswer, PostEndpoint, PostRequest, PostSink};
use parking_lot::Mutex;

use crate::journal::{Entry, Happened, Journal};

/// Answers at once; the delay only decides whether a request times out.
#[derive(Debug)]
pub struct WebServer {
    journal: Arc<Journal>,
    clock: Arc<VirtualClock>,
    endpoints: BTreeMap<String, PostEndpoint>,
    statuses: Vec<u16>,
    status: u16,
    delay: Duration,
    requests: Mutex<Vec<PostRequest>>,
}

impl WebServer {
    /// A server that answers 200 to everything.
    pub(super) fn new(journal: Arc<Journal>, clock: Arc<VirtualClock>) -> Self {
        Self {
            journal,
            clock,
            endpoints: BTreeMap::new(),
            statuses: Vec::new(),
            status: 200,
            delay: Duration::ZERO,
            requests: Mutex::default(),
        }
    }

    /// The same with configured endpoints.
    #[must_use]
    pub fn with_endpoints(mut self, endpoints: BTreeMap<String, PostEndpoint>) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// The same, answering the first requests with `statuses` and later ones with `status`, each after `delay`.
    #[must_use]
    pub fn answering(mut self, statuses: Vec<u16>, status: u16, delay: Duration) -> Self {
        self.statuses = statuses;
        self.status = status;
        self.delay = delay;
        self
    }

    /// The requests in order.
    pub fn requests(&self) -> Vec<PostRequest> {
        self.requests.lock().clone()
    }
}

impl HttpPost for WebServer {
    fn endpoint(&self, name: &str) -> Option<PostEndpoint> {
        self.endpoints.get(name).cloned()
    }

    fn post(&self, request: PostRequest, sink: PostSink) {
        let late = request.timeout.is_some_and(|timeout| timeout < self.delay);
        self.journal.note(Entry {
            task: Arc::from(""),
            node: Arc::from(""),
            clock: self.clock.now_nanos(),
            what: Happened::Post(Box::new(request.clone())),
        });
        let number = {
            let mut requests = self.requests.lock();
            requests.push(request);
            requests.len() - 1
        };
        if late {
            return sink(Err("context deadline exceeded".to_owned()));
        }
        let status = self.statuses.get(number).copied().unwrap_or(self.status);
        sink(Ok(PostAnswer {
            status,
            body: String::new(),
        }));
    }
}
