//! The graph a script describes: nodes with their settings, names and edges, before anything runs.

mod config;
mod dot;

use std::sync::Arc;

pub(crate) use config::strings;
pub use config::{FunctionCall, HandlerCall, NodeConfig};
pub use dot::{LabelStyle, executing_dot};

use crate::ports::udf::UdfInfo;
use crate::registry::NodeSpec;

/// What moves along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeType {
    /// Nothing.
    None,
    /// Points.
    Stream,
    /// Batches.
    Batch,
}

impl EdgeType {
    /// The word of error texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "noedge",
            Self::Stream => "stream",
            Self::Batch => "batch",
        }
    }
}

/// The number of a node within its pipeline, in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    /// As an index into [`Pipeline::nodes`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The graph of a task. Node 0 is the source.
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    nodes: Vec<NodeConfig>,
    /// Sources in the order they were added.
    sources: Vec<NodeId>,
    /// The next running number (N-01).
    next_number: u32,
}

impl Pipeline {
    /// A pipeline of one source.
    pub(crate) fn new(source: &'static NodeSpec) -> Self {
        let mut pipeline = Self::default();
        pipeline.add_source(source);
        pipeline
    }

    /// Adds a source. It takes a running number.
    pub(crate) fn add_source(&mut self, spec: &'static NodeSpec) -> NodeId {
        let (wants, provides) = spec.edges(EdgeType::None);
        let mut config = NodeConfig::new(spec, wants, provides);
        config.number = self.take_number();
        let id = self.push(config);
        self.sources.push(id);
        id
    }

    /// Adds a node under one parent.
    pub(crate) fn add_child(&mut self, parent: NodeId, spec: &'static NodeSpec) -> NodeId {
        let (wants, provides) = spec.edges(self.node(parent).provides);
        let id = self.push(NodeConfig::new(spec, wants, provides));
        self.link(parent, id);
        id
    }

    /// Adds a call of a function of the user's (N-101).
    pub(crate) fn add_function(&mut self, parent: NodeId, name: &Arc<str>, info: &Arc<UdfInfo>) -> NodeId {
        let id = self.push(NodeConfig::of_function(Arc::clone(name), Arc::clone(info)));
        self.link(parent, id);
        id
    }

    /// Adds a node under several parents, in this order. Its edges are those of a child of `on`.
    pub(crate) fn add_under(&mut self, on: NodeId, parents: &[NodeId], spec: &'static NodeSpec) -> NodeId {
        let (wants, provides) = spec.edges(self.node(on).provides);
        let id = self.push(NodeConfig::new(spec, wants, provides));
        for &parent in parents {
            self.link(parent, id);
        }
        id
    }

    /// Adds a source that counts what `watched` gives. Counting takes a child, so one that has none gets one (N-59).
    pub(crate) fn add_watcher(&mut self, watched: NodeId, spec: &'static NodeSpec) -> NodeId {
        let id = self.add_source(spec);
        self.node_mut(id).watches = Some(watched);
        if self.node(watched).children.is_empty() {
            self.add_child(watched, &crate::nodes::noop::spec::NOOP);
        }
        id
    }

    /// Makes `child` a child of `parent`. Each link takes a running number and the last one stays (N-02).
    pub(crate) fn link(&mut self, parent: NodeId, child: NodeId) {
        let number = self.take_number();
        self.nodes[parent.index()].children.push(child);
        let config = &mut self.nodes[child.index()];
        config.parents.push(parent);
        config.number = number;
    }

    fn push(&mut self, config: NodeConfig) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(config);
        id
    }

    fn take_number(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// All nodes in the order of creation.
    pub fn nodes(&self) -> &[NodeConfig] {
        &self.nodes
    }

    /// The node of an id of this pipeline.
    pub fn node(&self, id: NodeId) -> &NodeConfig {
        &self.nodes[id.index()]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut NodeConfig {
        &mut self.nodes[id.index()]
    }

    /// The source that brings the task's data.
    pub fn source(&self) -> NodeId {
        NodeId(0)
    }

    /// Whether the task is fed with points or with batches.
    pub fn edge(&self) -> EdgeType {
        self.nodes
            .first()
            .map_or(EdgeType::None, |source| source.provides)
    }

    /// Every node after all of its parents, in Kapacitor's order (C-80).
    pub fn order(&self) -> Vec<NodeId> {
        let mut sorted = Vec::with_capacity(self.nodes.len());
        let mut seen = vec![false; self.nodes.len()];
        for &source in self.sources.iter().rev() {
            // Depth first, children in order, each node noted when all below it are: an explicit stack, so that a
            // chain of any length is fine.
            let mut stack = vec![(source, 0)];
            while let Some((id, next)) = stack.pop() {
                if seen[id.index()] {
                    continue;
                }
                if let Some(&child) = self.node(id).children.get(next) {
                    stack.push((id, next + 1));
                    stack.push((child, 0));
                } else {
                    seen[id.index()] = true;
                    sorted.push(id);
                }
            }
        }
        sorted.reverse();
        sorted
    }

    /// The query nodes of a batch task, in the order in which recordings hold their data: that of the graph, where
    /// of several branches the last comes first, not that of the script.
    pub fn queries(&self) -> Vec<NodeId> {
        let source = self.source();
        let is_query = |id: &NodeId| self.edge() == EdgeType::Batch && self.node(*id).parents == [source];
        self.order().into_iter().filter(is_query).collect()
    }

    /// The graph of a task that is not executing (C-81).
    pub fn dot(&self, task: &str) -> String {
        dot::plain(self, task)
    }

    /// Measurements that the task wants: those of the `from` nodes right under the source; `None` for all (N-27, N-28).
    pub fn measurements(&self) -> Option<Vec<Arc<str>>> {
        let mut wanted = Vec::new();
        // Batch tasks fetch their data themselves.
        if self.edge() == EdgeType::Batch {
            return Some(wanted);
        }
        for &child in &self.node(self.source()).children {
            let child = self.node(child);
            match child.string("measurement") {
                Some(name) if !name.is_empty() => {
                    if !wanted.contains(&name) {
                        wanted.push(name);
                    }
                }
                _ => return None,
            }
        }
        Some(wanted)
    }
}
