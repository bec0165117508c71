//! When collectors run.
//!
//! Collectors that ask the same question at the same interval run together, so that their question is asked once; other
//! questions have their own place in the interval, so that a server is not asked everything at once. A question that
//! fails is tried again soon, and then less and less often, but never less than its interval says.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_collectors::{Built, CollectError};
use capstan_metrics::{Owner, Store};
use capstan_runtime::Shutdown;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::stats::Stats;

/// How soon a failed question is tried again at first.
const RETRY: Duration = Duration::from_secs(1);

/// Collectors of one question that run at once. What they share is asked once, however many they are.
const AT_ONCE: usize = 64;

type Question = (String, Duration);

/// Runs collectors until it is dropped or told to stop.
#[derive(Debug)]
pub(crate) struct Runner {
    shared: Arc<Shared>,
    shutdown: Shutdown,
}

#[derive(Debug)]
struct Shared {
    clock: SharedClock,
    store: Arc<Store>,
    stats: Arc<Stats>,
    groups: Mutex<HashMap<Question, Arc<Group>>>,
}

/// The collectors of one question.
#[derive(Debug)]
struct Group {
    question: Question,
    members: Mutex<Members>,
    joined: Notify,
}

#[derive(Debug, Default)]
struct Members {
    all: BTreeMap<Owner, Arc<Built>>,
    /// Those that never ran.
    new: Vec<Owner>,
    /// Nobody is left and nobody may join any more.
    closed: bool,
}

impl Runner {
    pub(crate) fn new(clock: SharedClock, store: Arc<Store>, stats: Arc<Stats>, shutdown: Shutdown) -> Self {
        let shared = Arc::new(Shared {
            clock,
            store,
            stats,
            groups: Mutex::default(),
        });
        Self { shared, shutdown }
    }

    /// Runs a collector from now on, at once for the first time.
    pub(crate) fn add(&self, owner: Owner, built: Arc<Built>) {
        let question = (built.collector.question(), built.interval);
        loop {
            let mut groups = self.shared.groups.lock();
            let group = groups.entry(question.clone()).or_insert_with(|| {
                let group = Arc::new(Group {
                    question: question.clone(),
                    members: Mutex::default(),
                    joined: Notify::new(),
                });
                let (shared, group_of_task) = (Arc::clone(&self.shared), Arc::clone(&group));
                let shutdown = self.shutdown.clone();
                capstan_runtime::spawn("collectors", async move {
                    tokio::select! {
                        () = shared.run(&group_of_task) => {}
                        () = shutdown.raised() => {}
                    }
                });
                group
            });
            let mut members = group.members.lock();
            if members.closed {
                // Its task has just ended; it is taken off the list next.
                drop(members);
                groups.remove(&question);
                continue;
            }
            members.all.insert(owner, built);
            members.new.push(owner);
            group.joined.notify_one();
            return;
        }
    }

    /// Runs a collector no more, and forgets its values.
    pub(crate) fn remove(&self, owner: Owner, built: &Built) {
        let question = (built.collector.question(), built.interval);
        let group = self.shared.groups.lock().get(&question).cloned();
        if let Some(group) = group {
            let mut members = group.members.lock();
            members.all.remove(&owner);
            self.shared.store.retire(owner);
            group.joined.notify_one();
        }
    }

    /// How many different questions are asked.
    pub(crate) fn questions(&self) -> usize {
        self.shared.groups.lock().len()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.shutdown.raise();
    }
}

impl Shared {
    async fn run(&self, group: &Group) {
        let mut failures: u32 = 0;
        let mut due = self.clock.monotonic();
        loop {
            let now = self.clock.monotonic();
            let is_due = now >= due;
            let members = {
                let mut members = group.members.lock();
                if members.all.is_empty() {
                    members.closed = true;
                    break;
                }
                let new = std::mem::take(&mut members.new);
                let chosen: Vec<(Owner, Arc<Built>)> = members
                    .all
                    .iter()
                    .filter(|(owner, _)| is_due || new.contains(owner))
                    .map(|(owner, built)| (*owner, Arc::clone(built)))
                    .collect();
                chosen
            };
            let outcome = self.collect(group, members).await;
            if is_due {
                failures = if outcome.succeeded || outcome.failed == 0 {
                    0
                } else {
                    failures.saturating_add(1)
                };
                let now = self.clock.monotonic();
                due = now + pause(&group.question, now, failures, outcome.retry_after);
            }
            let wait = due.saturating_sub(self.clock.monotonic());
            tokio::select! {
                () = capstan_runtime::sleep(wait) => {}
                () = group.joined.notified() => {}
            }
        }
        let mut groups = self.groups.lock();
        if groups
            .get(&group.question)
            .is_some_and(|known| std::ptr::eq(Arc::as_ptr(known), group))
        {
            groups.remove(&group.question);
        }
    }

    async fn collect(&self, group: &Group, members: Vec<(Owner, Arc<Built>)>) -> Outcome {
        let mut outcome = Outcome::default();
        let mut waiting = members.into_iter();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < AT_ONCE
                && let Some((owner, built)) = waiting.next()
            {
                running.push(async move {
                    let started = self.clock.monotonic();
                    let collected = built.collector.collect().await;
                    (
                        owner,
                        built,
                        collected,
                        self.clock.monotonic().saturating_sub(started),
                    )
                });
            }
            let Some((owner, built, collected, took)) = running.next().await else {
                return outcome;
            };
            self.stats.collected(built.name, collected.is_ok(), took);
            // Under the lock, so that nobody who is removed meanwhile leaves values behind.
            let members = group.members.lock();
            if !members.all.contains_key(&owner) {
                continue;
            }
            match collected {
                Ok(collected) => {
                    outcome.succeeded = true;
                    self.stats.updated(collected.samples.len());
                    tracing::debug!(
                        collector = built.name,
                        "Collected {} new metric(s)",
                        collected.samples.len()
                    );
                    self.store
                        .publish(owner, collected.samples, built.max_age, collected.missing);
                }
                Err(error) => {
                    outcome.failed += 1;
                    outcome.note(&error);
                    tracing::warn!(collector = built.name, "Failed to collect metrics: {error}");
                    self.store.fail(owner, error.message);
                }
            }
        }
    }
}

#[derive(Debug, Default)]
struct Outcome {
    succeeded: bool,
    failed: usize,
    retry_after: Option<Duration>,
}

impl Outcome {
    fn note(&mut self, error: &CollectError) {
        let asked = error.retry_after.map(Duration::from_secs);
        self.retry_after = self.retry_after.max(asked);
    }
}

/// How long until the question is asked again: until its place in the interval, or sooner after failures.
fn pause(
    (question, interval): &Question,
    now: Duration,
    failures: u32,
    retry_after: Option<Duration>,
) -> Duration {
    let mut hasher = DefaultHasher::new();
    question.hash(&mut hasher);
    let hash = hasher.finish();
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
    let into = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX) % nanos;
    let place = hash % nanos;
    let mut wait = (place + nanos - into) % nanos;
    // Just now was its place: the next one.
    if wait < nanos / 10 {
        wait += nanos;
    }
    let regular = Duration::from_nanos(wait);
    if failures == 0 {
        return regular;
    }
    let backoff = RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16));
    // A tenth more at most, different for each attempt.
    let jitter = backoff.mul_f64((hash.rotate_left(failures * 7) % 1000) as f64 / 10_000.0);
    let soon = (backoff + jitter).max(retry_after.unwrap_or_default());
    if retry_after.is_some_and(|asked| asked > regular) {
        return soon;
    }
    soon.min(regular)
}
