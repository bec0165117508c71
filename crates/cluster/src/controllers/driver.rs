//! Watches, the work queue and the retries of a controller.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::{Resource, Status, meta};
use capstan_runtime::{sleep, spawn};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Context;
use crate::storage::EventKind;
use crate::watch::Event;

/// The first retry of a key comes after this long, the next after twice that, up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(5);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// A watch that ended is opened again after this long.
const REWATCH: Duration = Duration::from_millis(50);

/// Resting keys are swept when there are so many: those of objects long gone stay no longer.
const RESTING: usize = 1024;

/// What a controller works on: an object by namespace (empty for cluster-wide kinds) and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn of(object: &Value) -> Self {
        Self {
            namespace: meta::namespace(object).to_owned(),
            name: meta::name(object).to_owned(),
        }
    }

    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The namespace as the store wants it.
    pub(crate) fn scope(&self) -> Option<&str> {
        (!self.namespace.is_empty()).then_some(self.namespace.as_str())
    }
}

/// A control loop: level-triggered, it looks at the present state of one key and moves it towards what is wanted.
pub(crate) trait Controller: Send + Sync + 'static {
    /// For logs.
    fn name(&self) -> &'static str;
    /// The kinds to follow.
    fn watches(&self) -> Vec<Resource>;
    /// The keys a change concerns.
    fn concerns(&self, context: &Context, resource: Resource, event: &Event) -> Vec<Key>;
    /// Moves one key towards what is wanted; `Some` asks to be called again after that time.
    fn reconcile(&self, context: &Context, key: &Key) -> Result<Option<Duration>, Status>;
}

/// Runs a controller until shutdown.
pub(crate) fn drive(context: &Context, controller: Arc<dyn Controller>) -> JoinHandle<()> {
    let context = context.clone();
    spawn(controller.name(), async move {
        let queue = Arc::new(Queue::default());
        let followers: Vec<_> = controller
            .watches()
            .into_iter()
            .map(|resource| {
                let (context, controller, queue) =
                    (context.clone(), Arc::clone(&controller), Arc::clone(&queue));
                spawn("controller watch", async move {
                    let inner = context.clone();
                    follow(&context, resource, move |event| {
                        for key in controller.concerns(&inner, resource, event) {
                            queue.push(key);
                        }
                    })
                    .await;
                })
            })
            .collect();
        work(&context, controller.as_ref(), &queue).await;
        for follower in followers {
            follower.abort();
        }
    })
}

async fn work(context: &Context, controller: &dyn Controller, queue: &Queue) {
    let mut failures: HashMap<Key, u32> = HashMap::new();
    loop {
        let key = tokio::select! {
            () = context.shutdown.raised() => return,
            key = queue.next(context) => key,
        };
        let started = context.clock.monotonic();
        let outcome = controller.reconcile(context, &key);
        let now = context.clock.monotonic();
        // Whoever asks to go on at once is making progress, not repeating itself.
        let rest = if matches!(outcome, Ok(Some(Duration::ZERO))) {
            Duration::ZERO
        } else {
            now.saturating_sub(started)
        };
        queue.finish(&key, now, rest);
        match outcome {
            Ok(again) => {
                failures.remove(&key);
                if let Some(after) = again {
                    queue.push_at(key, now + after);
                }
            }
            // Somebody wrote meanwhile: look again at once.
            Err(status) if status.is_conflict() => queue.push(key),
            Err(status) => {
                let count = failures.entry(key.clone()).or_default();
                let after = FIRST_BACKOFF
                    .saturating_mul(1 << (*count).min(13))
                    .min(MAX_BACKOFF);
                *count += 1;
                tracing::debug!(
                    controller = controller.name(), namespace = key.namespace, name = key.name, error = %status,
                    "reconciling failed"
                );
                queue.push_at(key, now + after);
            }
        }
        // The reconciliation itself never waits; others get their turn here.
        tokio::task::yield_now().await;
    }
}

/// Calls `on` for every object of a kind and then for every change, until shutdown. After a watch was cut off all
/// objects come again as added; deletions in between are not told.
pub(crate) async fn follow(context: &Context, resource: Resource, mut on: impl FnMut(&Event) + Send) {
    loop {
        match context.objects.watch(resource, None, None) {
            Ok(mut watch) => loop {
                let event = tokio::select! {
                    () = context.shutdown.raised() => return,
                    event = watch.next() => event,
                };
                match event {
                    Some(event) if event.kind == EventKind::Bookmark => {}
                    Some(event) if event.kind != EventKind::Error => on(&event),
                    _ => break,
                }
            },
            Err(error) => tracing::debug!(resource = %resource.qualified(), %error, "cannot watch"),
        }
        tokio::select! {
            () = context.shutdown.raised() => return,
            () = sleep(REWATCH) => {}
        }
    }
}

