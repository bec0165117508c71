//! The way back from the world: ports answer from their own threads, nodes handle the answers on the task's thread.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::pipeline::NodeId;

/// Answers that may wait in one task. Nodes bound what they ask, so this is reached only when a port floods.
const CAPACITY: usize = 65_536;

/// Called when an answer arrived, from any thread; it must not block. The runner then calls
/// [`Task::complete`](crate::engine::Task::complete) on the task's thread.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Where the answers of one task wait.
pub(crate) struct Inbox {
    queue: Mutex<VecDeque<(NodeId, Box<dyn Any + Send>)>>,
    overflowed: AtomicBool,
    closed: AtomicBool,
    wake: Waker,
}

impl Inbox {
    pub(crate) fn new(wake: Waker) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            overflowed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            wake,
        })
    }

    pub(crate) fn take(&self) -> VecDeque<(NodeId, Box<dyn Any + Send>)> {
        std::mem::take(&mut *self.queue.lock())
    }

    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.queue.lock().clear();
    }
}

/// One node's way to get answers; clones go into the sinks given to ports.
#[derive(Clone)]
pub struct Mailbox {
    pub(crate) node: NodeId,
    pub(crate) inbox: Arc<Inbox>,
}

impl Mailbox {
    /// Posts an answer to the node, from any thread, without blocking. Answers to a task that ended are dropped; a task
    /// whose inbox overflows is ended, because an answer that is lost could hold up its object for ever.
    pub fn post(&self, answer: impl Any + Send) {
        if self.inbox.closed.load(Ordering::Relaxed) {
            return;
        }
        {
            let mut queue = self.inbox.queue.lock();
            if queue.len() >= CAPACITY {
                self.inbox.overflowed.store(true, Ordering::Relaxed);
            } else {
                queue.push_back((self.node, Box::new(answer)));
            }
        }
        (self.inbox.wake)();
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
