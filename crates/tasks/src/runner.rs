//! One running task on a thread of its own.
//!
//! The thread owns the engine's [`Task`]: it hands in data, answers and timers, publishes statistics, takes snapshots, and
//! starts the task again when it ended with an error (N-17) or a panic (N-18), waiting longer each time. Whoever asks for
//! statistics gets the latest published ones even while a node is busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_flow::{Endpoints, Pipeline, Ports, StartError, Task, TaskError, TaskStats};
use capstan_ingest::{DbRp, Ingest, Subscription, SubscriptionId};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use crate::feed::Feed;
use crate::inbox::{Event, Inbox, Limits};
use crate::packed;
use crate::turns::{Turn, Turns};

/// How long a reader waits for fresh statistics before it takes the latest published ones.
const STATS_PATIENCE: Duration = Duration::from_millis(50);
/// How often statistics are published while data comes.
const STATS_INTERVAL: Duration = Duration::from_millis(250);
/// The longest a thread waits without looking at the clock.
const TICK: Duration = Duration::from_secs(1);
/// How long a task that ends waits for answers that are under way, such as a scale write.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How long a snapshot waits for what nodes keep elsewhere; then it is left out this time.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(10);
/// When a task whose snapshot is due asks again while another one takes its own.
const NEXT_TURN: Duration = Duration::from_millis(250);
/// The longest wait before a restart.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);
/// A task that ran this long starts with the first waiting time again.
const STABLE: Duration = Duration::from_mins(2);

/// What a runner tells its owner. Called from the task's thread.
pub(crate) trait Observer: Send + Sync {
    /// The task ended with an error and will be started again.
    fn failed(&self, id: &str, error: &str);

    /// What the task remembers; to be kept for its next start.
    fn snapshot(&self, id: &str, snapshot: &[u8]);

    /// What was kept last.
    fn recall(&self, id: &str) -> Option<Vec<u8>>;
}

/// How tasks are run.
#[derive(Clone)]
pub(crate) struct RunOptions {
    pub(crate) clock: SharedClock,
    pub(crate) ingest: Arc<Ingest>,
    /// As given by the process; `endpoints` and `wake` are made per task.
    pub(crate) ports: Ports,
    pub(crate) queue: Limits,
    pub(crate) snapshot_interval: Duration,
    pub(crate) group_ttl: Option<Duration>,
    /// Waiting time before the first restart; doubled by each failure.
    pub(crate) restart_backoff: Duration,
    /// Whose turn it is to take a periodic snapshot.
    pub(crate) snapshots: Arc<Turns>,
}

/// What is to be run.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) id: Arc<str>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) dbrps: Vec<(Arc<str>, Arc<str>)>,
}

/// How a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its input ended: nodes flush what they flush (N-15).
    Finish,
    /// The process ends: everything stays as it is for the next start.
    Suspend,
    /// It is gone for good.
    Discard,
}

enum Command {
    Stats(Sender<()>),
    End(Ending),
}

/// A handle to a running task.
pub(crate) struct Running {
    program: Program,
    ingest: Arc<Ingest>,
    subscription: SubscriptionId,
    shared: Arc<Shared>,
    /// Disconnected when the thread is gone.
    gone: Receiver<()>,
}

struct Shared {
    inbox: Arc<Inbox<Command>>,
    endpoints: Endpoints,
    stats: Mutex<Arc<TaskStats>>,
    executing: AtomicBool,
    restarts: AtomicU64,
    /// The owner is not told of anything any more.
    abandoned: AtomicBool,
}

