//! One body of points: blocks, and the order in which their rows arrived.

use std::sync::Arc;

use crate::block::Block;

/// What one write brought, for one database and retention policy.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub blocks: Vec<Arc<Block>>,
    /// Arrival order across blocks. Empty when there is one block: its rows are in order.
    pub runs: Vec<Run>,
}

/// Consecutive rows of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Index into [`Batch::blocks`].
    pub block: u32,
    /// First row.
    pub start: u32,
    /// How many rows.
    pub len: u32,
}

impl Batch {
    /// A batch of one block.
    pub fn single(block: Block) -> Self {
        Self {
            blocks: vec![Arc::new(block)],
            runs: Vec::new(),
        }
    }

    /// How many points there are.
    pub fn points(&self) -> usize {
        self.blocks.iter().map(|block| block.len()).sum()
    }

    /// About how much memory the rows take.
    pub fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.bytes()).sum()
    }

    /// The rows in arrival order.
    pub fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        let whole = match &*self.blocks {
            [block] if self.runs.is_empty() => Some(Run {
                block: 0,
                start: 0,
                len: block.len() as u32,
            }),
            _ => None,
        };
        whole.into_iter().chain(self.runs.iter().copied())
    }
}
