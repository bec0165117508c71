//! What moves along an edge. Order on an edge is arrival order (N-06).

use std::sync::Arc;

use capstan_model::{Block, GroupId};

/// One message; clones share their rows.
#[derive(Debug, Clone)]
pub enum Message {
    /// Points of a stream, possibly of many groups.
    Points(Points),
    /// A batch: the rows of one group up to a time (N-12).
    Batch(Arc<PointBatch>),
    /// No point of this group with an earlier time will follow (N-13).
    Barrier(Barrier),
    /// Nodes drop what they keep for this group (N-14).
    DeleteGroup(GroupId),
}

/// Rows of a stream with the group of each.
#[derive(Debug, Clone)]
pub struct Points {
    pub block: Arc<Block>,
    /// One per row.
    pub groups: Arc<Vec<GroupId>>,
}

/// A batch. It may be empty and still means something: "nothing happened until `tmax`".
#[derive(Debug, Clone)]
pub struct PointBatch {
    /// Measurement.
    pub name: Arc<str>,
    pub group: GroupId,
    /// End of the time the batch covers, in nanoseconds since the Unix epoch.
    pub tmax: i64,
    pub rows: Arc<Block>,
}

/// A promise about one group's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barrier {
    pub group: GroupId,
    /// Nanoseconds since the Unix epoch.
    pub time: i64,
}
