//! What loopback nodes write, until the tasks are fed with it.

use std::collections::VecDeque;
use std::sync::Arc;

use capstan_flow::ports::{Loopback, LoopbackError};
use capstan_model::Block;
use parking_lot::Mutex;

/// The most blocks that wait; a script that feeds itself without end must end somewhere.
const MAX_WAITING: usize = 100_000;

/// Keeps blocks in order.
#[derive(Debug, Default)]
pub struct Looped {
    rows: Mutex<VecDeque<Arc<Block>>>,
}

impl Looped {
    /// The oldest block.
    pub fn take(&self) -> Option<Arc<Block>> {
        self.rows.lock().pop_front()
    }
}

impl Loopback for Looped {
    fn write(&self, rows: Arc<Block>) -> Result<(), LoopbackError> {
        let mut waiting = self.rows.lock();
        if waiting.len() >= MAX_WAITING {
            return Err(LoopbackError("too many points are written back".to_owned()));
        }
        waiting.push_back(rows);
        Ok(())
    }
}
