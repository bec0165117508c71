//! Starting the controller, and stopping it.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_kube::{Cluster, Seen};
use capstan_runtime::{Shutdown, spawn, spawn_blocking};
use capstan_store::Store;
use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::decisions::{self, Decisions};
use crate::discovery::Discovery;
use crate::events::Recorder;
use crate::limiter::Limiter;
use crate::metrics::Metrics;
use crate::options::{Options, SHORTEST_PERIOD};
use crate::pods::Pods;
use crate::scales::{self, Scales};
use crate::selectors::Selectors;
use crate::shadow::{Comparison, Comparisons};
use crate::stats::{Stats, Timings};
use crate::subject::{Key, Kind, Subject};
use crate::targets::Targets;
use crate::worker::{Change, Worker};
use crate::world::World;

/// Changes that may wait for one worker; the watch waits then.
const CHANGES: usize = 1024;

/// How often decisions are written to the store.
const FLUSH: Duration = Duration::from_secs(1);

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) world: World,
    pub(crate) options: Options,
    pub(crate) decisions: Arc<Decisions>,
    pub(crate) stats: Stats,
    pub(crate) comparisons: Comparisons,
}

/// A running controller.
#[derive(Debug)]
pub struct Controller {
    shared: Arc<Shared>,
    shutdown: Shutdown,
    /// Those that end by themselves when told to.
    workers: Mutex<Vec<JoinHandle<()>>>,
    /// Those that follow something, and are cut off.
    followers: Mutex<Vec<JoinHandle<()>>>,
}

impl Controller {
    /// Starts the controller. The API server need not be up; decisions are kept in the store if there is one.
    ///
    /// # Errors
    /// When the store cannot be read, or memory runs out.
    pub fn start(
        cluster: Arc<Cluster>,
        options: Options,
        store: Option<Store>,
        clock: SharedClock,
        shutdown: Shutdown,
    ) -> Result<Arc<Self>, decisions::Error> {
        let limiter = Arc::new(Limiter::new(options.rate, Arc::clone(&clock)));
        let kept = Decisions::open(store, options.decisions_per_target, options.decisions)?;
        let (recorder, sending) =
            Recorder::new(Arc::clone(&cluster), Arc::clone(&limiter), Arc::clone(&clock));
        let period = options.sync_period.max(SHORTEST_PERIOD);
        let world = World {
            limiter,
            discovery: Discovery::new(Arc::clone(&clock), period),
            pods: Pods::default(),
            scales: Scales::default(),
            selectors: Selectors::default(),
            metrics: Metrics::new(Arc::clone(&clock)),
            recorder,
            targets: Targets::default(),
            cluster,
            clock,
        };
        let shared = Arc::new(Shared {
            world,
            options,
            decisions: Arc::new(kept),
            stats: Stats::default(),
            comparisons: Comparisons::default(),
        });
        let mut followers = vec![spawn("events of HPAs", sending)];
        followers.push(spawn("pods", {
            let shared = Arc::clone(&shared);
            async move { shared.world.pods.follow(&shared.world.cluster).await }
        }));
        if shared.options.watch_scales {
            for kind in scales::KINDS {
                let shared = Arc::clone(&shared);
                followers.push(spawn("scales", async move {
                    shared.world.scales.follow(&shared.world.cluster, kind).await;
                }));
            }
        }
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..shared.options.workers.max(1))
            .map(|_| mpsc::channel(CHANGES))
            .unzip();
        let workers = receivers
            .into_iter()
            .map(|changes| {
                let (worker, shutdown) = (Worker::new(Arc::clone(&shared), changes), shutdown.clone());
                spawn("HPA worker", worker.run(shutdown))
            })
            .collect();
        let kinds = [(Kind::Hpa, true), (Kind::Autoscaler, shared.options.autoscalers)];
        for (kind, _) in kinds.into_iter().filter(|(_, wanted)| *wanted) {
            let (shared, senders) = (Arc::clone(&shared), senders.clone());
            followers.push(spawn("index of HPAs", async move {
                // As upstream: nothing is looked at before pods are known.
                shared.world.pods.settled().await;
                let stream = shared.world.cluster.follow(kind.followed());
                index(&shared, kind, pin!(stream), &senders).await;
            }));
        }
        followers.push(spawn("decisions of HPAs", {
            let decisions = Arc::clone(&shared.decisions);
            async move {
                loop {
                    capstan_runtime::sleep(FLUSH).await;
                    let decisions = Arc::clone(&decisions);
                    if spawn_blocking(move || decisions.flush(false)).await.is_err() {
                        return;
                    }
                }
            }
        }));
        Ok(Arc::new(Self {
            shared,
            shutdown,
            workers: Mutex::new(workers),
            followers: Mutex::new(followers),
        }))
    }

    /// The last decisions.
    pub fn decisions(&self) -> &Decisions {
        &self.shared.decisions
    }

    /// How the decisions about HPAs in shadow mode compare; empty names select all.
    pub fn comparisons(&self, namespace: &str, hpa: &str) -> Vec<Comparison> {
        self.shared.comparisons.list(namespace, hpa)
    }

    /// The controller's metrics as Prometheus text.
    pub fn metrics(&self) -> String {
        self.shared.stats.text()
    }

    /// How long looks took since this was asked last.
    pub fn take_timings(&self) -> Timings {
        self.shared.stats.take_timings()
    }

    /// Stops: looks under way are finished, decisions are stored.
    pub async fn stop(&self) {
        self.shutdown.raise();
        let workers = std::mem::take(&mut *self.workers.lock());
        for worker in workers {
            // A worker that panicked has been told by the runtime.
            let _ = worker.await;
        }
        for follower in self.followers.lock().drain(..) {
            follower.abort();
        }
        let decisions = Arc::clone(&self.shared.decisions);
        if spawn_blocking(move || decisions.flush(true)).await.is_err() {
            tracing::error!("decisions could not be stored");
        }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.shutdown.raise();
        for follower in self.followers.lock().drain(..) {
            follower.abort();
        }
    }
}