impl Running {
    /// Starts a task, with what an earlier run remembered.
    pub(crate) fn start(
        program: Program,
        options: RunOptions,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(Shared {
            inbox: Arc::new(Inbox::new(options.queue)),
            endpoints: Endpoints::default(),
            stats: Mutex::default(),
            executing: AtomicBool::new(true),
            restarts: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
        });
        let now = options.clock.monotonic();
        let ingest = Arc::clone(&options.ingest);
        let clock = Arc::clone(&options.clock);
        let worker = Worker {
            program: program.clone(),
            shared: Arc::clone(&shared),
            observer,
            last_snapshot: None,
            next_snapshot: now + options.snapshot_interval,
            snapshot: None,
            next_stats: now,
            backoff: options.restart_backoff,
            started: now,
            options,
        };
        let task = worker.make(true)?;
        *shared.stats.lock() = Arc::new(task.stats());
        let subscription = Subscription {
            dbrps: program
                .dbrps
                .iter()
                .map(|(db, rp)| DbRp::new(&**db, &**rp))
                .collect(),
            measurements: task
                .measurements()
                .map(|names| names.iter().map(ToString::to_string).collect()),
        };
        let (held, gone) = bounded(0);
        std::thread::Builder::new()
            .name(format!("task {}", program.id))
            .spawn(move || {
                let _held: Sender<()> = held;
                worker.run(task);
            })
            .map_err(|error| StartError {
                node: String::new(),
                message: format!("cannot start a thread: {error}"),
            })?;
        // Only now, when everything that can fail has not.
        let feed = Feed::new(Arc::clone(&program.id), Arc::clone(&shared.inbox), clock);
        let subscription = ingest.subscribe(subscription, Arc::new(feed));
        Ok(Self {
            program,
            ingest,
            subscription,
            shared,
            gone,
        })
    }

    pub(crate) fn pipeline(&self) -> &Arc<Pipeline> {
        &self.program.pipeline
    }

    /// Whether the task runs now; it does not while it waits to be started again.
    pub(crate) fn executing(&self) -> bool {
        self.shared.executing.load(Ordering::Relaxed)
    }

    /// How often it was started again after an error.
    pub(crate) fn restarts(&self) -> u64 {
        self.shared.restarts.load(Ordering::Relaxed)
    }

    /// Points dropped because the task could not keep up.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.inbox.dropped()
    }

    /// Whether a writer to this database and retention policy should wait for room.
    pub(crate) fn wants_patience(&self, database: &str, retention_policy: &str) -> bool {
        self.program
            .dbrps
            .iter()
            .any(|(db, rp)| **db == *database && **rp == *retention_policy)
            && self.shared.inbox.wants_patience()
    }

    pub(crate) fn wait_for_room(&self, patience: Duration) {
        self.shared.inbox.wait_for_room(patience);
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.shared.endpoints
    }

    /// Statistics: of this moment when the task answers soon, else the latest published.
    pub(crate) fn stats(&self) -> Arc<TaskStats> {
        let (reply, answer) = bounded(1);
        self.shared.inbox.command(Command::Stats(reply));
        // An error means that the task is busy or over: what was published last is as good as it gets.
        let _ = answer.recv_timeout(STATS_PATIENCE);
        Arc::clone(&self.shared.stats.lock())
    }

    /// Asks the task to end; see [`Running::join`].
    pub(crate) fn end(&self, ending: Ending) {
        self.ingest.unsubscribe(self.subscription);
        self.shared.inbox.close();
        if ending == Ending::Discard {
            self.shared.abandoned.store(true, Ordering::Relaxed);
        }
        self.shared.inbox.command(Command::End(ending));
    }

    /// Waits until the thread is gone, at most `patience`; says whether it is. A thread that hangs in a node is left behind.
    pub(crate) fn join(&self, patience: Duration) -> bool {
        let ended = matches!(
            self.gone.recv_timeout(patience),
            Err(RecvTimeoutError::Disconnected)
        );
        if !ended {
            self.shared.abandoned.store(true, Ordering::Relaxed);
        }
        ended
    }
}

struct Worker {
    program: Program,
    options: RunOptions,
    shared: Arc<Shared>,
    observer: Arc<dyn Observer>,
    /// Length and digest of what was kept last.
    last_snapshot: Option<(usize, u64)>,
    /// Monotonic times.
    next_snapshot: Duration,
    /// The snapshot that is being prepared: until when that may take, and our turn.
    snapshot: Option<(Duration, Turn)>,
    next_stats: Duration,
    started: Duration,
    backoff: Duration,
}

