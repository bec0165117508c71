//! Making, changing, starting and deleting tasks (parity file, section 4.3).

mod change;
mod life;
mod view;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_flow::Ports;
use capstan_hpa::Record;
use capstan_ingest::Ingest;
use capstan_store::{Store, TaskRecord as Stored};
use parking_lot::{Mutex, RwLock};

use crate::decisions::{DecisionFilter, Decisions};
use crate::error::Error;
use crate::inbox::{Limits, Policy};
use crate::record::TaskRecord;
use crate::runner::{RunOptions, Running};

pub use view::{DotView, EdgeStatistics, NodeStatistics, TaskView};

/// How tasks are kept and run.
#[derive(Clone)]
pub struct Options {
    pub clock: SharedClock,
    pub store: Store,
    /// Where points come from.
    pub ingest: Arc<Ingest>,
    /// The outside world; `endpoints` and `wake` are made per task. Without a scaler nodes that scale refuse to start.
    pub ports: Ports,
    /// Where nodes' decisions are kept.
    pub decisions: Arc<Decisions>,
    /// How much may wait for one task.
    pub queue: Limits,
    /// What happens when more comes.
    pub policy: Policy,
    /// How often what tasks remember is written to the store (S-26).
    pub snapshot_interval: Duration,
    /// When a task forgets groups of which no point comes any more; `None` is never.
    pub group_ttl: Option<Duration>,
    /// How long a task that failed waits before it is started again; doubled by each failure, up to a minute.
    pub restart_backoff: Duration,
}

impl Options {
    /// The defaults: 256 bodies, a million points or 32 MiB may wait per task, then the oldest go; snapshots once a minute.
    pub fn new(
        clock: SharedClock,
        store: Store,
        ingest: Arc<Ingest>,
        ports: Ports,
        decisions: Arc<Decisions>,
    ) -> Self {
        Self {
            clock,
            store,
            ingest,
            ports,
            decisions,
            queue: Limits {
                batches: 256,
                points: 1_000_000,
                bytes: 32 << 20,
            },
            policy: Policy::DropOldest,
            snapshot_interval: Duration::from_mins(1),
            group_ttl: None,
            restart_backoff: Duration::from_secs(1),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// All tasks of a server. Calls that change something block until it is on disk.
pub struct Tasks {
    clock: SharedClock,
    store: Store,
    run: RunOptions,
    policy: Policy,
    decisions: Arc<Decisions>,
    /// Held while a task is changed, so that changes come one after the other.
    changes: Mutex<()>,
    records: Arc<RwLock<BTreeMap<String, Arc<TaskRecord>>>>,
    running: RwLock<HashMap<String, Arc<Running>>>,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks")
            .field("tasks", &self.records.read().len())
            .finish_non_exhaustive()
    }
}

impl Tasks {
    /// Reads what is stored. Nothing runs before [`Tasks::start_enabled`].
    pub fn open(options: Options) -> Result<Arc<Self>, Error> {
        let mut records = BTreeMap::new();
        for stored in options.store.list::<Stored>("")? {
            match TaskRecord::from_stored(stored) {
                Ok(record) => {
                    records.insert(record.id.clone(), Arc::new(record));
                }
                // One task that cannot be read must not keep the others from running (S-83).
                Err(error) => tracing::error!(%error, "a stored task cannot be read"),
            }
        }
        Ok(Arc::new(Self {
            run: RunOptions {
                clock: Arc::clone(&options.clock),
                ingest: options.ingest,
                ports: options.ports,
                queue: options.queue,
                snapshot_interval: options.snapshot_interval,
                group_ttl: options.group_ttl,
                restart_backoff: options.restart_backoff,
                snapshots: Arc::default(),
            },
            clock: options.clock,
            store: options.store,
            policy: options.policy,
            decisions: options.decisions,
            changes: Mutex::new(()),
            records: Arc::new(RwLock::new(records)),
            running: RwLock::new(HashMap::new()),
        }))
    }

    /// How many tasks there are, and how many of them are enabled.
    pub fn counts(&self) -> (usize, usize) {
        let records = self.records.read();
        (
            records.len(),
            records.values().filter(|record| record.enabled).count(),
        )
    }

    /// The selected decision records, oldest first.
    pub fn decisions(&self, filter: &DecisionFilter) -> Vec<Record> {
        self.decisions.list(filter)
    }

    /// Where decisions are kept.
    pub fn decision_log(&self) -> &Arc<Decisions> {
        &self.decisions
    }

    /// Whether a writer to this database and retention policy should [wait](Tasks::wait_for_room): a task that wants its
    /// data is behind (H-23).
    pub fn is_behind(&self, database: &str, retention_policy: &str) -> bool {
        matches!(self.policy, Policy::Block(_))
            && self
                .running
                .read()
                .values()
                .any(|running| running.wants_patience(database, retention_policy))
    }

    /// Waits until the tasks that want this data have room, as long as [`Policy::Block`] says. Blocks the thread.
    pub fn wait_for_room(&self, database: &str, retention_policy: &str) {
        let Policy::Block(patience) = self.policy else {
            return;
        };
        let deadline = self.clock.monotonic() + patience;
        let behind: Vec<Arc<Running>> = {
            let running = self.running.read();
            running
                .values()
                .filter(|task| task.wants_patience(database, retention_policy))
                .cloned()
                .collect()
        };
        for task in behind {
            task.wait_for_room(deadline.saturating_sub(self.clock.monotonic()));
        }
    }
}
