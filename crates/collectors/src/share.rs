//! One request for one question, however many collectors ask it.
//!
//! Who asks while a request is under way waits for its answer; who asks soon after gets the last one. Collectors with
//! the same question and interval are run at about the same moment, so that "soon" is most of their interval.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;

use crate::collector::CollectError;

/// The answer, and when it came, on the monotonic clock.
type Answer = (Result<Arc<dyn Any + Send + Sync>, CollectError>, Duration);

/// A question is forgotten after it was not asked for so many intervals.
const FORGOTTEN_AFTER: u32 = 3;
/// How often to look for questions to forget.
const SWEEP: Duration = Duration::from_secs(30);
/// An answer is told to all who ask within this time after it came, however long it took: who asks together gets the
/// same answer. An error is told no longer, since trying again may help.
const TOGETHER: Duration = Duration::from_millis(500);
/// More questions than this are not shared.
const MOST_QUESTIONS: usize = 100_000;

/// What is asked, of whom, how often.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Address and identity of the server.
    pub server: String,
    /// The question itself.
    pub text: String,
    /// How often it is asked.
    pub interval: Duration,
}

/// What was asked lately.
pub struct Share {
    clock: SharedClock,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    entries: HashMap<(Question, TypeId), Entry>,
    swept: Duration,
}

struct Entry {
    answer: Shared<BoxFuture<'static, Answer>>,
    /// When the request started, and when somebody wanted it last; on the monotonic clock.
    started: Duration,
    wanted: Duration,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share")
            .field("questions", &self.len())
            .finish_non_exhaustive()
    }
}

