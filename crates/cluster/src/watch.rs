//! Following a kind's changes.

use std::collections::VecDeque;
use std::sync::Arc;

use capstan_kubeapi::{Resource, Status, meta};
use serde_json::Value;
use tokio::sync::watch;

use crate::storage::{EventKind, LogEntry, LogRead, Storage};
use crate::views;

/// Changes read from the log at a time.
const READ_AT_ONCE: usize = 256;

/// One change.
#[derive(Debug, Clone)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The object after it; for a deletion its last state, for an error a `Status`.
    pub object: Arc<Value>,
    /// The object before it, when there was one.
    pub previous: Option<Arc<Value>>,
}

/// A reader of a kind's changes. Holds no queue: it reads the table's log, and ends with an error event of code 410
/// if it falls behind what the log still knows.
#[derive(Debug)]
pub struct Watch {
    storage: Arc<Storage>,
    resource: Resource,
    stored: Resource,
    namespace: Option<String>,
    /// Everything up to this version has been read.
    position: u64,
    pending: VecDeque<Event>,
    changed: watch::Receiver<u64>,
    ended: bool,
}

impl Watch {
    pub(crate) fn new(
        storage: Arc<Storage>,
        resource: Resource,
        stored: Resource,
        namespace: Option<&str>,
        position: u64,
        initial: Vec<Arc<Value>>,
    ) -> Self {
        let changed = storage.subscribe(stored);
        let pending = initial
            .into_iter()
            .map(|object| Event {
                kind: EventKind::Added,
                object,
                previous: None,
            })
            .collect();
        Self {
            storage,
            resource,
            stored,
            namespace: namespace.map(str::to_owned),
            position,
            pending,
            changed,
            ended: false,
        }
    }

    /// The next change; waits for it. `None` after an error event, or when the server is gone.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.try_next() {
                return Some(event);
            }
            if self.ended || self.changed.changed().await.is_err() {
                return None;
            }
        }
    }

    /// The next change if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            // Seen before reading, so that a change after the read wakes us.
            self.changed.mark_unchanged();
            match self.storage.read_log(self.stored, self.position, READ_AT_ONCE) {
                LogRead::TooOld(oldest) => {
                    self.ended = true;
                    let status = Status::too_old(self.position, oldest).to_value();
                    return Some(Event {
                        kind: EventKind::Error,
                        object: Arc::new(status),
                        previous: None,
                    });
                }
                LogRead::Entries(entries, upto) => {
                    let more = entries.len() == READ_AT_ONCE;
                    self.position = upto;
                    let events = entries
                        .into_iter()
                        .filter(|e| self.concerns(e))
                        .map(|e| self.event(e));
                    let events: Vec<Event> = events.collect();
                    self.pending.extend(events);
                    if self.pending.is_empty() && !more {
                        return None;
                    }
                }
            }
        }
    }

    /// The version up to which everything has been given out. Only meaningful when [`Watch::try_next`] said `None`.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether objects of the initial list, or changes already read, still wait.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    fn concerns(&self, entry: &LogEntry) -> bool {
        self.namespace
            .as_deref()
            .is_none_or(|namespace| meta::namespace(&entry.object) == namespace)
    }

    fn event(&self, entry: LogEntry) -> Event {
        Event {
            kind: entry.kind,
            object: views::show(self.resource, &entry.object),
            previous: entry
                .previous
                .map(|previous| views::show(self.resource, &previous)),
        }
    }
}
