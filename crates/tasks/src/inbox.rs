//! What waits for one task's thread: data, wake-ups and commands, behind one lock and one condition.
//!
//! The data queue is bounded in batches, points and bytes. When it is full its oldest data goes and is counted, so that a slow task
//! costs only itself (N-05 FIX, H-23). Writers may be made to wait for room before they hand data in; see [`Policy`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use capstan_model::Batch;
use parking_lot::{Condvar, Mutex};

/// What happens when a task's queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The oldest data goes at once.
    DropOldest,
    /// A writer waits so long for room before it hands data in. A task that made one wait in vain makes nobody wait again
    /// until it has caught up, so that it cannot slow down all others for long.
    Block(Duration),
}

/// How much data may wait for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bodies.
    pub batches: usize,
    /// Points in all of them; a single larger body still passes when nothing else waits.
    pub points: usize,
    /// Memory that all of them take, in bytes; likewise. Writers that may be made to wait do so from a sixteenth of it
    /// on, so that one that is faster than the task fills no memory; the rest is for what many hand in at once.
    pub bytes: usize,
}

/// The part of [`Limits::bytes`] from which on writers wait.
const WAIT_FROM: usize = 16;

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
    limits: Limits,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct State<C> {
    data: VecDeque<Arc<Batch>>,
    points: usize,
    bytes: usize,
    commands: VecDeque<C>,
    woken: bool,
    /// Nothing is taken in any more.
    closed: bool,
    /// A writer waited in vain; until the queue is half empty nobody waits.
    lagging: bool,
}

impl<C> State<C> {
    fn is_full(&self, limits: Limits, points: usize, bytes: usize) -> bool {
        let full = self.data.len() >= limits.batches
            || self.points + points > limits.points
            || self.bytes + bytes > limits.bytes;
        full && !self.data.is_empty()
    }

    /// Whether a writer should wait: a quarter of the room is kept for what writers hand in at once, so that nothing is
    /// dropped as long as they wait. One that `waits` already goes on until half of what made it wait is gone: it is not
    /// to be woken for each batch.
    fn is_nearly_full(&self, limits: Limits, waits: bool) -> bool {
        let part = if waits { 2 } else { 1 };
        let spare = Limits {
            batches: limits.batches - limits.batches / 4,
            points: limits.points - limits.points / 4,
            bytes: limits.bytes / WAIT_FROM / part,
        };
        self.is_full(spare, 1, 1)
    }

    /// Takes the oldest data out.
    fn pop(&mut self) -> Option<Arc<Batch>> {
        let batch = self.data.pop_front()?;
        self.points -= batch.points();
        self.bytes -= batch.bytes();
        Some(batch)
    }
}

impl<C> Inbox<C> {
    /// An empty inbox.
    pub(crate) fn new(limits: Limits) -> Self {
        let state = State {
            data: VecDeque::new(),
            points: 0,
            bytes: 0,
            commands: VecDeque::new(),
            woken: false,
            closed: false,
            lagging: false,
        };
        Self {
            state: Mutex::new(state),
            arrived: Condvar::new(),
            room: Condvar::new(),
            limits,
            dropped: AtomicU64::new(0),
        }
    }

    /// Points dropped so far because the queue was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Takes data in; says how many points had to go for it. Never waits.
    pub(crate) fn offer(&self, batch: &Arc<Batch>) -> u64 {
        let (points, bytes) = (batch.points(), batch.bytes());
        let mut dropped = 0;
        let mut state = self.state.lock();
        if state.closed {
            return 0;
        }
        while state.is_full(self.limits, points, bytes) {
            dropped += state.pop().map_or(0, |oldest| oldest.points() as u64);
        }
        state.points += points;
        state.bytes += bytes;
        state.data.push_back(Arc::clone(batch));
        self.arrived.notify_one();
        drop(state);
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
        dropped
    }

    /// Whether a writer should wait for room.
    pub(crate) fn wants_patience(&self) -> bool {
        let state = self.state.lock();
        !state.lagging && !state.closed && state.is_nearly_full(self.limits, false)
    }

