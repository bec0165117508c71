//! Where in a script the nodes of a pipeline and their settings come from.

use std::collections::BTreeSet;

use capstan_tick::ast::Position;

use crate::pipeline::NodeId;

/// The way back from a pipeline to its script.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// The call of the chaining method that made each node; sources have none.
    pub(crate) nodes: Vec<(NodeId, Position)>,
    /// Every call of a property method, in order.
    pub(crate) properties: Vec<PropertyPlace>,
    /// Variables of a template that have no value yet, and stand for their type's zero.
    pub(crate) unset: BTreeSet<String>,
}

/// A call of a property method.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PropertyPlace {
    pub(crate) node: NodeId,
    pub(crate) name: &'static str,
    pub(crate) position: Position,
}

impl Places {
    /// Where a node was made.
    pub(crate) fn node(&self, id: NodeId) -> Option<Position> {
        let found = self.nodes.iter().find(|(node, _)| *node == id);
        found.map(|(_, position)| *position)
    }
}
