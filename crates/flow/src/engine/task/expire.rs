//! Forgetting groups of which nothing comes any more.

use super::Task;
use super::error::TaskError;

impl Task {
    /// Has idle groups forgotten if it is time to look for them; see [`Task::forget_idle_groups`]. Tasks that take data do
    /// so by themselves; others have to be told from time to time.
    pub fn expire(&mut self) -> Result<(), TaskError> {
        let Some(mut expiry) = self.expiry.take() else {
            return Ok(());
        };
        let idle = expiry.idle(self.ports.clock.monotonic(), &self.groups);
        let mut outcome = Ok(());
        if !idle.is_empty() {
            for at in self.order.clone() {
                let forgotten = self.call(at, |node, _| {
                    for &group in &idle {
                        node.forget_group(group);
                    }
                    Ok(())
                });
                outcome = outcome.and(forgotten);
                if let Some(counts) = &self.nodes[at.index()].watched {
                    counts.forget(&idle);
                }
            }
            if outcome.is_ok() && expiry.is_worth_it(&self.groups) && self.forget_keys() {
                expiry.retire(&mut self.groups);
            }
        }
        self.expiry = Some(expiry);
        outcome.map_err(|error| self.fail(error))
    }

    /// Has every node forget what it knows by key; false if one may still know a group that was forgotten.
    fn forget_keys(&mut self) -> bool {
        let mut all = true;
        for at in self.order.clone() {
            let called = self.call(at, |node, _| {
                // Every node is asked, also when one said no: what it forgets is learned again.
                all &= node.forget_keys();
                Ok(())
            });
            all &= called.is_ok();
        }
        all
    }

    /// How many groups the task knows, forgotten ones included.
    pub fn known_groups(&self) -> usize {
        self.groups.live()
    }
}
