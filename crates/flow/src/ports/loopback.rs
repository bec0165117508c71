//! Writing points back into the server's own write path.

use std::fmt::Debug;
use std::sync::Arc;

use capstan_model::Block;

/// Takes points as if a client had written them (N-170).
pub trait Loopback: Debug + Send + Sync {
    /// Hands over rows of one measurement; database and retention policy are those of the block. It must not block, and
    /// it must not feed the calling task before it returned.
    ///
    /// # Errors
    /// The rows were not taken; none of them counts as written.
    fn write(&self, rows: Arc<Block>) -> Result<(), LoopbackError>;
}

/// Why rows were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LoopbackError(pub String);

/// Takes everything and keeps nothing, for runs without a server.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLoopback;

impl Loopback for NoLoopback {
    fn write(&self, _rows: Arc<Block>) -> Result<(), LoopbackError> {
        Ok(())
    }
}
