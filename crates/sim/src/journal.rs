//! What happened in a run, in order.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use capstan_alert::Event;
use capstan_flow::NodeId;
use capstan_flow::ports::{LogLevel, PostRequest, WriteRequest};
use capstan_hpa::record::Record;
use capstan_model::{Tags, Value};
use parking_lot::Mutex;

use crate::moment::duration_text;

/// A point that a node gave, alone or within a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Measurement.
    pub name: Arc<str>,
    pub tags: Tags,
    /// Fields by name.
    pub fields: Vec<(Arc<str>, Value)>,
    /// Nanoseconds since the Unix epoch.
    pub time: i64,
    /// The end of the batch it is part of.
    pub batch: Option<i64>,
}

impl Row {
    /// Measurement and tags: `cpu,host=a`.
    pub fn key(&self) -> String {
        let mut text = self.name.to_string();
        for (key, value) in self.tags.iter() {
            // Writing to a String cannot fail.
            let _ = write!(text, ",{key}={value}");
        }
        text
    }

    /// Fields as line protocol writes them, separated by commas: `mean=1.5,n=3i`.
    pub fn values(&self) -> String {
        let value = |(name, value): &(Arc<str>, Value)| format!("{name}={}", value_text(value));
        self.fields.iter().map(value).collect::<Vec<_>>().join(",")
    }
}

/// A value as line protocol writes it; durations in Go's form.
pub fn value_text(value: &Value) -> String {
    match value {
        Value::Float(value) => value.to_string(),
        Value::Int(value) => format!("{value}i"),
        Value::Bool(value) => value.to_string(),
        Value::Str(value) => format!("{value:?}"),
        Value::Duration(nanos) => duration_text(*nanos),
        Value::Null => "null".to_owned(),
    }
}

/// One thing that happened, or would have happened in a server.
#[derive(Debug, Clone)]
pub enum Happened {
    /// A node gave a point, or a point of a batch.
    Point(Row),
    /// A node gave a batch without points; the time is its end.
    EmptyBatch { name: Arc<str>, end: i64 },
    /// An alert node made an event.
    Alert(Box<Event>),
    /// A number of replicas was decided that changes something.
    Scale(Box<Record>),
    /// A number of replicas was decided that changes nothing, because a limit or a cooldown holds.
    Hold(Box<Record>),
    /// Points went to InfluxDB.
    Write(Arc<WriteRequest>),
    /// A request went to a web server.
    Post(Box<PostRequest>),
    /// A `log` node wrote a line.
    Log { level: LogLevel, text: String },
    /// A node refused a point; equal errors within a second are one entry.
    Error { message: String, error: String },
}

/// An entry of the journal.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Id of the task; empty where a port is not told.
    pub task: Arc<str>,
    /// Name of the node; empty where a port is not told.
    pub node: Arc<str>,
    /// The clock when it happened.
    pub clock: i64,
    pub what: Happened,
}

impl Entry {
    /// The time it belongs to: that of the data where there is one, else the clock's.
    pub fn time(&self) -> i64 {
        match &self.what {
            Happened::Point(row) => row.time,
            Happened::EmptyBatch { end, .. } => *end,
            Happened::Alert(event) => event.state.time,
            Happened::Scale(record) | Happened::Hold(record) => {
                i64::try_from(record.time.as_nanosecond()).unwrap_or(self.clock)
            }
            Happened::Write(_) | Happened::Post(_) | Happened::Log { .. } | Happened::Error { .. } => {
                self.clock
            }
        }
    }
}

/// Names of nodes.
type Names = BTreeMap<NodeId, Arc<str>>;

/// The notes of a run. Shared by everything that notes something.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Mutex<Vec<Entry>>,
    /// Names of the nodes whose points are noted, by task.
    watched: Mutex<BTreeMap<Arc<str>, Names>>,
}

impl Journal {
    /// Adds an entry.
    pub fn note(&self, entry: Entry) {
        self.entries.lock().push(entry);
    }

    /// What was noted since the last call.
    pub fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries.lock())
    }

    /// How many entries wait to be taken.
    pub fn len(&self) -> usize {
        self.entries.lock().len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.lock().is_empty()
    }

    /// From now on notes the points that a node of a task gives.
    pub fn watch(&self, task: &Arc<str>, node: NodeId, name: impl Into<Arc<str>>) {
        let mut watched = self.watched.lock();
        watched
            .entry(Arc::clone(task))
            .or_default()
            .insert(node, name.into());
    }

    /// The node's name if its points are noted.
    pub(crate) fn watched(&self, task: &str, node: NodeId) -> Option<Arc<str>> {
        let watched = self.watched.lock();
        watched.get(task)?.get(&node).cloned()
    }
}