impl Worker {
    /// Makes the task and starts it.
    fn make(&self, restore: bool) -> Result<Task, StartError> {
        let inbox = Arc::clone(&self.shared.inbox);
        let ports = Ports {
            endpoints: self.shared.endpoints.clone(),
            wake: Arc::new(move || inbox.wake()),
            ..self.options.ports.clone()
        };
        let Program { id, pipeline, dbrps } = self.program.clone();
        let mut task = Task::new(id, pipeline, dbrps, ports)?;
        if restore && let Some(snapshot) = self.observer.recall(&self.program.id) {
            match packed::unpack(snapshot).map(|text| task.restore(&text)) {
                Ok(Ok(fresh)) if fresh.is_empty() => {}
                Ok(Ok(fresh)) => {
                    tracing::info!(task = %self.program.id, nodes = ?fresh, "nodes start afresh");
                }
                Ok(Err(error)) => {
                    tracing::warn!(task = %self.program.id, %error, "what the task remembered was lost");
                }
                Err(error) => {
                    tracing::warn!(task = %self.program.id, %error, "what the task remembered was lost");
                }
            }
        }
        if let Some(ttl) = self.options.group_ttl {
            task.forget_idle_groups(ttl);
        }
        task.start()?;
        Ok(task)
    }

    fn run(mut self, mut task: Task) {
        loop {
            let Err(error) = self.work(&mut task) else { return };
            self.shared.executing.store(false, Ordering::Relaxed);
            let text = error.to_string();
            if matches!(error, TaskError::Panic { .. }) {
                tracing::error!(task = %self.program.id, error = text, "a defect ended the task");
            } else {
                tracing::error!(task = %self.program.id, error = text, "task finished with error");
            }
            self.tell_failure(&text);
            drop(task);
            match self.start_again() {
                Some(again) => task = again,
                None => return,
            }
        }
    }

    /// Waits and starts the task anew until it starts; `None` when it was asked to end meanwhile.
    fn start_again(&mut self) -> Option<Task> {
        let clock = Arc::clone(&self.options.clock);
        self.snapshot = None;
        // What the task remembered may be what broke it: only a task that had run for long takes it back.
        let mut restore = true;
        if clock.monotonic().saturating_sub(self.started) >= STABLE {
            self.backoff = self.options.restart_backoff;
        } else if self.shared.restarts.load(Ordering::Relaxed) > 0 {
            restore = false;
        }
        loop {
            let until = clock.monotonic() + self.backoff;
            self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
            loop {
                let left = until.saturating_sub(clock.monotonic());
                if left.is_zero() {
                    break;
                }
                match self.shared.inbox.next(left.min(TICK), false) {
                    Event::Command(Command::End(_)) => return None,
                    Event::Command(Command::Stats(reply)) => drop(reply),
                    Event::Wake | Event::Data(_) | Event::Timeout => {}
                }
            }
            self.shared.restarts.fetch_add(1, Ordering::Relaxed);
            match self.make(restore) {
                Ok(task) => {
                    tracing::info!(task = %self.program.id, "task started again");
                    self.started = clock.monotonic();
                    self.shared.executing.store(true, Ordering::Relaxed);
                    return Some(task);
                }
                Err(error) => self.tell_failure(&error.to_string()),
            }
        }
    }

    /// Runs the task until it is asked to end (`Ok`) or ends by itself.
    fn work(&mut self, task: &mut Task) -> Result<(), TaskError> {
        loop {
            match self.shared.inbox.next(self.patience(task), !task.is_busy()) {
                Event::Data(batch) => task.collect(&batch)?,
                Event::Wake => task.complete()?,
                Event::Command(Command::Stats(reply)) => {
                    self.publish(task);
                    // Nobody waits any more when this fails.
                    let _ = reply.try_send(());
                }
                Event::Command(Command::End(ending)) => {
                    self.end(task, ending);
                    return Ok(());
                }
                Event::Timeout => {}
            }
            let wall = self.options.clock.now_nanos();
            if task.next_timer().is_some_and(|due| due <= wall) {
                task.fire_timers(wall)?;
            }
            task.expire()?;
            let now = self.options.clock.monotonic();
            if now >= self.next_stats {
                self.next_stats = now + STATS_INTERVAL;
                self.publish(task);
            }
            if now >= self.next_snapshot {
                if let Some(turn) = self.options.snapshots.take() {
                    self.next_snapshot = now + self.options.snapshot_interval;
                    task.prepare_snapshot()?;
                    self.snapshot = Some((now + SNAPSHOT_PATIENCE, turn));
                } else {
                    self.next_snapshot = now + NEXT_TURN;
                }
            }
            self.go_on_with_snapshot(task);
        }
    }

