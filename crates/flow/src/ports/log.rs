//! Where nodes write.

use std::fmt::Debug;

use crate::message::{PointBatch, Points};

/// An error of a node that concerns a point, not the task.
#[derive(Debug, Clone, Copy)]
pub struct NodeErrorEvent<'a> {
    pub task: &'a str,
    pub node: &'a str,
    /// What the node was doing (E-87).
    pub message: &'a str,
    pub error: &'a str,
    /// How often this error happened so far; it is told at most once a second.
    pub count: u64,
}

/// Data that a `log` node saw (N-60).
#[derive(Debug, Clone, Copy)]
pub enum DataEvent<'a> {
    /// Points with their groups.
    Points(&'a Points),
    /// A whole batch.
    Batch(&'a PointBatch),
}

/// Level of a `log` node; any other word than these means `Info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Debug,
    Info,
    Error,
}

/// Takes what nodes log. Never blocks.
pub trait LogSink: Debug + Send + Sync {
    /// An error was counted.
    fn node_error(&self, event: &NodeErrorEvent<'_>);

    /// A `log` node saw data.
    fn data(&self, task: &str, node: &str, level: LogLevel, prefix: &str, event: DataEvent<'_>);
}

/// Throws everything away.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLog;

impl LogSink for NoLog {
    fn node_error(&self, _event: &NodeErrorEvent<'_>) {}

    fn data(&self, _task: &str, _node: &str, _level: LogLevel, _prefix: &str, _event: DataEvent<'_>) {}
}
