//! The machine around a sync: requests out, answers in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;

use super::port::Port;
use super::{Answer, Given, Outcome, Request, Syncing};
use crate::autoscaling::HorizontalPodAutoscaler;
use crate::memory::Memory;
use crate::options::Options;
use crate::record::Inputs;

/// What a sync begins with.
#[derive(Debug, Clone)]
pub struct Start {
    /// The HPA as the API server has it, defaulted.
    pub hpa: Arc<HorizontalPodAutoscaler>,
    /// What is remembered of it.
    pub memory: Memory,
    /// The controller's settings.
    pub options: Arc<Options>,
    /// Whether the record carries what it was made from, for [`replay`].
    pub keep_inputs: bool,
}

/// Where a sync stands.
#[derive(Debug)]
pub enum Progress {
    /// It wants something.
    Request(Request, Sync),
    /// It is over.
    Done(Box<Outcome>),
}

/// A sync that waits for an answer.
pub struct Sync {
    work: Pin<Box<dyn Future<Output = Outcome> + Send>>,
    port: Port,
}

impl fmt::Debug for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sync").finish_non_exhaustive()
    }
}

impl Sync {
    /// Begins a sync and says what it wants first.
    pub fn start(start: Start, now: Timestamp) -> Progress {
        let port = Port::new(now, start.keep_inputs);
        let work = Box::pin(Syncing::new(start, port.clone()).run());
        Self { work, port }.advance()
    }

    /// Goes on with the answer to the last request.
    pub fn resume(self, answer: Answer, now: Timestamp) -> Progress {
        self.port.answer(answer, now);
        self.advance()
    }

    fn advance(mut self) -> Progress {
        match self.work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Progress::Done(Box::new(outcome)),
            Poll::Pending => {
                let request = self.port.take_request();
                Progress::Request(request, self)
            }
        }
    }
}

/// Runs a sync with a function that answers at once and says what time it is then.
pub fn run(start: Start, now: Timestamp, mut answer: impl FnMut(Request) -> (Answer, Timestamp)) -> Outcome {
    let mut progress = Sync::start(start, now);
    loop {
        match progress {
            Progress::Request(request, sync) => {
                let (answer, now) = answer(request);
                progress = sync.resume(answer, now);
            }
            Progress::Done(outcome) => return *outcome,
        }
    }
}

/// Runs a recorded sync again, from what it was given then. `None` if the record does not hold enough answers, that
/// is, if this code asks for something that the recorded sync did not.
pub fn replay(inputs: &Inputs) -> Option<Outcome> {
    let start = Start {
        hpa: inputs.hpa.clone(),
        memory: inputs.memory.clone(),
        options: inputs.options.clone(),
        keep_inputs: true,
    };
    let mut given = inputs.answers.iter();
    let mut progress = Sync::start(start, inputs.time);
    loop {
        match progress {
            Progress::Request(_, sync) => {
                let Given { answer, time } = given.next()?;
                progress = sync.resume(answer.clone(), *time);
            }
            Progress::Done(outcome) => return Some(*outcome),
        }
    }
}
