//! A worker: its share of the HPAs, one after the other, each when it is due.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_hpa::memory::Memory;
use capstan_hpa::reconcile::{self, Outcome, Progress, Start};
use capstan_hpa::record::{Age, LastGood, Record, Source};
use capstan_runtime::Shutdown;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::controller::Shared;
use crate::queue::Queue;
use crate::shadow::Look;
use crate::standing::Standing;
use crate::subject::{Key, Kind, Subject};
use crate::world::Visit;

/// Looks in a row before others get their turn on the thread.
const TURN: usize = 32;

/// Recommendations that are not worth looking through.
const COMPACT: usize = 16;

/// Looks in a row that have to find a metric missing before the fallback counts: one failure is no outage.
const PATIENCE: u32 = 3;

/// A change of an HPA.
#[derive(Debug)]
pub(crate) enum Change {
    /// It is there, or is another one now.
    Set {
        /// The object.
        subject: Box<Subject>,
        /// It was there when we came: looks at those are spread over a tenth of the period.
        listed: bool,
    },
    /// It is gone, or no longer ours.
    Gone(Key),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    changes: mpsc::Receiver<Change>,
    queue: Queue,
    entries: HashMap<Key, Entry>,
}

/// What is known of one HPA. It outlives the object until its next look: one that is deleted and made anew within a
/// period keeps its memory, as upstream's does.
#[derive(Debug, Default)]
struct Entry {
    subject: Option<Arc<Subject>>,
    memory: Memory,
    /// Version of the target at our last write.
    wrote: Option<u64>,
    /// How many looks in a row found a metric missing.
    missed: u32,
    /// The last value of each metric, and when it was measured.
    good: Vec<(String, f64, Timestamp)>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, changes: mpsc::Receiver<Change>) -> Self {
        Self {
            shared,
            changes,
            queue: Queue::default(),
            entries: HashMap::new(),
        }
    }

    /// Works until it is told to stop; a look under way is finished.
    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let mut turn = 0;
        loop {
            while let Ok(change) = self.changes.try_recv() {
                self.apply(change);
            }
            if shutdown.is_raised() {
                return;
            }
            let now = self.shared.world.clock.monotonic();
            if let Some((key, due)) = self.queue.pop(now) {
                if let Some(period) = self.look(&key, due).await {
                    let now = self.shared.world.clock.monotonic();
                    self.queue.add(&key, now + period);
                }
                turn += 1;
                if turn % TURN == 0 {
                    tokio::task::yield_now().await;
                }
                continue;
            }
            let next = self.queue.next_due();
            let wait = async {
                match next {
                    Some(due) => capstan_runtime::sleep(due.saturating_sub(now)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                change = self.changes.recv() => match change {
                    Some(change) => self.apply(change),
                    None => return,
                },
                () = wait => {}
                () = shutdown.raised() => return,
            }
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Set { subject, listed } => {
                let key = subject.key.clone();
                let mut due = self.shared.world.clock.monotonic() + subject.period;
                if listed {
                    due += spread(&key, subject.period);
                }
                let entry = self.entries.entry(key.clone()).or_default();
                if entry.subject.is_none() {
                    self.shared.stats.added();
                }
                if entry
                    .subject
                    .as_deref()
                    .is_none_or(|old| !is_older(&subject, old))
                {
                    entry.subject = Some(Arc::from(subject));
                }
                self.queue.add(&key, due);
            }
            Change::Gone(key) => {
                if let Some(entry) = self.entries.get_mut(&key)
                    && entry.subject.take().is_some()
                {
                    self.shared.stats.removed(&key);
                }
                self.shared.world.selectors.remove(&key);
                self.shared.comparisons.forget(&key);
            }
        }
    }

    /// One look at an HPA; gives after how long to look again, or `None` if it is gone.
    async fn look(&mut self, key: &Key, due: Duration) -> Option<Duration> {
        let shared = Arc::clone(&self.shared);
        let entry = self.entries.get_mut(key)?;
        let Some(subject) = entry.subject.clone() else {
            self.entries.remove(key);
            return None;
        };
        let clock = &shared.world.clock;
        let began = clock.monotonic();
        let standing = Standing::of(&subject, &shared.world.targets);
        let mut visit = Visit {
            least: entry.wrote,
            withhold: standing != Standing::Acts,
            ..Visit::default()
        };
        let subject = entry.tell(&shared, subject, &standing, &mut visit).await;
        let start = Start {
            hpa: Arc::clone(&subject.hpa),
            memory: std::mem::take(&mut entry.memory),
            options: Arc::clone(match &subject.fallback {
                Some(fallback) if entry.missed >= PATIENCE => fallback,
                _ => &subject.arithmetic,
            }),
            keep_inputs: true,
        };
        let mut progress = reconcile::Sync::start(start, clock.now());
        let mut outcome = loop {
            match progress {
                Progress::Request(request, sync) => {
                    let answer = shared.world.answer(&subject, request, &mut visit).await;
                    progress = sync.resume(answer, clock.now());
                }
                Progress::Done(outcome) => break *outcome,
            }
        };
        let took = clock.monotonic().saturating_sub(began);
        shared
            .stats
            .synced(outcome.reconciliation, began.saturating_sub(due), took);
        entry.wrote = visit.least;
        if let Some(written) = visit.written.take() {
            entry.refresh(&shared, key, written);
        }
        entry.missed = if has_missing(&outcome.record) {
            entry.missed.saturating_add(1)
        } else {
            0
        };
        entry.look_back(&mut outcome.record);
        entry.memory = finish(&shared, &subject, outcome, &visit);
        Some(subject.period)
    }
}

