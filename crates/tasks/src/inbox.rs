//! What waits for one task's thread: data, wake-ups and commands, behind one lock and one condition.
//!
//! The data queue is bounded in points. When it is full a [`Policy`] decides, and what it drops is counted, so that a slow
//! task costs only itself (N-05 FIX, H-23).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use capstan_model::Batch;
use parking_lot::{Condvar, Mutex};

/// What happens to data when a task's queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The oldest data goes.
    DropOldest,
    /// Whoever writes waits this long; then the new data goes. Writers to the same database and retention policy wait
    /// behind it, so this is for when losing data is worse than being late.
    Block(Duration),
}

/// What a task's thread does next.
#[derive(Debug)]
pub(crate) enum Event<C> {
    /// A command, in order.
    Command(C),
    /// A port answered.
    Wake,
    /// Data, in order.
    Data(Arc<Batch>),
    /// Nothing came in time.
    Timeout,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Inbox<C> {
    state: Mutex<State<C>>,
    arrived: Condvar,
    room: Condvar,
    limit: usize,
    policy: Policy,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct State<C> {
    data: VecDeque<Arc<Batch>>,
    points: usize,
    commands: VecDeque<C>,
    woken: bool,
    /// Nothing is taken in any more.
    closed: bool,
}

impl<C> Inbox<C> {
    /// An inbox for at most `limit` waiting points; a single larger body still passes when nothing else waits.
    pub(crate) fn new(limit: usize, policy: Policy) -> Self {
        let state = State {
            data: VecDeque::new(),
            points: 0,
            commands: VecDeque::new(),
            woken: false,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            arrived: Condvar::new(),
            room: Condvar::new(),
            limit,
            policy,
            dropped: AtomicU64::new(0),
        }
    }

    /// Points dropped so far because the queue was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Takes data in.
    pub(crate) fn offer(&self, batch: &Arc<Batch>) {
        let points = batch.points();
        let mut state = self.state.lock();
        let full = |state: &State<C>| !state.data.is_empty() && state.points + points > self.limit;
        if full(&state) {
            match self.policy {
                Policy::DropOldest => {
                    while full(&state) {
                        if let Some(oldest) = state.data.pop_front() {
                            state.points -= oldest.points();
                            self.dropped.fetch_add(oldest.points() as u64, Ordering::Relaxed);
                        }
                    }
                }
                Policy::Block(patience) => {
                    let waited = |state: &mut State<C>| !state.closed && full(state);
                    if self.room.wait_while_for(&mut state, waited, patience).timed_out() {
                        self.dropped.fetch_add(points as u64, Ordering::Relaxed);
                        return;
                    }
                }
            }
        }
        if state.closed {
            return;
        }
        state.points += points;
        state.data.push_back(Arc::clone(batch));
        self.arrived.notify_one();
    }

    /// Says that a port answered. Never blocks.
    pub(crate) fn wake(&self) {
        let mut state = self.state.lock();
        if !state.woken {
            state.woken = true;
            self.arrived.notify_one();
        }
    }

    /// Hands a command to the thread; it comes before data that waits.
    pub(crate) fn command(&self, command: C) {
        let mut state = self.state.lock();
        state.commands.push_back(command);
        self.arrived.notify_one();
    }

    /// Takes no more data in; what waits stays.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.room.notify_all();
    }

    /// The next thing to do, waiting for it at most `patience`. Without `data`, data stays where it is.
    pub(crate) fn next(&self, patience: Duration, data: bool) -> Event<C> {
        let mut state = self.state.lock();
        let idle = |state: &mut State<C>| {
            state.commands.is_empty() && !state.woken && !(data && !state.data.is_empty())
        };
        self.arrived.wait_while_for(&mut state, idle, patience);
        if let Some(command) = state.commands.pop_front() {
            return Event::Command(command);
        }
        if std::mem::take(&mut state.woken) {
            return Event::Wake;
        }
        if data && let Some(batch) = state.data.pop_front() {
            state.points -= batch.points();
            self.room.notify_one();
            return Event::Data(batch);
        }
        Event::Timeout
    }
}

#[cfg(test)]
mod tests {
    use capstan_model::{Block, KeyTable};

    use super::*;

    fn batch(points: usize) -> Arc<Batch> {
        let block = Block {
            database: "d".into(),
            retention_policy: "r".into(),
            name: "m".into(),
            keys: Arc::new(KeyTable::default()),
            time: Arc::new(vec![0; points]),
            key: Arc::new(vec![capstan_model::RowKey(0); points]),
            columns: Vec::new(),
        };
        Arc::new(Batch::single(block))
    }

    fn sizes(inbox: &Inbox<()>) -> Vec<usize> {
        std::iter::from_fn(|| match inbox.next(Duration::ZERO, true) {
            Event::Data(batch) => Some(batch.points()),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn a_full_queue_drops_its_oldest_data_and_counts_it() {
        let inbox = Inbox::new(10, Policy::DropOldest);
        for points in [4, 5, 3] {
            inbox.offer(&batch(points));
        }
        assert_eq!((sizes(&inbox), inbox.dropped()), (vec![5, 3], 4));
    }

    #[test]
    fn a_body_larger_than_the_queue_passes_alone() {
        let inbox = Inbox::new(10, Policy::DropOldest);
        inbox.offer(&batch(50));
        inbox.offer(&batch(1));
        assert_eq!((sizes(&inbox), inbox.dropped()), (vec![1], 50));
        inbox.offer(&batch(50));
        assert_eq!(sizes(&inbox), [50]);
    }

    #[test]
    fn patience_ends_and_the_new_data_goes() {
        let inbox = Inbox::new(1, Policy::Block(Duration::from_millis(1)));
        inbox.offer(&batch(1));
        inbox.offer(&batch(2));
        assert_eq!((sizes(&inbox), inbox.dropped()), (vec![1], 2));
    }

    #[test]
    fn commands_come_before_wake_ups_and_data_last() {
        let inbox = Inbox::new(10, Policy::DropOldest);
        inbox.offer(&batch(1));
        inbox.wake();
        inbox.wake();
        inbox.command(());
        assert!(matches!(inbox.next(Duration::ZERO, true), Event::Command(())));
        assert!(matches!(inbox.next(Duration::ZERO, true), Event::Wake));
        assert!(matches!(inbox.next(Duration::ZERO, false), Event::Timeout));
        assert!(matches!(inbox.next(Duration::ZERO, true), Event::Data(_)));
        inbox.close();
        inbox.offer(&batch(1));
        assert!(matches!(inbox.next(Duration::ZERO, true), Event::Timeout));
    }
}
