//! What a task remembers across restarts.

use std::io::{self, Write};

use super::error::TaskError;
use super::{Running, Task};
use crate::engine::snapshot::{
    RestoreGroups, SnapshotError, SnapshotGroups, Stored, StoredNode, VERSION, list,
};
use crate::pipeline::NodeConfig;

impl Task {
    /// Asks nodes whose state is kept elsewhere for it, parents before children, so that the next [`Task::snapshot`] has
    /// it. While [`Task::is_preparing`] says that some is not there yet, answers bring it; data has to wait until then.
    pub fn prepare_snapshot(&mut self) -> Result<(), TaskError> {
        self.check_running()?;
        self.preparing.get_or_insert(0);
        self.go_on_preparing()
    }

    /// Whether a snapshot is being prepared.
    pub fn is_preparing(&self) -> bool {
        self.preparing.is_some()
    }

    /// Gives up a snapshot that is being prepared.
    pub fn abandon_snapshot(&mut self) {
        self.preparing = None;
    }

    /// Goes on to the next node that has to be waited for.
    pub(super) fn go_on_preparing(&mut self) -> Result<(), TaskError> {
        while let Some(next) = self.preparing {
            let before = next.checked_sub(1).map(|before| self.order[before].index());
            if before.is_some_and(|before| self.nodes[before].node.is_preparing()) {
                return Ok(());
            }
            let Some(&at) = self.order.get(next) else {
                self.preparing = None;
                return Ok(());
            };
            self.preparing = Some(next + 1);
            self.call(at, |node, ctx| node.prepare_snapshot(ctx))
                .map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    /// What the task remembers, to be given to [`Task::restore`] of a later run.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Memory takes all that is written, and only maps with keys that are no strings cannot be.
        let _ = self.write_snapshot(&mut text);
        text
    }

    /// Writes [`Task::snapshot`] piece by piece: never more than one node's state is in memory twice.
    pub fn write_snapshot(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut groups = SnapshotGroups::new(&self.groups);
        write!(out, "{{\"version\":{VERSION},\"nodes\":")?;
        let nodes = self
            .nodes
            .iter()
            .zip(self.pipeline.nodes())
            .filter_map(|(running, config)| {
                Some(StoredNode {
                    state: running.node.snapshot(&mut groups)?,
                    name: running.name.to_string(),
                    fingerprint: config.fingerprint(),
                })
            });
        list(out, nodes, |out, node| Ok(serde_json::to_writer(out, &node)?))?;
        out.write_all(b",\"groups\":")?;
        groups.write(out)?;
        out.write_all(b"}")
    }

    /// Takes back a snapshot, before or after the start but before data. Nodes that changed since start afresh; their
    /// names are returned.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<Vec<String>, SnapshotError> {
        let stored: Stored = serde_json::from_slice(snapshot)?;
        if stored.version != VERSION {
            return Err(SnapshotError::Version {
                found: stored.version,
            });
        }
        let ids = RestoreGroups::ids(&mut self.groups, &stored.groups);
        let groups = RestoreGroups::new(ids, &self.groups);
        let mut fresh = Vec::new();
        for node in stored.nodes {
            let same = |(running, config): &(&mut Running, &NodeConfig)| {
                *running.name == *node.name && config.fingerprint() == node.fingerprint
            };
            let found = self.nodes.iter_mut().zip(self.pipeline.nodes()).find(same);
            let restored =
                found.is_some_and(|(running, _)| running.node.restore(&node.state, &groups).is_ok());
            if !restored {
                fresh.push(node.name);
            }
        }
        Ok(fresh)
    }
}