    /// Takes the snapshot that was begun as soon as it is complete.
    fn go_on_with_snapshot(&mut self, task: &mut Task) {
        let Some((until, _)) = &self.snapshot else { return };
        if !task.is_preparing() {
            self.remember(task);
        } else if self.options.clock.monotonic() >= *until {
            task.abandon_snapshot();
            tracing::warn!(task = %self.program.id, "no snapshot was taken: a node did not give its state in time");
        } else {
            return;
        }
        self.snapshot = None;
    }

    /// How long nothing needs to be done.
    fn patience(&self, task: &Task) -> Duration {
        let timer = task.next_timer().map_or(TICK, |due| {
            let nanos = due.saturating_sub(self.options.clock.now_nanos());
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
        });
        let snapshot = self.next_snapshot.saturating_sub(self.options.clock.monotonic());
        timer.min(snapshot).min(TICK)
    }

    fn end(&mut self, task: &mut Task, ending: Ending) {
        if ending != Ending::Discard {
            let deadline = self.options.clock.monotonic() + LAST_ANSWERS;
            // Data that was accepted is worked through first.
            loop {
                let left = deadline.saturating_sub(self.options.clock.monotonic());
                let wait = if task.is_busy() { left } else { Duration::ZERO };
                let outcome = match self.shared.inbox.next(wait, wait.is_zero()) {
                    Event::Data(batch) => task.collect(&batch),
                    Event::Wake => task.complete(),
                    Event::Timeout if wait.is_zero() => break,
                    // A function that is that slow gets all of it at once.
                    Event::Timeout | Event::Command(_) => Ok(()),
                };
                if let Err(error) = outcome {
                    self.tell_failure(&error.to_string());
                    break;
                }
            }
            self.prepare_last_snapshot(task, deadline);
            if ending == Ending::Finish
                && task.is_running()
                && let Err(error) = task.finish()
            {
                self.tell_failure(&error.to_string());
            }
            if let Err(error) = self.last_answers(task) {
                self.tell_failure(&error.to_string());
            }
            self.remember(task);
        }
        self.publish(task);
        self.shared.executing.store(false, Ordering::Relaxed);
        task.stop();
    }

    /// Takes in the answers that are under way, and what nodes below make of them; not for ever.
    fn last_answers(&self, task: &mut Task) -> Result<(), TaskError> {
        let clock = &self.options.clock;
        let deadline = clock.monotonic() + LAST_ANSWERS;
        while task.pending() > 0 {
            let left = deadline.saturating_sub(clock.monotonic());
            if left.is_zero() {
                tracing::warn!(task = %self.program.id, answers = task.pending(), "task ended before answers came");
                return task.finish_now();
            }
            if let Event::Wake = self.shared.inbox.next(left, false) {
                task.complete()?;
            }
        }
        Ok(())
    }

    /// Has nodes give what they keep elsewhere, which they cannot once they are finished.
    fn prepare_last_snapshot(&self, task: &mut Task, deadline: Duration) {
        if task.is_running()
            && let Err(error) = task.prepare_snapshot()
        {
            self.tell_failure(&error.to_string());
        }
        while task.is_preparing() {
            let left = deadline.saturating_sub(self.options.clock.monotonic());
            if left.is_zero() {
                task.abandon_snapshot();
            } else if let Event::Wake = self.shared.inbox.next(left, false)
                && let Err(error) = task.complete()
            {
                self.tell_failure(&error.to_string());
            }
        }
    }

    fn publish(&self, task: &Task) {
        *self.shared.stats.lock() = Arc::new(task.stats());
    }

    fn remember(&mut self, task: &Task) {
        if self.shared.abandoned.load(Ordering::Relaxed) {
            return;
        }
        let packed = match packed::pack(|out| task.write_snapshot(out)) {
            Ok(packed) => packed,
            Err(error) => {
                tracing::error!(task = %self.program.id, %error, "what the task remembers cannot be written");
                return;
            }
        };
        let digest = Some((packed.len(), packed::digest(&packed)));
        if self.last_snapshot != digest {
            self.observer.snapshot(&self.program.id, &packed);
            self.last_snapshot = digest;
        }
    }

    fn tell_failure(&self, error: &str) {
        if !self.shared.abandoned.load(Ordering::Relaxed) {
            self.observer.failed(&self.program.id, error);
        }
    }
}
