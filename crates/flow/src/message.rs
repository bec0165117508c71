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

impl Points {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.block.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    /// The rows `rows`, in that order; shares everything when these are all rows in order.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        if is_all(rows, self.len()) {
            return self.clone();
        }
        Self {
            block: Arc::new(self.block.gather(rows)),
            groups: Arc::new(rows.iter().map(|&row| self.groups[row as usize]).collect()),
        }
    }
}

impl PointBatch {
    /// The same batch with other rows.
    #[must_use]
    pub fn with_rows(&self, rows: Arc<Block>) -> Self {
        Self {
            name: Arc::clone(&self.name),
            group: self.group,
            tmax: self.tmax,
            rows,
        }
    }

    /// The rows `rows`, in that order; shares everything when these are all rows in order.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        let rows = if is_all(rows, self.rows.len()) {
            Arc::clone(&self.rows)
        } else {
            Arc::new(self.rows.gather(rows))
        };
        self.with_rows(rows)
    }
}

/// Whether `rows`, which are ascending wherever rows are dropped, are all of `len`.
fn is_all(rows: &[u32], len: usize) -> bool {
    rows.len() == len && rows.iter().enumerate().all(|(at, &row)| at == row as usize)
}
