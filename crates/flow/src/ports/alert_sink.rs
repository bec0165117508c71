//! Where alert events go.

use std::fmt::Debug;
use std::sync::Arc;

use capstan_alert::{Event, EventState, Global, HandlerSpec, Inhibitors, Service};

/// Takes the events of alert nodes into topics. No call blocks.
pub trait AlertSink: Debug + Send + Sync {
    /// Opens a node's own topic with the handlers of its script. The number is for [`AlertSink::close`].
    ///
    /// # Errors
    /// A handler cannot be made; the text says which.
    fn open(&self, topic: &Arc<str>, handlers: &[HandlerSpec]) -> Result<u64, String>;

    /// The node ended.
    fn close(&self, topic: &str, opening: u64);

    /// A node made an event, whether or not a topic is to take it in; called once, before the topics are told.
    fn made(&self, _task: &str, _node: &str, _event: &Event) {}

    /// Takes in an event.
    ///
    /// # Errors
    /// A handler did not get it.
    fn collect(&self, topic: &Arc<str>, event: &Event) -> Result<(), String>;

    /// The last state of an event id, from this run or an earlier one.
    fn event(&self, topic: &str, id: &str) -> Option<EventState>;

    /// Sets the state of an event id without telling handlers.
    fn update(&self, topic: &Arc<str>, state: EventState);

    /// A task was deleted: forgets the topics of its nodes, which start with `prefix`.
    fn forget(&self, prefix: &str);

    /// Alerts that silence others, of all tasks.
    fn inhibitors(&self) -> &Inhibitors;

    /// Handlers that every alert node has.
    fn globals(&self) -> Vec<Global>;
}

impl AlertSink for Service {
    fn open(&self, topic: &Arc<str>, handlers: &[HandlerSpec]) -> Result<u64, String> {
        Self::open(self, topic, handlers)
    }

    fn close(&self, topic: &str, opening: u64) {
        Self::close(self, topic, opening);
    }

    fn collect(&self, topic: &Arc<str>, event: &Event) -> Result<(), String> {
        Self::collect(self, topic, event)
    }

    fn event(&self, topic: &str, id: &str) -> Option<EventState> {
        Self::event(self, topic, id)
    }

    fn update(&self, topic: &Arc<str>, state: EventState) {
        Self::update(self, topic, state);
    }

    fn forget(&self, prefix: &str) {
        self.delete_all(prefix);
    }

    fn inhibitors(&self) -> &Inhibitors {
        Self::inhibitors(self)
    }

    fn globals(&self) -> Vec<Global> {
        Self::globals(self)
    }
}

/// Templates of dead man's switches (S-32); `NODE_NAME` and `INTERVAL` are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadmanTemplates {
    pub id: String,
    pub message: String,
}

impl Default for DeadmanTemplates {
    fn default() -> Self {
        Self {
            id: "{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'".into(),
            message: "{{ .ID }} is {{ if eq .Level \"OK\" }}alive{{ else }}dead{{ end }}: \
                      {{ index .Fields \"emitted\" | printf \"%0.3f\" }} points/INTERVAL."
                .into(),
        }
    }
}

/// `.ServerInfo` of templates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerInfo {
    pub hostname: Arc<str>,
    pub cluster_id: Arc<str>,
    pub server_id: Arc<str>,
}
