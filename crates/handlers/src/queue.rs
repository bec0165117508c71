//! Waiting events of one handler, and the task that sends them.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use capstan_alert::{Event, Handler};
use tokio::sync::{Notify, mpsc};

use crate::options::Retry;

/// An event in the log of what could not be sent is cut to this length.
const MAX_LOGGED: usize = 4 << 10;

/// Why an event was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) text: String,
    /// Whether trying again may help.
    pub(crate) passing: bool,
}

impl Failure {
    /// Trying again will not help.
    pub(crate) fn lasting(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            passing: false,
        }
    }

    /// Trying again may help.
    pub(crate) fn passing(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            passing: true,
        }
    }
}

pub(crate) type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Sends one event.
pub(crate) trait Send1: Debug + Send + Sync + 'static {
    fn send<'a>(&'a self, event: &'a Event) -> Sending<'a>;
}

/// How many events wait or are being sent, in all handlers.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    count: AtomicUsize,
    none: Notify,
}

impl Pending {
    pub(crate) fn add(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn remove(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.none.notify_waiters();
        }
    }

    /// Completes when nothing waits.
    pub(crate) async fn none(&self) {
        loop {
            let notified = self.none.notified();
            tokio::pin!(notified);
            // Registered before the count is read, so that no notification is missed.
            notified.as_mut().enable();
            if self.count.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }
}

/// The handler as topics see it. Dropping it lets what waits be sent, then ends the task.
#[derive(Debug)]
pub(crate) struct Queue {
    name: Arc<str>,
    sender: mpsc::Sender<Event>,
    pending: Arc<Pending>,
}

impl Queue {
    /// Starts the task; must be called within a runtime.
    pub(crate) fn start(
        name: Arc<str>,
        target: impl Send1,
        length: usize,
        retry: Retry,
        pending: Arc<Pending>,
    ) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Event>(length.max(1));
        let (owner, counted) = (Arc::clone(&name), Arc::clone(&pending));
        // Nobody needs the handle: the task ends with the queue.
        drop(capstan_runtime::spawn("alert handler", async move {
            while let Some(event) = receiver.recv().await {
                deliver(&owner, &target, &event, retry).await;
                counted.remove();
            }
        }));
        Self {
            name,
            sender,
            pending,
        }
    }
}

async fn deliver(name: &str, target: &impl Send1, event: &Event, retry: Retry) {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let Err(failure) = target.send(event).await else {
            return;
        };
        let pause = retry.pause_after(attempt).filter(|_| failure.passing);
        let Some(pause) = pause else {
            let event_text = event.to_json();
            let cut = (0..=MAX_LOGGED.min(event_text.len()))
                .rev()
                .find(|&end| event_text.is_char_boundary(end))
                .unwrap_or(0);
            tracing::error!(
                handler = name,
                id = &*event.state.id,
                attempts = attempt,
                error = failure.text,
                event = &event_text[..cut],
                "alert event could not be sent"
            );
            return;
        };
        tracing::warn!(
            handler = name,
            id = &*event.state.id,
            attempt,
            error = failure.text,
            ?pause,
            "alert event was not sent, trying again"
        );
        capstan_runtime::sleep(pause).await;
    }
}

impl Handler for Queue {
    fn handle(&self, event: &Event) -> Result<(), String> {
        if event.internal {
            return Ok(());
        }
        self.pending.add();
        self.sender.try_send(event.clone()).map_err(|error| {
            self.pending.remove();
            let why = match error {
                mpsc::error::TrySendError::Full(_) => "its queue is full",
                mpsc::error::TrySendError::Closed(_) => "it ended",
            };
            format!(
                "failed to deliver event {:?} to handler {}: {why}",
                event.state.id, self.name
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use capstan_alert::{EventData, EventState, Level};
    use parking_lot::Mutex;

    use super::*;

    fn event(id: &str) -> Event {
        let state = EventState {
            id: id.into(),
            message: "".into(),
            details: "".into(),
            time: 0,
            duration: 0,
            level: Level::Info,
        };
        Event::new(state, Arc::new(EventData::default()))
    }

    /// Fails as often as told, then succeeds.
    #[derive(Debug)]
    struct Flaky {
        failures: Mutex<Vec<Failure>>,
        sent: Arc<Mutex<Vec<String>>>,
    }

    impl Send1 for Flaky {
        fn send<'a>(&'a self, event: &'a Event) -> Sending<'a> {
            Box::pin(async move {
                if let Some(failure) = self.failures.lock().pop() {
                    return Err(failure);
                }
                self.sent.lock().push(event.state.id.to_string());
                Ok(())
            })
        }
    }

    fn queue(failures: Vec<Failure>, length: usize) -> (Queue, Arc<Mutex<Vec<String>>>, Arc<Pending>) {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let target = Flaky {
            failures: Mutex::new(failures),
            sent: Arc::clone(&sent),
        };
        let pending = Arc::new(Pending::default());
        let queue = Queue::start("h".into(), target, length, Retry::default(), Arc::clone(&pending));
        (queue, sent, pending)
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again_in_order_and_the_rest_is_given_up() {
        let failures = vec![
            Failure::lasting("no such address"),
            Failure::passing("refused"),
            Failure::passing("refused"),
        ];
        let (queue, sent, pending) = queue(failures, 10);
        for id in ["a", "b", "c"] {
            assert_eq!(queue.handle(&event(id)), Ok(()));
        }
        pending.none().await;
        assert_eq!(*sent.lock(), ["b", "c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_drops_and_says_so() {
        let (queue, _, pending) = queue(vec![Failure::passing("refused"); 3], 1);
        assert_eq!(queue.handle(&event("a")), Ok(()));
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        capstan_runtime::sleep(Duration::from_millis(1)).await;
        assert_eq!(queue.handle(&event("b")), Ok(()));
        let problem = queue.handle(&event("c")).unwrap_err();
        assert_eq!(
            problem,
            "failed to deliver event \"c\" to handler h: its queue is full"
        );
        drop(queue);
        pending.none().await;
    }
}