    /// Waits until there is room, at most `patience`.
    pub(crate) fn wait_for_room(&self, patience: Duration) {
        let mut state = self.state.lock();
        let limits = self.limits;
        let wait =
            |state: &mut State<C>| !state.lagging && !state.closed && state.is_nearly_full(limits, true);
        if self.room.wait_while_for(&mut state, wait, patience).timed_out() {
            state.lagging = true;
            self.room.notify_all();
        }
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
            let nothing_to_hand_out = !data || state.data.is_empty();
            state.commands.is_empty() && !state.woken && nothing_to_hand_out
        };
        self.arrived.wait_while_for(&mut state, idle, patience);
        if let Some(command) = state.commands.pop_front() {
            return Event::Command(command);
        }
        if std::mem::take(&mut state.woken) {
            return Event::Wake;
        }
        if data && let Some(batch) = state.pop() {
            let half_empty = state.data.len() <= self.limits.batches / 2
                && state.points <= self.limits.points / 2
                && state.bytes <= self.limits.bytes / 2;
            state.lagging &= !half_empty;
            if state.lagging || !state.is_nearly_full(self.limits, true) {
                self.room.notify_all();
            }
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
            key: Arc::new(vec![0; points]),
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

    fn inbox(batches: usize, points: usize) -> Inbox<()> {
        Inbox::new(Limits {
            batches,
            points,
            bytes: usize::MAX,
        })
    }

    #[test]
    fn a_full_queue_drops_its_oldest_data_and_counts_it() {
        let inbox = self::inbox(10, 10);
        for points in [4, 5, 3] {
            inbox.offer(&batch(points));
        }
        assert_eq!((sizes(&inbox), inbox.dropped()), (vec![5, 3], 4));
        let inbox = self::inbox(2, 100);
        for points in [4, 5, 3] {
            inbox.offer(&batch(points));
        }
        assert_eq!((sizes(&inbox), inbox.dropped()), (vec![5, 3], 4));
    }

    #[test]
    fn a_writer_waits_before_anything_has_to_go() {
        let inbox = inbox(100, 1_000);
        for _ in 0..9 {
            inbox.offer(&batch(80));
        }
        assert!(!inbox.wants_patience());
        inbox.offer(&batch(80));
        assert!(inbox.wants_patience());
        // What the writer had in its hands still finds room.
        inbox.offer(&batch(200));
        assert_eq!(inbox.dropped(), 0);
    }

    #[test]
    fn bytes_are_bounded_and_a_writer_waits_until_half_of_what_made_it_wait_is_gone() {
        let bytes = batch(1).bytes();
        let inbox = Inbox::<()>::new(Limits {
            batches: 1_000,
            points: 1_000,
            bytes: 64 * bytes,
        });
        for _ in 0..4 {
            assert!(!inbox.wants_patience());
            assert_eq!(inbox.offer(&batch(1)), 0);
        }
        assert!(inbox.wants_patience());
        for _ in 0..3 {
            assert!(inbox.state.lock().is_nearly_full(inbox.limits, true));
            assert!(matches!(inbox.next(Duration::ZERO, true), Event::Data(_)));
        }
        // There is room: this does not wait.
        inbox.wait_for_room(Duration::from_secs(30));
        assert!(!inbox.state.lock().lagging);
        assert_eq!(inbox.offer(&batch(62)), 0);
        assert_eq!(inbox.offer(&batch(2)), 1);
        assert_eq!(sizes(&inbox), [62, 2]);
        assert_eq!(inbox.state.lock().bytes, 0);
    }

    #[test]
    fn a_body_larger_than_the_queue_passes_alone() {
        let inbox = self::inbox(10, 10);
        inbox.offer(&batch(50));
        inbox.offer(&batch(1));
        assert_eq!((sizes(&inbox), inbox.dropped()), (vec![1], 50));
        inbox.offer(&batch(50));
        assert_eq!(sizes(&inbox), [50]);
    }

    #[test]
    fn a_task_that_made_a_writer_wait_in_vain_makes_nobody_wait_until_it_caught_up() {
        let inbox = self::inbox(2, 100);
        inbox.offer(&batch(1));
        assert!(!inbox.wants_patience());
        inbox.offer(&batch(1));
        assert!(inbox.wants_patience());
        inbox.wait_for_room(Duration::from_millis(1));
        assert!(!inbox.wants_patience());
        inbox.offer(&batch(1));
        assert_eq!(inbox.dropped(), 1);
        assert!(matches!(inbox.next(Duration::ZERO, true), Event::Data(_)));
        inbox.offer(&batch(1));
        assert!(inbox.wants_patience(), "it was half empty in between");
    }

    #[test]
    fn commands_come_before_wake_ups_and_data_last() {
        let inbox = self::inbox(10, 10);
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
