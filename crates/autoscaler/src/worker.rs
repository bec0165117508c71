//! A worker: its share of the HPAs, each when it is due. One that waits for an answer holds nobody up.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use capstan_runtime::Shutdown;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use crate::controller::Shared;
use crate::look::{Look, Looked, State};
use crate::queue::Queue;
use crate::subject::{Key, Subject};

/// Looks in a row before others get their turn on the thread.
const TURN: usize = 32;

/// Looks of one worker that may wait for answers at the same time.
const AT_ONCE: usize = 256;

/// A change of an HPA.
#[derive(Debug)]
pub(crate) enum Change {
    /// It is there, or is another one now.
    Set {
        /// The object.
        subject: Box<Subject>,
        /// It was there when we came: looks at those are spread over a tenth of the period.
        listed: bool,
    },
    /// It is gone, or no longer ours.
    Gone(Key),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    changes: mpsc::Receiver<Change>,
    queue: Queue,
    entries: HashMap<Key, Entry>,
    looks: FuturesUnordered<BoxFuture<'static, Looked>>,
}

/// What is known of one HPA. It outlives the object until its next look: one that is deleted and made anew within a
/// period keeps its memory, as upstream's does.
#[derive(Debug)]
struct Entry {
    subject: Option<Arc<Subject>>,
    state: Place,
}

/// Where an HPA's state is.
#[derive(Debug)]
enum Place {
    /// Here.
    Here(State),
    /// With a look. `due`: the next one was due before that ended, and comes right after it.
    Away { due: Option<Duration> },
}

impl Entry {
    /// Goes on from another state of the object, unless it is an older one.
    fn set(&mut self, subject: Arc<Subject>) {
        let is_news = self.subject.as_deref().is_none_or(|old| !subject.is_older(old));
        if is_news {
            self.subject = Some(subject);
        }
    }
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, changes: mpsc::Receiver<Change>) -> Self {
        Self {
            shared,
            changes,
            queue: Queue::default(),
            entries: HashMap::new(),
            looks: FuturesUnordered::new(),
        }
    }

    fn now(&self) -> Duration {
        self.shared.world.clock.monotonic()
    }

    /// Works until it is told to stop; looks under way are finished.
    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let mut raised = pin!(shutdown.raised());
        let mut turn = 0;
        loop {
            while let Ok(change) = self.changes.try_recv() {
                self.apply(change);
            }
            if shutdown.is_raised() {
                break;
            }
            let now = self.now();
            let has_room = self.looks.len() < AT_ONCE;
            if has_room && let Some((key, due)) = self.queue.pop(now) {
                self.begin(&key, due);
                // Most looks find everything in memory and are over at once.
                while let Some(Some(looked)) = self.looks.next().now_or_never() {
                    self.end(looked);
                }
                turn += 1;
                if turn % TURN == 0 {
                    tokio::task::yield_now().await;
                }
                continue;
            }
            let next = self.queue.next_due().filter(|_| has_room);
            let wait = async {
                match next {
                    Some(due) => capstan_runtime::sleep(due.saturating_sub(now)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(looked) = self.looks.next() => self.end(looked),
                change = self.changes.recv() => match change {
                    Some(change) => self.apply(change),
                    None => break,
                },
                () = wait => {}
                () = &mut raised => break,
            }
        }
        while let Some(looked) = self.looks.next().await {
            self.end(looked);
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Set { subject, listed } => {
                let key = subject.key.clone();
                let mut due = self.now() + subject.period;
                if listed {
                    due += spread(&key, subject.period);
                }
                let entry = self.entries.entry(key.clone()).or_insert_with(|| Entry {
                    subject: None,
                    state: Place::Here(State::default()),
                });
                if entry.subject.is_none() {
                    self.shared.stats.added();
                }
                entry.set(Arc::from(subject));
                self.queue.add(&key, due);
            }
            Change::Gone(key) => {
                if let Some(entry) = self.entries.get_mut(&key)
                    && entry.subject.take().is_some()
                {
                    self.shared.stats.removed(&key);
                }
                self.shared.world.selectors.remove(&key);
                self.shared.comparisons.forget(&key);
            }
        }
    }

    /// Begins a look at an HPA that was due at `due`.
    fn begin(&mut self, key: &Key, due: Duration) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let state = match &mut entry.state {
            Place::Here(state) => std::mem::take(state),
            Place::Away { due: next } => {
                *next = Some(due);
                return;
            }
        };
        let Some(subject) = entry.subject.clone() else {
            self.entries.remove(key);
            return;
        };
        entry.state = Place::Away { due: None };
        let look = Look {
            shared: Arc::clone(&self.shared),
            subject,
            state,
            due,
        };
        self.looks.push(look.run().boxed());
    }

    /// Takes up what came of a look.
    fn end(&mut self, looked: Looked) {
        let Looked {
            key,
            period,
            state,
            written,
        } = looked;
        let now = self.now();
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let place = std::mem::replace(&mut entry.state, Place::Here(state));
        // In case the watch is late. One that is gone meanwhile stays gone.
        if let Some(written) = written
            && entry.subject.is_some()
        {
            entry.set(written);
        }
        let missed = match place {
            Place::Away { due } => due,
            Place::Here(_) => None,
        };
        self.queue.add(&key, missed.unwrap_or(now + period));
    }
}

fn spread(key: &Key, period: Duration) -> Duration {
    period / 10 * key.shard(1024) as u32 / 1024
}