/// Tells the workers of all HPAs, and of each change.
async fn index(
    shared: &Shared,
    kind: Kind,
    mut stream: impl Stream<Item = Result<Seen, capstan_kube::Error>> + Unpin,
    workers: &[mpsc::Sender<Change>],
) {
    let (options, targets) = (&shared.options, &shared.world.targets);
    let mut all: HashSet<Key> = HashSet::new();
    let mut known: HashSet<Key> = HashSet::new();
    let mut listed: HashSet<Key> = HashSet::new();
    while let Some(seen) = stream.next().await {
        let mut changes = Vec::new();
        match seen {
            Ok(Seen::Begin) => {
                listed.clear();
                all.clear();
            }
            Ok(Seen::Listed(object)) => {
                if kind == Kind::Hpa {
                    targets.set(&object);
                    all.insert(Key::of_object(kind, &object));
                }
                let change = change(options, kind, object, true);
                if let Change::Set { subject, .. } = &change {
                    listed.insert(subject.key.clone());
                }
                changes.push(change);
            }
            Ok(Seen::Complete) => {
                if kind == Kind::Hpa {
                    targets.complete(&all);
                }
                changes.extend(known.difference(&listed).cloned().map(Change::Gone));
                tracing::info!(count = listed.len(), kind = kind.name(), "objects are controlled");
                (all, listed) = (HashSet::new(), HashSet::new());
            }
            Ok(Seen::Changed(object)) => {
                if kind == Kind::Hpa {
                    targets.set(&object);
                }
                changes.push(change(options, kind, object, false));
            }
            Ok(Seen::Gone(object)) => {
                let key = Key::of_object(kind, &object);
                if kind == Kind::Hpa {
                    targets.remove(&key);
                }
                changes.push(Change::Gone(key));
            }
            Err(error) if kind == Kind::Hpa => {
                targets.lost();
                tracing::warn!(%error, "HorizontalPodAutoscalers cannot be watched");
            }
            // A cluster without the definition has none.
            Err(error) => tracing::debug!(kind = kind.name(), %error, "objects cannot be watched"),
        }
        for change in changes {
            let key = match &change {
                Change::Set { subject, .. } => {
                    known.insert(subject.key.clone());
                    &subject.key
                }
                Change::Gone(key) => {
                    if !known.remove(key) {
                        continue;
                    }
                    key
                }
            };
            let worker = &workers[key.shard(workers.len())];
            if worker.send(change).await.is_err() {
                return;
            }
        }
    }
}

fn change(options: &Options, kind: Kind, object: serde_json::Value, listed: bool) -> Change {
    let key = Key::of_object(kind, &object);
    match Subject::read(kind, object, options) {
        Ok(Some(subject)) => Change::Set {
            subject: Box::new(subject),
            listed,
        },
        Ok(None) => Change::Gone(key),
        Err(error) => {
            tracing::error!(%key, %error, "the object cannot be read");
            Change::Gone(key)
        }
    }
}
