//! The place where a sync leaves its requests and finds its answers.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::{Answer, Given, Request};
use crate::api_error::ApiError;

/// Shared by a sync and what drives it; they never run at the same time.
#[derive(Clone)]
pub(super) struct Port(Arc<Mutex<Slot>>);

struct Slot {
    request: Option<Request>,
    answer: Option<Answer>,
    now: Timestamp,
    given: Option<Vec<Given>>,
}

impl Port {
    pub(super) fn new(now: Timestamp, keep: bool) -> Self {
        Self(Arc::new(Mutex::new(Slot {
            request: None,
            answer: None,
            now,
            given: keep.then(Vec::new),
        })))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.lock().now
    }

    /// Asks, and waits until the driver has answered.
    pub(super) async fn ask(&self, request: Request) -> Answer {
        self.0.lock().request = Some(request);
        let answer = poll_fn(|_| {
            let answer = self.0.lock().answer.take();
            answer.map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        self.keep(|| answer.clone());
        answer
    }

    fn keep(&self, answer: impl FnOnce() -> Answer) {
        let mut slot = self.0.lock();
        let time = slot.now;
        if let Some(given) = &mut slot.given {
            given.push(Given {
                answer: answer(),
                time,
            });
        }
    }

    /// Puts a shorter form of the last answer into the record.
    pub(super) fn shorten(&self, answer: impl FnOnce() -> Answer) {
        if let Some(last) = self.0.lock().given.as_mut().and_then(|given| given.last_mut()) {
            last.answer = answer();
        }
    }

    pub(super) fn answer(&self, answer: Answer, now: Timestamp) {
        let mut slot = self.0.lock();
        slot.answer = Some(answer);
        slot.now = now;
    }

    pub(super) fn take_request(&self) -> Request {
        // A sync only ever waits in `ask`, which leaves a request.
        self.0.lock().request.take().unwrap_or(Request::Wait { nanos: 0 })
    }

    pub(super) fn take_given(&self) -> Option<Vec<Given>> {
        self.0.lock().given.take()
    }
}

impl Answer {
    /// The body of a successful answer; `Done` and `Withheld` have none.
    pub(super) fn into_result(self, verb: &str, subject: &str) -> Result<serde_json::Value, ApiError> {
        match self {
            Self::Done | Self::Withheld => Ok(serde_json::Value::Null),
            Self::Object(body) => Ok(body),
            Self::Http { code, body } if (200..300).contains(&code) => {
                serde_json::from_str(&body).map_err(|error| ApiError::text(error.to_string()))
            }
            Self::Http { code, body } => Err(ApiError::of_response(code, &body, verb, subject)),
            Self::Failed(error) => Err(error),
            other => Err(other.misplaced()),
        }
    }

    /// The error for an answer of the wrong kind: a mistake of the driver.
    pub(super) fn misplaced(&self) -> ApiError {
        ApiError::text(format!("the answer does not fit the request: {self:?}"))
    }
}
