//! Topics that keep states and send nothing; events of alert nodes are noted.

use std::collections::HashMap;
use std::sync::Arc;

use capstan_alert::{Event, EventState, Global, HandlerSpec, Inhibitors, Level, Service};
use capstan_base::{Clock as _, VirtualClock};
use capstan_flow::ports::AlertSink;
use parking_lot::Mutex;

use crate::journal::{Entry, Happened, Journal};

/// Task, node and id of an event.
type Source = (Arc<str>, Arc<str>, Arc<str>);

/// Notes events.
#[derive(Debug)]
pub struct AlertNotes {
    topics: Arc<Service>,
    journal: Arc<Journal>,
    clock: Arc<VirtualClock>,
    /// The last level of each event id of a node, which needs no topic to have one.
    levels: Mutex<HashMap<Source, Level>>,
}

impl AlertNotes {
    pub(super) fn new(journal: Arc<Journal>, clock: Arc<VirtualClock>) -> Self {
        Self {
            topics: Service::offline(),
            journal,
            clock,
            levels: Mutex::default(),
        }
    }
}

impl AlertSink for AlertNotes {
    fn made(&self, task: &str, node: &str, event: &Event) {
        let (task, node): (Arc<str>, Arc<str>) = (task.into(), node.into());
        let source = (Arc::clone(&task), Arc::clone(&node), Arc::clone(&event.state.id));
        let mut event = event.clone();
        event.previous = self
            .levels
            .lock()
            .insert(source, event.state.level)
            .unwrap_or_default();
        self.journal.note(Entry {
            task,
            node,
            clock: self.clock.now_nanos(),
            what: Happened::Alert(Box::new(event)),
        });
    }

    fn open(&self, topic: &Arc<str>, handlers: &[HandlerSpec]) -> Result<u64, String> {
        self.topics.open(topic, handlers)
    }

    fn close(&self, topic: &str, opening: u64) {
        self.topics.close(topic, opening);
    }

    fn collect(&self, topic: &Arc<str>, event: &Event) -> Result<(), String> {
        self.topics.collect(topic, event)
    }

    fn event(&self, topic: &str, id: &str) -> Option<EventState> {
        self.topics.event(topic, id)
    }

    fn update(&self, topic: &Arc<str>, state: EventState) {
        self.topics.update(topic, state);
    }

    fn forget(&self, prefix: &str) {
        self.topics.delete_all(prefix);
    }

    fn inhibitors(&self) -> &Inhibitors {
        self.topics.inhibitors()
    }

    fn globals(&self) -> Vec<Global> {
        self.topics.globals()
    }
}
