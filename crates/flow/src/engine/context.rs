//! What a node may do while it runs.

use std::fmt::Display;
use std::sync::Arc;

use capstan_model::{Group, GroupId, Groups};

use super::errors::ErrorLog;
use crate::message::Message;
use crate::ports::{NodeErrorEvent, Ports};

/// The task as seen by one node during one call.
#[derive(Debug)]
pub struct Context<'a> {
    /// The groups of the task.
    pub groups: &'a mut Groups,
    pub(crate) out: &'a mut Vec<Message>,
    pub(crate) errors: &'a mut ErrorLog,
    pub(crate) ports: &'a Ports,
    pub(crate) task: &'a Arc<str>,
    pub(crate) node: &'a Arc<str>,
    pub(crate) quiet: bool,
    pub(crate) by_name: bool,
}

impl Context<'_> {
    /// Sends a message to every child.
    pub fn emit(&mut self, message: Message) {
        match &message {
            Message::Points(points) if points.is_empty() => {}
            _ => self.out.push(message),
        }
    }

    /// Counts and, unless the node is quiet, logs an error that concerns one point (N-22).
    pub fn error(&mut self, message: &str, error: impl Display) {
        let error = error.to_string();
        let count = self.errors.add(message, &error, self.ports.clock.now_nanos());
        if let Some(count) = count.filter(|_| !self.quiet) {
            self.ports.log.node_error(&NodeErrorEvent {
                task: self.task,
                node: self.node,
                message,
                error: &error,
                count,
            });
        }
    }

    /// The group of a number.
    pub fn group(&self, group: GroupId) -> &Group {
        self.groups.get(group)
    }

    /// Wall-clock time in nanoseconds, for timers; windows and cooldowns use the data's time (N-26).
    pub fn now(&self) -> i64 {
        self.ports.clock.now_nanos()
    }

    /// The ports of the task.
    pub fn ports(&self) -> &Ports {
        self.ports
    }

    /// The task's id.
    pub fn task(&self) -> &Arc<str> {
        self.task
    }

    /// The node's name.
    pub fn node(&self) -> &Arc<str> {
        self.node
    }

    /// Whether any node of the task may put the measurement into groups.
    pub(crate) fn any_by_name(&self) -> bool {
        self.by_name
    }
}
