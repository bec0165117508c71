//! What a node finds around it when it is made.

use std::sync::Arc;

use super::mailbox::{Inbox, Mailbox};
use super::watch::GroupCounts;
use crate::pipeline::{NodeId, Pipeline};
use crate::ports::Ports;

/// What [`NodeSpec::build`](crate::registry::NodeSpec::build) gets beside the node's settings.
#[derive(Debug)]
pub struct Builder<'a> {
    /// The task's id.
    pub task: &'a Arc<str>,
    /// The node's name.
    pub name: &'a Arc<str>,
    /// Databases and retention policies of the task.
    pub dbrps: &'a [(Arc<str>, Arc<str>)],
    pub pipeline: &'a Pipeline,
    pub ports: &'a Ports,
    pub(crate) node: NodeId,
    pub(crate) inbox: &'a Arc<Inbox>,
    /// Nodes whose output is counted by group.
    pub(crate) watched: &'a mut Vec<(NodeId, Arc<GroupCounts>)>,
}

impl Builder<'_> {
    /// Where answers of ports to this node go.
    pub fn mailbox(&self) -> Mailbox {
        Mailbox {
            node: self.node,
            inbox: Arc::clone(self.inbox),
        }
    }

    /// Has the points counted that `node` gives to its first child.
    pub fn watch(&mut self, node: NodeId) -> Arc<GroupCounts> {
        if let Some((_, counts)) = self.watched.iter().find(|(known, _)| *known == node) {
            return Arc::clone(counts);
        }
        let counts = Arc::new(GroupCounts::default());
        self.watched.push((node, Arc::clone(&counts)));
        counts
    }

    /// The node's number.
    pub fn node(&self) -> NodeId {
        self.node
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}
