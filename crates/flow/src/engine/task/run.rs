//! Calling nodes, and passing on what they emit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Task;
use super::error::{TaskError, panic_text};
use super::pieces::counted;
use crate::engine::context::Context;
use crate::message::Message;
use crate::node::{Node, NodeError, Outcome};
use crate::pipeline::NodeId;

impl Task {
    /// Puts messages into a node's queue as if a parent had sent them.
    pub(super) fn deliver(&mut self, at: NodeId, messages: Vec<Message>) -> Result<(), TaskError> {
        let Some(running) = self.nodes.get_mut(at.index()) else {
            return Err(TaskError::NotRunning);
        };
        for message in messages {
            running.collected += counted(&message);
            running.queue.push_back((0, message));
        }
        Ok(())
    }

    /// Runs every node that has something waiting, parents before children.
    pub(super) fn sweep(&mut self) -> Result<(), TaskError> {
        for index in 0..self.order.len() {
            let at = self.order[index];
            self.drain(at).map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    pub(super) fn drain(&mut self, at: NodeId) -> Result<(), TaskError> {
        while let Some((input, message)) = self.nodes[at.index()].queue.pop_front() {
            let points = counted(&message);
            if points > 0 && self.nodes[at.index()].timing.due() {
                let clock = Arc::clone(&self.ports.clock);
                let before = clock.monotonic();
                self.call(at, |node, ctx| node.message(ctx, input, message))?;
                let took = clock.monotonic().saturating_sub(before);
                self.nodes[at.index()]
                    .timing
                    .note(took, usize::try_from(points).unwrap_or(usize::MAX));
            } else {
                self.call(at, |node, ctx| node.message(ctx, input, message))?;
            }
        }
        Ok(())
    }

    /// Calls a node, catches its panics and passes on what it emits.
    pub(super) fn call(
        &mut self,
        at: NodeId,
        call: impl FnOnce(&mut dyn Node, &mut Context<'_>) -> Outcome,
    ) -> Result<(), TaskError> {
        let Some(running) = self.nodes.get_mut(at.index()) else {
            return Ok(());
        };
        let mut out = std::mem::take(&mut self.out);
        let mut ctx = Context {
            groups: &mut self.groups,
            out: &mut out,
            errors: &mut running.errors,
            ports: &self.ports,
            task: &self.id,
            node: &running.name,
            quiet: running.quiet,
            by_name: self.by_name,
        };
        let node = &mut running.node;
        let outcome = catch_unwind(AssertUnwindSafe(|| call(&mut **node, &mut ctx)));
        let name = || running.name.to_string();
        let result = match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(NodeError(message))) => Err(TaskError::Node {
                node: name(),
                message,
            }),
            Err(panic) => Err(TaskError::Panic {
                node: name(),
                message: panic_text(&*panic),
            }),
        };
        self.pass_on(at, &mut out);
        self.out = out;
        result
    }

    fn pass_on(&mut self, at: NodeId, out: &mut Vec<Message>) {
        for message in out.drain(..) {
            let points = counted(&message);
            if let Some(tap) = &self.ports.tap {
                tap.given(&self.id, at, &message, &self.groups);
            }
            if let Some(expiry) = self.expiry.as_mut().filter(|_| self.nodes[at.index()].carries) {
                expiry.note(&message);
            }
            if let Some(counts) = &self.nodes[at.index()].watched {
                counts.count(&message);
            }
            for child in 0..self.nodes[at.index()].children.len() {
                let (to, input) = self.nodes[at.index()].children[child];
                self.nodes[at.index()].processed[child] += points;
                let to = &mut self.nodes[to.index()];
                to.collected += points;
                to.queue.push_back((input, message.clone()));
            }
        }
    }

    /// Ends the task because of an error.
    pub(super) fn fail(&mut self, error: TaskError) -> TaskError {
        self.stop();
        error
    }
}
