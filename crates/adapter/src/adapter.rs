//! The parts put together: HPAs in, values in the store out.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use capstan_collectors::{Built, Context, Wanted, build};
use capstan_hpa::conversion::Version;
use capstan_kube::Seen;
use capstan_metrics::{Expected, GroupResource, Owner, Store};
use capstan_runtime::{Shutdown, spawn};
use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::events::{Finding, Recorder};
use crate::follow;
use crate::index::{Change, Entry, Index, Key, Slot};
use crate::runner::Runner;
use crate::stats::Stats;
use crate::status::{HpaStatus, MetricStatus};

/// How long to wait before a cluster that cannot be asked is asked again.
const PATIENCE: Duration = Duration::from_secs(2);

/// kube-metrics-adapter's reason.
const NO_COLLECTOR: &str = "CreateNewMetricsCollector";
const IGNORED: &str = "MetricConfigIgnored";
const RIVAL: &str = "MetricConfigConflict";

/// How the adapter behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Say nothing of HPAs whose metrics have no collector: another adapter may serve them
    /// (`--disregard-incompatible-hpas`).
    pub disregard_incompatible_hpas: bool,
}

/// A running adapter.
#[derive(Debug)]
pub struct Adapter {
    shared: Arc<Shared>,
    shutdown: Shutdown,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    context: Arc<Context>,
    options: Options,
    store: Arc<Store>,
    stats: Arc<Stats>,
    runner: Runner,
    recorder: Recorder,
    settled: AtomicBool,
    state: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    index: Index,
    standing: HashMap<Owner, Standing>,
}

/// What became of a metric that wants a collector.
#[derive(Debug)]
enum Standing {
    Collecting(Arc<Built>),
    Refused(String),
}

impl Adapter {
    /// Starts watching HPAs and collecting for them. The API server need not be up.
    pub fn start(
        context: Arc<Context>,
        store: Arc<Store>,
        options: Options,
        shutdown: Shutdown,
    ) -> Arc<Self> {
        let stats = Arc::new(Stats::default());
        let clock = Arc::clone(&context.clock);
        let (recorder, sending) = Recorder::new(Arc::clone(&context.cluster), Arc::clone(&clock));
        let shared = Arc::new(Shared {
            runner: Runner::new(clock, Arc::clone(&store), Arc::clone(&stats), shutdown.child()),
            state: Mutex::new(Known {
                index: Index::new(context.options.compatible),
                standing: HashMap::new(),
            }),
            context,
            options,
            store,
            stats,
            recorder,
            settled: AtomicBool::new(false),
        });
        let following = {
            let shared = Arc::clone(&shared);
            spawn("index of HPAs", async move { shared.follow().await })
        };
        Arc::new(Self {
            shared,
            shutdown,
            tasks: Mutex::new(vec![following, spawn("events of the adapter", sending)]),
        })
    }

    /// Whether the HPAs are known.
    pub fn settled(&self) -> bool {
        self.shared.settled.load(Ordering::Acquire)
    }

    /// Every HPA, its collectors and how they are doing; empty names select all.
    pub fn status(&self, namespace: &str, hpa: &str) -> Vec<HpaStatus> {
        let known = self.shared.state.lock();
        known
            .index
            .entries()
            .filter(|(key, _)| namespace.is_empty() || key.namespace == namespace)
            .filter(|(key, _)| hpa.is_empty() || key.name == hpa)
            .map(|(key, entry)| self.shared.hpa_status(&known, key, entry))
            .collect()
    }

    /// The adapter's metrics as Prometheus text.
    pub fn metrics(&self) -> String {
        let hpas = self.shared.state.lock().index.entries().count();
        self.shared.stats.text(hpas, self.shared.runner.questions())
    }

    /// The values.
    pub fn store(&self) -> &Arc<Store> {
        &self.shared.store
    }

