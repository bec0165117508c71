//! Answers about one resource on their way from the scaler's threads to the task's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::engine::mailbox::Mailbox;
use crate::ports::{ScaleAnswer, ScaleSink};

/// Tells the node that there is mail for a resource.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived(pub(super) u32);

/// The answers that wait. The node reads them after every request it sends, so that a scaler that answers at once, as
/// in a replay, is heard before the next point.
#[derive(Debug, Default)]
pub(super) struct Mail {
    answers: Mutex<VecDeque<ScaleAnswer>>,
    /// Whether there is anything; read for every point.
    waiting: AtomicBool,
    /// Whether an [`Arrived`] is in the task's mailbox: one at a time, so that the mailbox cannot overflow.
    announced: AtomicBool,
}

impl Mail {
    /// A way into the mail of resource `at`.
    pub(super) fn sink(self: &Arc<Self>, at: u32, mailbox: Mailbox) -> ScaleSink {
        let mail = Arc::clone(self);
        Arc::new(move |answer| {
            mail.put(answer);
            if !mail.announced.swap(true, Ordering::AcqRel) {
                mailbox.post(Arrived(at));
            }
        })
    }

    /// Observations without a write's result in between say the same better the later they are: of each such run the
    /// first and the last are kept. As one write at most is under way, this bounds the queue.
    fn put(&self, answer: ScaleAnswer) {
        let observed = |answer: Option<&ScaleAnswer>| matches!(answer, Some(ScaleAnswer::Observed(_)));
        let mut answers = self.answers.lock();
        let len = answers.len();
        let last_two = len >= 2 && observed(answers.get(len - 1)) && observed(answers.get(len - 2));
        if last_two && observed(Some(&answer)) {
            answers.pop_back();
        }
        answers.push_back(answer);
        self.waiting.store(true, Ordering::Release);
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        !self.waiting.load(Ordering::Acquire)
    }

    pub(super) fn take(&self) -> Option<ScaleAnswer> {
        if self.is_empty() {
            return None;
        }
        let mut answers = self.answers.lock();
        let answer = answers.pop_front();
        self.waiting.store(!answers.is_empty(), Ordering::Release);
        answer
    }

    /// The announcement was received; the next answer makes a new one.
    pub(super) fn heard(&self) {
        self.announced.store(false, Ordering::Release);
    }
}
