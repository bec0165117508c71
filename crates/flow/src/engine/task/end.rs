//! The end of the input: nodes flush what they flush, parents before children (N-15).

use super::Task;
use super::error::TaskError;
use crate::pipeline::NodeId;

impl Task {
    /// The input ended: nodes flush what they flush (N-15), parents before children. Nodes below one that waits for
    /// answers flush when it has them, because what it makes of the answers is input of theirs: call [`Task::complete`]
    /// until nothing is [pending](Task::pending), or [`Task::finish_now`]. [`Task::stop`] ends it all.
    pub fn finish(&mut self) -> Result<(), TaskError> {
        self.check_running()?;
        self.running = false;
        self.finished = vec![false; self.nodes.len()];
        self.go_on_ending()
    }

    /// Has the nodes flush that [`Task::finish`] let wait for answers. What answers that come later make is lost.
    pub fn finish_now(&mut self) -> Result<(), TaskError> {
        self.flush(false)
    }

    /// Flushes what need not wait any more.
    pub(super) fn go_on_ending(&mut self) -> Result<(), TaskError> {
        self.flush(true)
    }

    fn flush(&mut self, patient: bool) -> Result<(), TaskError> {
        if self.finished.is_empty() {
            return Ok(());
        }
        for index in 0..self.order.len() {
            let at = self.order[index];
            let done = |parent: &NodeId| {
                let at = parent.index();
                self.finished[at] && (!patient || self.nodes[at].node.pending() == 0)
            };
            if self.finished[at.index()] || !self.pipeline.node(at).parents.iter().all(done) {
                continue;
            }
            self.drain(at).map_err(|error| self.fail(error))?;
            self.call(at, |node, ctx| node.finish(ctx))
                .map_err(|error| self.fail(error))?;
            self.finished[at.index()] = true;
        }
        Ok(())
    }

    /// Ends the task at once. Endpoints go, answers that come later are dropped.
    pub fn stop(&mut self) {
        self.running = false;
        self.finished.clear();
        self.preparing = None;
        self.inbox.close();
        self.ports.endpoints.clear();
        for running in &mut self.nodes {
            running.queue.clear();
        }
    }
}
