use crate::node::Node;

/// Stands for the task's source; data enters at the query nodes.
#[derive(Debug)]
pub(super) struct Batch;

impl Node for Batch {}