impl Entry {
    /// Notes the values of a decision, and says beside those that are missing what they were last.
    fn look_back(&mut self, record: &mut Record) {
        let now = record.time;
        for input in &mut record.inputs {
            let known = self.good.iter_mut().find(|(name, ..)| *name == input.name);
            match (input.value, known) {
                (Some(value), Some(known)) => (known.1, known.2) = (value, input.time.unwrap_or(now)),
                (Some(value), None) => {
                    let time = input.time.unwrap_or(now);
                    self.good.push((input.name.clone(), value, time));
                }
                (None, Some(&mut (_, value, time))) => {
                    let age = now.as_nanosecond() - time.as_nanosecond();
                    let age = Age(i64::try_from(age).unwrap_or(i64::MAX));
                    input.last_good = Some(LastGood { value, time, age });
                }
                (None, None) => {}
            }
        }
        // The spec may name others by now.
        if self.good.len() > record.inputs.len() && !record.inputs.is_empty() {
            self.good
                .retain(|(name, ..)| record.inputs.iter().any(|input| input.name == *name));
        }
    }

    /// Says on the object whether we act on it, unless it says so already. Gives the object to go on from.
    async fn tell(
        &mut self,
        shared: &Shared,
        subject: Arc<Subject>,
        standing: &Standing,
        visit: &mut Visit,
    ) -> Arc<Subject> {
        let Some((hpa, event)) = standing.news(&subject, shared.world.clock.now()) else {
            return subject;
        };
        shared.world.put_status(&subject, "", &hpa, visit).await;
        let Some(written) = visit.written.take() else {
            // The next look tries again.
            return subject;
        };
        if let Some(event) = event {
            shared.world.recorder.note(&subject, event);
        }
        self.refresh(shared, &subject.key, written);
        self.subject.clone().unwrap_or(subject)
    }

    /// Goes on from the object that the server gave back, in case the watch is late.
    fn refresh(&mut self, shared: &Shared, key: &Key, object: Value) {
        if let Ok(Some(subject)) = Subject::read(key.kind, object, &shared.options)
            && self.subject.as_deref().is_none_or(|old| !is_older(&subject, old))
        {
            self.subject = Some(Arc::new(subject));
        }
    }
}

/// Whether a metric could not be had.
fn has_missing(record: &Record) -> bool {
    record.inputs.iter().any(|input| input.value.is_none())
}

/// Notes what came of a look, and gives what to remember.
fn finish(shared: &Shared, subject: &Subject, outcome: Outcome, visit: &Visit) -> Memory {
    for (at, result) in outcome.metric_results.iter().enumerate() {
        let took = visit.metrics.get(at).copied().unwrap_or_default();
        shared.stats.computed(result, took);
    }
    if let Some(desired) = outcome.desired {
        shared.stats.desired(&subject.key, desired);
    }
    if let Some(error) = &outcome.error {
        tracing::debug!(hpa = %subject.key, error, "a look at an HPA ended with an error");
    }
    if subject.shadow && subject.key.kind == Kind::Hpa {
        let status = &subject.hpa.status;
        let look = Look {
            time: outcome.record.time,
            current: i32::try_from(outcome.record.current_replicas).unwrap_or(i32::MAX),
            ours: outcome.desired,
            theirs: (!status.conditions.is_empty()).then_some(status.desired_replicas),
        };
        // Without a scale there is nothing to compare.
        if outcome
            .record
            .arithmetic
            .as_ref()
            .is_some_and(|all| all.max_replicas > 0)
        {
            shared.comparisons.look(&subject.key, look);
        }
    }
    let mut record = outcome.record;
    if subject.key.kind == Kind::Autoscaler {
        record.source = Source::autoscaler(&*subject.key.name);
    }
    shared.decisions.push(record);
    let mut memory = outcome.memory;
    if memory.recommendations().len() >= COMPACT {
        memory.compact();
    }
    memory
}

/// Whether an object is an older state of the same object.
fn is_older(subject: &Subject, than: &Subject) -> bool {
    let version = |subject: &Subject| subject.hpa.resource_version().parse::<u64>().ok();
    subject.hpa.uid() == than.hpa.uid() && version(subject) < version(than)
}

fn spread(key: &Key, period: Duration) -> Duration {
    period / 10 * key.shard(1024) as u32 / 1024
}
