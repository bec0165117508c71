//! What `show` and the API print about a running task.

/// Statistics of a task at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskStats {
    /// Points (or batches) per second over the last second (N-24).
    pub throughput: f64,
    /// One per node, by [`NodeId`](crate::pipeline::NodeId).
    pub nodes: Vec<NodeStats>,
}

/// Statistics of a node (N-19).
#[derive(Debug, Clone, PartialEq)]
pub struct NodeStats {
    pub name: String,
    pub kind: std::sync::Arc<str>,
    /// Points, or batches, that came in from all parents.
    pub collected: u64,
    /// Points, or batches, that went out, counted once per child; 0 without children.
    pub emitted: u64,
    pub errors: u64,
    /// Nanoseconds per point, or per batch.
    pub avg_exec_time_ns: i64,
    pub working_cardinality: u64,
    /// The kind's own statistics, by name.
    pub own: Vec<(&'static str, i64)>,
    /// What went out to each child, in their order (N-23).
    pub processed: Vec<u64>,
}

impl NodeStats {
    /// Every statistic by its name, sorted, as the API's `node-stats` has them (H-52).
    pub fn entries(&self) -> Vec<(&'static str, i64)> {
        let int = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let mut entries = vec![
            ("avg_exec_time_ns", self.avg_exec_time_ns),
            ("collected", int(self.collected)),
            ("emitted", int(self.emitted)),
            ("errors", int(self.errors)),
            ("working_cardinality", int(self.working_cardinality)),
        ];
        entries.extend_from_slice(&self.own);
        entries.sort_unstable_by_key(|&(name, _)| name);
        entries
    }
}

impl TaskStats {
    /// The statistics of a node by its name.
    pub fn node(&self, name: &str) -> Option<&NodeStats> {
        self.nodes.iter().find(|node| node.name == name)
    }
}
