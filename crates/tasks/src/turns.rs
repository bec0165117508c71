//! Turns: of many tasks one at a time takes its snapshot, because each needs memory for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether it is somebody's turn.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: AtomicBool,
}

/// Our turn, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Turns>);

impl Turns {
    /// Begins a turn if it is nobody's.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Turn> {
        let free = !self.taken.swap(true, Ordering::Acquire);
        free.then(|| Turn(Arc::clone(self)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_turn_at_a_time() {
        let turns = Arc::new(Turns::default());
        let turn = turns.take();
        assert!(turn.is_some() && turns.take().is_none());
        drop(turn);
        assert!(turns.take().is_some());
    }
}