    /// Stops watching and collecting.
    pub fn stop(&self) {
        self.shutdown.raise();
        for task in self.tasks.lock().drain(..) {
            task.abort();
        }
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a collector will publish, as far as its HPA alone tells.
fn expected(wanted: &Wanted) -> Option<Expected> {
    let namespace = wanted.namespace.clone();
    let metric = wanted.name().to_owned();
    match wanted.metric.type_.as_str() {
        "External" => {
            let labels = wanted.selector().map(|selector| &selector.match_labels);
            let labels = labels.into_iter().flatten();
            Some(Expected::External {
                metric,
                namespace,
                labels: labels
                    .map(|(key, value)| (key.clone(), value.clone().into()))
                    .collect(),
            })
        }
        "Pods" => Some(Expected::Objects {
            metric,
            resource: GroupResource::new("", "pods"),
            namespace,
        }),
        // Of which resource an object is, the cluster tells later.
        _ => None,
    }
}

impl Shared {
    async fn follow(&self) {
        let version = loop {
            if let Some(version) = follow::served(&self.context.cluster).await {
                break version;
            }
            capstan_runtime::sleep(PATIENCE).await;
        };
        let stream = self.context.cluster.follow(follow::followed(version));
        self.apply(version, pin!(stream)).await;
    }

    async fn apply(
        &self,
        version: Version,
        mut stream: impl Stream<Item = Result<Seen, capstan_kube::Error>> + Unpin,
    ) {
        let mut listed = BTreeSet::new();
        while let Some(seen) = stream.next().await {
            match seen {
                Ok(Seen::Begin) => listed.clear(),
                Ok(Seen::Listed(object)) => {
                    if let Some(key) = self.set(version, &object) {
                        listed.insert(key);
                    }
                }
                Ok(Seen::Complete) => {
                    let mut known = self.state.lock();
                    let changes = known.index.complete(&listed);
                    self.carry_out(&mut known, changes);
                    drop(known);
                    self.settled.store(true, Ordering::Release);
                    tracing::info!("Found {} new/updated HPA(s)", listed.len());
                }
                Ok(Seen::Changed(object)) => drop(self.set(version, &object)),
                Ok(Seen::Gone(object)) => {
                    let text = |field: &str| object["metadata"][field].as_str().unwrap_or("").to_owned();
                    let key = Key {
                        namespace: text("namespace"),
                        name: text("name"),
                    };
                    let mut known = self.state.lock();
                    let changes = known.index.remove(&key);
                    self.carry_out(&mut known, changes);
                    drop(known);
                    self.recorder.forget(&key);
                }
                Err(error) => tracing::warn!(%error, "HorizontalPodAutoscalers cannot be watched"),
            }
        }
    }

    fn set(&self, version: Version, object: &serde_json::Value) -> Option<Key> {
        let hpa = match follow::read(version, object) {
            Ok(hpa) => hpa,
            Err(error) => {
                let name = object["metadata"]["name"].as_str().unwrap_or("");
                tracing::error!("Failed to parse HPA metrics: {name}: {error}");
                self.stats.refused();
                return None;
            }
        };
        let key = Key::of(&hpa);
        let mut known = self.state.lock();
        let changes = known.index.set(&hpa);
        let others = self.carry_out(&mut known, changes);
        for key in others.iter().chain([&key]) {
            self.report(&known, key);
        }
        Some(key)
    }

    /// Starts and stops collectors; gives the HPAs they belong to.
    fn carry_out(&self, known: &mut Known, changes: Vec<Change>) -> BTreeSet<Key> {
        let mut touched = BTreeSet::new();
        for change in changes {
            match change {
                Change::Start(owner, wanted) => {
                    touched.insert(Key {
                        namespace: wanted.namespace.clone(),
                        name: wanted.hpa.clone(),
                    });
                    let standing = match build(&wanted, &self.context) {
                        Ok(built) => {
                            tracing::info!(
                                namespace = wanted.namespace,
                                hpa = wanted.hpa,
                                metric = wanted.name(),
                                "Adding new metrics collector: {}",
                                built.name
                            );
                            if let Some(deprecated) = &built.deprecated {
                                tracing::warn!("{deprecated}");
                            }
                            let built = Arc::new(built);
                            if let Some(expected) = expected(&wanted) {
                                self.store.expect(owner, expected);
                            }
                            self.runner.add(owner, Arc::clone(&built));
                            Standing::Collecting(built)
                        }
                        Err(error) => {
                            self.stats.refused();
                            // Who asks for the metric learns why; unless another adapter may know it.
                            if !self.options.disregard_incompatible_hpas
                                && let Some(expected) = expected(&wanted)
                            {
                                self.store.expect(owner, expected);
                                self.store.fail(owner, error.to_string());
                            }
                            Standing::Refused(error.to_string())
                        }
                    };
                    known.standing.insert(owner, standing);
                }
                Change::Stop(owner) => match known.standing.remove(&owner) {
                    Some(Standing::Collecting(built)) => {
                        tracing::info!("Removing previously scheduled metrics collector: {}", built.name);
                        self.runner.remove(owner, &built);
                    }
                    Some(Standing::Refused(_)) => self.store.retire(owner),
                    None => {}
                },
            }
        }
        touched
    }

    /// Says what is wrong with an HPA's configuration.
    fn report(&self, known: &Known, key: &Key) {
        let Some(entry) = known.index.entry(key) else {
            return;
        };
        let mut findings = BTreeSet::new();
        let mut find = |reason, message: String| findings.insert(Finding { reason, message });
        for remark in &entry.remarks {
            find(IGNORED, remark.clone());
        }
        for slot in &entry.slots {
            let metric = format!("{}/{}", slot.wanted.metric.type_, slot.wanted.name());
            if let Some(error) = &slot.error {
                find(
                    NO_COLLECTOR,
                    format!("Failed to create new metrics collector: {error}"),
                );
            }
            if let Some(rival) = &slot.rival {
                find(RIVAL, conflict(&metric, rival));
            }
            match known.standing.get(&slot.owner) {
                Some(Standing::Refused(error)) if !self.options.disregard_incompatible_hpas => {
                    find(
                        NO_COLLECTOR,
                        format!("Failed to create new metrics collector: {error}"),
                    );
                }
                Some(Standing::Collecting(built)) => {
                    for remark in &built.remarks {
                        find(IGNORED, format!("{metric}: {remark}"));
                    }
                }
                _ => {}
            }
        }
        self.recorder.findings(key, &entry.uid, findings);
    }

    fn hpa_status(&self, known: &Known, key: &Key, entry: &Entry) -> HpaStatus {
        HpaStatus {
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            metrics: entry
                .slots
                .iter()
                .map(|slot| self.metric_status(known.standing.get(&slot.owner), slot))
                .collect(),
            remarks: entry.remarks.clone(),
        }
    }

    fn metric_status(&self, standing: Option<&Standing>, slot: &Slot) -> MetricStatus {
        let wanted = &slot.wanted;
        let mut status = MetricStatus {
            type_: wanted.metric.type_.clone(),
            name: wanted.name().to_owned(),
            labels: wanted
                .selector()
                .map(|selector| selector.match_labels.clone())
                .unwrap_or_default(),
            collector: None,
            question: None,
            interval_seconds: None,
            max_age_seconds: None,
            error: slot.error.clone(),
            remarks: Vec::new(),
            state: self.store.state(slot.owner),
        };
        if let Some(rival) = &slot.rival {
            status.error = Some(conflict(&format!("{}/{}", status.type_, status.name), rival));
        }
        match standing {
            Some(Standing::Collecting(built)) => {
                status.collector = Some(built.name.to_owned());
                status.question = Some(built.collector.question());
                status.interval_seconds = Some(built.interval.as_secs_f64());
                status.max_age_seconds = Some(built.max_age.as_secs_f64());
                status.remarks.clone_from(&built.remarks);
                status.remarks.extend(built.deprecated.clone());
            }
            Some(Standing::Refused(error)) => status.error = Some(error.clone()),
            None => {}
        }
        status
    }
}

fn conflict(metric: &str, rival: &Key) -> String {
    format!(
        "{metric} is collected in another way for the older HPA {}/{}; the metrics API cannot tell the two apart, give \
        one of them another name or another label",
        rival.namespace, rival.name
    )
}