impl Share {
    /// Nothing was asked yet.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            asked: Mutex::default(),
        }
    }

    /// The answer to a question: that of a request under way, or of the last one if it started less than nine tenths of
    /// the interval ago, or else of `request`. Keep answers small, they are remembered.
    ///
    /// # Errors
    /// The request's, told to all who wait for it.
    pub async fn ask<T, F>(&self, question: Question, request: F) -> Result<Arc<T>, CollectError>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T, CollectError>> + Send + 'static,
    {
        let clock = Arc::clone(&self.clock);
        let answer = self.answer(question, TypeId::of::<T>(), || {
            async move {
                let answer = request.await;
                let answer = answer.map(|answer| Arc::new(answer) as Arc<dyn Any + Send + Sync>);
                (answer, clock.monotonic())
            }
            .boxed()
        });
        answer.await.0?.downcast().map_err(|_| {
            // The type is part of the key.
            CollectError::new("an answer of another type was kept for this question")
        })
    }

    fn answer(
        &self,
        question: Question,
        of: TypeId,
        request: impl FnOnce() -> BoxFuture<'static, Answer>,
    ) -> Shared<BoxFuture<'static, Answer>> {
        let now = self.clock.monotonic();
        let mut asked = self.asked.lock();
        asked.sweep(now);
        let full = asked.entries.len() >= MOST_QUESTIONS;
        let key = (question, of);
        if let Some(entry) = asked.entries.get_mut(&key) {
            entry.wanted = now;
            if entry.serves(key.0.interval, now) {
                return entry.answer.clone();
            }
            entry.answer = request().shared();
            entry.started = now;
            return entry.answer.clone();
        }
        let answer = request().shared();
        if !full {
            let entry = Entry {
                answer: answer.clone(),
                started: now,
                wanted: now,
            };
            asked.entries.insert(key, entry);
        }
        answer
    }

    /// How many questions are remembered.
    pub fn len(&self) -> usize {
        self.asked.lock().entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Entry {
    fn serves(&self, interval: Duration, now: Duration) -> bool {
        let together = |ended: Duration| now.saturating_sub(ended) < TOGETHER.min(interval / 2);
        match self.answer.peek() {
            Some((Ok(_), ended)) => {
                now.saturating_sub(self.started) < interval.mul_f64(0.9) || together(*ended)
            }
            Some((Err(_), ended)) => together(*ended),
            // Under way, unless all who waited went away: then nobody drives it, and its timeout is over.
            None => self.answer.strong_count().is_some_and(|count| count > 1),
        }
    }
}

impl Asked {
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) < SWEEP && self.entries.len() < MOST_QUESTIONS {
            return;
        }
        self.swept = now;
        self.entries.retain(|(question, _), entry| {
            now.saturating_sub(entry.wanted) <= question.interval.saturating_mul(FORGOTTEN_AFTER)
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use capstan_base::VirtualClock;
    use tokio::sync::Notify;

    use super::*;

    fn question(text: &str) -> Question {
        Question {
            server: "http://a".to_owned(),
            text: text.to_owned(),
            interval: Duration::from_secs(10),
        }
    }

    fn share() -> (Arc<VirtualClock>, Share) {
        let clock = VirtualClock::at(0);
        let shared: SharedClock = Arc::<VirtualClock>::clone(&clock);
        (clock, Share::new(shared))
    }

    /// Counts how often it was sent.
    fn counted(
        sent: &Arc<AtomicUsize>,
        answer: Result<usize, CollectError>,
    ) -> impl Future<Output = Result<usize, CollectError>> + Send + 'static {
        let sent = Arc::clone(sent);
        async move {
            sent.fetch_add(1, Ordering::Relaxed);
            answer
        }
    }

    #[tokio::test]
    async fn who_asks_while_a_request_is_under_way_waits_for_it() {
        let (_, share) = share();
        let (go, sent) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let slow = {
            let (go, inner) = (Arc::clone(&go), counted(&sent, Ok(7)));
            async move {
                go.notified().await;
                inner.await
            }
        };
        let one = share.ask(question("x"), slow);
        let two = share.ask(question("x"), counted(&sent, Ok(8)));
        let release = async {
            tokio::task::yield_now().await;
            go.notify_one();
        };
        let (one, two, ()) = tokio::join!(one, two, release);
        assert_eq!((*one.unwrap(), *two.unwrap()), (7, 7));
        assert_eq!(sent.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_answer_serves_for_most_of_the_interval() {
        let (clock, share) = share();
        let sent = Arc::new(AtomicUsize::new(0));
        for (wait, expected) in [(0, 1), (8, 1), (1, 2), (9, 3)] {
            clock.advance(Duration::from_secs(wait));
            let _ = share.ask(question("x"), counted(&sent, Ok(1))).await.unwrap();
            assert_eq!(sent.load(Ordering::Relaxed), expected, "after {wait}s more");
        }
        let _ = share.ask(question("y"), counted(&sent, Ok(1))).await.unwrap();
        assert_eq!(sent.load(Ordering::Relaxed), 4, "another question");
    }

    #[tokio::test]
    async fn an_error_is_shared_but_not_for_long() {
        let (clock, share) = share();
        let sent = Arc::new(AtomicUsize::new(0));
        let fail = || share.ask(question("x"), counted(&sent, Err(CollectError::new("no"))));
        assert_eq!(fail().await.unwrap_err().message, "no");
        clock.advance(TOGETHER / 2);
        assert_eq!(fail().await.unwrap_err().message, "no");
        assert_eq!(sent.load(Ordering::Relaxed), 1);
        clock.advance(TOGETHER / 2);
        let found = share.ask(question("x"), counted(&sent, Ok(5))).await.unwrap();
        assert_eq!((*found, sent.load(Ordering::Relaxed)), (5, 2));
    }

    #[tokio::test]
    async fn a_request_that_nobody_waits_for_any_more_is_not_joined() {
        let (_, share) = share();
        let sent = Arc::new(AtomicUsize::new(0));
        {
            let stuck = share.ask(
                question("x"),
                std::future::pending::<Result<usize, CollectError>>(),
            );
            assert!(futures::poll!(Box::pin(stuck)).is_pending());
        }
        let found = share.ask(question("x"), counted(&sent, Ok(5))).await.unwrap();
        assert_eq!(*found, 5);
    }

    #[tokio::test]
    async fn what_is_not_asked_any_more_is_forgotten() {
        let (clock, share) = share();
        let sent = Arc::new(AtomicUsize::new(0));
        for number in 0..100 {
            let _ = share
                .ask(question(&number.to_string()), counted(&sent, Ok(1)))
                .await
                .unwrap();
        }
        assert_eq!(share.len(), 100);
        clock.advance(SWEEP + Duration::from_secs(1));
        let _ = share.ask(question("new"), counted(&sent, Ok(1))).await.unwrap();
        assert_eq!(share.len(), 1);
    }
}
