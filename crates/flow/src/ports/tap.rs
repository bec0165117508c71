//! Watching what nodes give, for runs whose results somebody wants to see.

use std::fmt::Debug;

use capstan_model::Groups;

use crate::message::Message;
use crate::pipeline::NodeId;

/// Sees every message that a node gives, whether it has children or not. Never blocks.
pub trait Tap: Debug + Send + Sync {
    /// A node of a task gave a message. `groups` are those of the task.
    fn given(&self, task: &str, node: NodeId, message: &Message, groups: &Groups);
}
