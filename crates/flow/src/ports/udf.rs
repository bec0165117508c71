//! User defined functions as nodes see them: programs of the user's, behind Kapacitor's agent protocol (T-40, N-101).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use capstan_model::{Dimensions, Tags, Value};

use crate::pipeline::EdgeType;

/// Points that may wait for a function before its task is given no more data.
pub const UDF_QUEUE: usize = 10_000;

/// Types of an option's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdfType {
    Bool,
    Int,
    Double,
    String,
    Duration,
}

/// What a function says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdfInfo {
    pub wants: EdgeType,
    pub provides: EdgeType,
    /// What each option takes, by name.
    pub options: BTreeMap<String, Vec<UdfType>>,
}

/// The configured functions: what each said about itself, or why it said nothing.
#[derive(Debug, Clone, Default)]
pub struct UdfCatalog {
    functions: BTreeMap<Arc<str>, Result<Arc<UdfInfo>, Arc<str>>>,
}

/// A function's name, and what it said about itself or why it said nothing.
pub type Known<'a> = (&'a Arc<str>, Result<&'a Arc<UdfInfo>, &'a str>);

/// A value of an option.
#[derive(Debug, Clone, PartialEq)]
pub enum UdfValue {
    Bool(bool),
    Int(i64),
    Double(f64),
    String(Arc<str>),
    /// Nanoseconds.
    Duration(i64),
}

/// A call of an option.
#[derive(Debug, Clone, PartialEq)]
pub struct UdfOption {
    pub name: Arc<str>,
    pub values: Vec<UdfValue>,
}

/// A function at work for one node.
#[derive(Debug, Clone)]
pub struct UdfRun {
    pub function: Arc<str>,
    pub task: Arc<str>,
    /// The node's name.
    pub node: Arc<str>,
    /// In the order of the script.
    pub options: Vec<UdfOption>,
}

/// A point on its way to or from a function. In a batch only time, tags and fields mean something.
#[derive(Debug, Clone, PartialEq)]
pub struct UdfPoint {
    /// Nanoseconds since the Unix epoch.
    pub time: i64,
    pub name: Arc<str>,
    pub database: Arc<str>,
    pub retention_policy: Arc<str>,
    /// Kapacitor's group id.
    pub group: Arc<str>,
    pub dimensions: Arc<Dimensions>,
    pub tags: Tags,
    pub fields: Vec<(Arc<str>, Value)>,
}

/// A batch on its way to or from a function.
#[derive(Debug, Clone, PartialEq)]
pub struct UdfBatch {
    pub name: Arc<str>,
    /// Kapacitor's group id.
    pub group: Arc<str>,
    pub by_name: bool,
    /// Of the group.
    pub tags: Tags,
    /// Nanoseconds since the Unix epoch.
    pub tmax: i64,
    pub points: Vec<UdfPoint>,
}

/// What a node tells its function.
#[derive(Debug, Clone, PartialEq)]
pub enum UdfInput {
    Points(Vec<UdfPoint>),
    Batch(UdfBatch),
    /// Go on from a snapshot. Only before data.
    Restore(Vec<u8>),
    /// Give a snapshot; [`UdfEvent::Snapshot`] answers.
    Snapshot,
    /// No more will come; [`UdfEvent::Ended`] follows when all output was given.
    End,
}

/// What a function tells its node.
#[derive(Debug)]
pub enum UdfEvent {
    Points(Vec<UdfPoint>, Hold),
    Batch(UdfBatch, Hold),
    Snapshot(Vec<u8>),
    /// There is room again for more points.
    Room,
    /// It went on after [`UdfInput::End`] until it was done.
    Ended,
    /// It failed, in words; nothing follows.
    Failed(String),
}

/// Kept as long as output is not taken in yet: a function that gives faster than its task takes is read no further.
#[derive(Default)]
pub struct Hold(#[allow(dead_code)] Option<Box<dyn Send>>);

impl Hold {
    /// Holds `token` until it is dropped.
    pub fn new(token: impl Send + 'static) -> Self {
        Self(Some(Box::new(token)))
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}

/// Takes what a function tells, from any thread, in order, without blocking.
pub type UdfSink = Arc<dyn Fn(UdfEvent) + Send + Sync>;

/// The functions that scripts may call.
pub trait Udf: fmt::Debug + Send + Sync {
    /// What is known of them now.
    fn catalog(&self) -> UdfCatalog;

    /// Asks these functions again what they are. Blocks, and is never called by a running task.
    fn refresh(&self, names: &[String]);

    /// Starts a function for a node. What fails later is told to the sink.
    ///
    /// # Errors
    /// There is no such function.
    fn open(&self, run: UdfRun, sink: UdfSink) -> Result<Box<dyn UdfSession>, String>;
}

/// A function that runs for one node. Dropping it stops the function.
pub trait UdfSession: Send {
    /// Tells the function something. Never blocks; a function that failed ignores it.
    fn send(&self, input: UdfInput);

    /// Points that were sent and did not reach the function yet.
    fn waiting(&self) -> usize;
}

impl UdfType {
    /// The protocol's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Int => "INT",
            Self::Double => "DOUBLE",
            Self::String => "STRING",
            Self::Duration => "DURATION",
        }
    }
}

impl UdfValue {
    /// Its type.
    pub const fn type_of(&self) -> UdfType {
        match self {
            Self::Bool(_) => UdfType::Bool,
            Self::Int(_) => UdfType::Int,
            Self::Double(_) => UdfType::Double,
            Self::String(_) => UdfType::String,
            Self::Duration(_) => UdfType::Duration,
        }
    }
}

impl fmt::Display for UdfValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::String(value) => write!(f, "{value:?}"),
            Self::Duration(value) => write!(f, "{value}ns"),
        }
    }
}

impl UdfCatalog {
    /// Enters what a function said about itself, or why it said nothing.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, info: Result<UdfInfo, String>) {
        self.functions
            .insert(name.into(), info.map(Arc::new).map_err(Into::into));
    }

    /// What is known of a function; `None` when it is not configured.
    pub fn get(&self, name: &str) -> Option<Known<'_>> {
        let (name, info) = self.functions.get_key_value(name)?;
        Some((name, info.as_ref().map_err(|error| &**error)))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(|name| &**name)
    }
}
