//! A web server that answers as a case says and keeps what it was sent. No socket is involved.

use std::collections::BTreeMap;
use std::time::Duration;

use capstan_flow::ports::{HttpPost, PostAnswer, PostEndpoint, PostRequest, PostSink};
use parking_lot::Mutex;

/// Where scripts find it.
pub const URL: &str = "http://server.test";

/// Answers at once; the delay only decides whether a request times out.
#[derive(Debug)]
pub struct FakePost {
    endpoints: BTreeMap<String, PostEndpoint>,
    statuses: Vec<u16>,
    status: u16,
    delay: Duration,
    requests: Mutex<Vec<PostRequest>>,
}

impl FakePost {
    /// A server that answers the first requests with `statuses` and later ones with `status`.
    pub fn new(
        endpoints: BTreeMap<String, PostEndpoint>,
        statuses: Vec<u16>,
        status: u16,
        delay: Duration,
    ) -> Self {
        Self {
            endpoints,
            statuses,
            status,
            delay,
            requests: Mutex::default(),
        }
    }

    /// The requests in order.
    pub fn requests(&self) -> Vec<PostRequest> {
        self.requests.lock().clone()
    }
}

impl HttpPost for FakePost {
    fn endpoint(&self, name: &str) -> Option<PostEndpoint> {
        self.endpoints.get(name).cloned()
    }

    fn post(&self, request: PostRequest, sink: PostSink) {
        let late = request.timeout.is_some_and(|timeout| timeout < self.delay);
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