/// Keys to work on, each at most once. Its size is bounded by the number of objects.
#[derive(Debug, Default)]
struct Queue {
    inner: Mutex<Inner>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    ready: VecDeque<Key>,
    /// Keys that are in `ready`.
    waiting: HashSet<Key>,
    /// Keys to be worked on later, by monotonic time.
    later: BTreeMap<(Duration, u64), Key>,
    /// When each key of `later` is due; a key has one appointment, the earliest.
    due: HashMap<Key, (Duration, u64)>,
    /// Keys that may not be worked on before this time: as long as they took, so that one huge object that changes all
    /// the time costs at most half of the time.
    resting: HashMap<Key, Duration>,
    sequence: u64,
}

impl Queue {
    fn push(&self, key: Key) {
        let mut inner = self.inner.lock();
        if inner.waiting.insert(key.clone()) {
            inner.ready.push_back(key);
            drop(inner);
            self.wake.notify_one();
        }
    }

    fn push_at(&self, key: Key, at: Duration) {
        self.inner.lock().appoint(key, at);
        self.wake.notify_one();
    }

    fn finish(&self, key: &Key, now: Duration, rest: Duration) {
        let mut inner = self.inner.lock();
        if inner.resting.len() >= RESTING {
            inner.resting.retain(|_, until| *until > now);
        }
        if !rest.is_zero() {
            inner.resting.insert(key.clone(), now + rest);
        }
    }

    async fn next(&self, context: &Context) -> Key {
        loop {
            let wake = self.wake.notified();
            let now = context.clock.monotonic();
            let wait = {
                let mut inner = self.inner.lock();
                if let Some(key) = inner.take(now) {
                    return key;
                }
                inner
                    .later
                    .first_key_value()
                    .map(|((at, _), _)| at.saturating_sub(now))
            };
            match wait {
                None => wake.await,
                Some(wait) => {
                    // Never a busy loop, even on a clock that stands still.
                    let wait = wait.max(Duration::from_millis(1));
                    tokio::select! {
                        () = wake => {}
                        () = sleep(wait) => {}
                    }
                }
            }
        }
    }
}

impl Inner {
    fn appoint(&mut self, key: Key, at: Duration) {
        if let Some(&present) = self.due.get(&key) {
            if present.0 <= at {
                return;
            }
            self.later.remove(&present);
        }
        self.sequence += 1;
        let slot = (at, self.sequence);
        self.due.insert(key.clone(), slot);
        self.later.insert(slot, key);
    }

    fn take(&mut self, now: Duration) -> Option<Key> {
        while let Some((&slot, _)) = self.later.first_key_value() {
            if slot.0 > now {
                break;
            }
            if let Some(key) = self.later.remove(&slot) {
                self.due.remove(&key);
                if self.waiting.insert(key.clone()) {
                    self.ready.push_back(key);
                }
            }
        }
        while let Some(key) = self.ready.pop_front() {
            self.waiting.remove(&key);
            match self.resting.get(&key) {
                Some(&until) if until > now => self.appoint(key, until),
                _ => {
                    self.resting.remove(&key);
                    return Some(key);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_key_is_queued_once_and_keeps_its_earliest_appointment() {
        let queue = Queue::default();
        queue.push(Key::new("a", "b"));
        queue.push(Key::new("a", "b"));
        queue.push_at(Key::new("a", "c"), at(9));
        queue.push_at(Key::new("a", "c"), at(5));
        queue.push_at(Key::new("a", "c"), at(7));
        let mut inner = queue.inner.lock();
        assert_eq!(inner.take(at(0)), Some(Key::new("a", "b")));
        assert_eq!(inner.take(at(4)), None);
        assert_eq!(inner.take(at(5)), Some(Key::new("a", "c")));
        assert_eq!(inner.take(at(100)), None);
    }

    #[test]
    fn a_key_rests_in_proportion_to_its_cost_but_is_not_forgotten() {
        let queue = Queue::default();
        queue.push(Key::new("a", "b"));
        assert!(queue.inner.lock().take(at(0)).is_some());
        queue.finish(&Key::new("a", "b"), at(1), at(2));
        queue.push(Key::new("a", "b"));
        assert_eq!(queue.inner.lock().take(at(1)), None);
        assert_eq!(queue.inner.lock().take(at(3)), Some(Key::new("a", "b")));
    }
}
