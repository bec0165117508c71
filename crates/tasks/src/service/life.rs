//! Starting and stopping.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_store::Store;
use parking_lot::RwLock;

use super::Tasks;
use crate::definition;
use crate::error::Error;
use crate::record::TaskRecord;
use crate::runner::{Ending, Observer, Program, Running};

/// How long a request waits for a task that ends. A task that hangs longer is left behind on its thread.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Keeps what running tasks report. It takes no part in changes of definitions, because those wait for tasks to end.
struct Reporter {
    store: Store,
    records: Arc<RwLock<BTreeMap<String, Arc<TaskRecord>>>>,
}

impl Observer for Reporter {
    fn failed(&self, id: &str, error: &str) {
        set_error(&self.records, id, error);
    }

    fn snapshot(&self, id: &str, snapshot: &[u8]) {
        if let Err(error) = self.store.put_snapshot(id, snapshot) {
            tracing::error!(task = id, %error, "what the task remembers could not be stored");
        }
    }

    fn recall(&self, id: &str) -> Option<Vec<u8>> {
        self.store.snapshot(id).unwrap_or_else(|error| {
            tracing::warn!(task = id, %error, "what the task remembered cannot be read");
            None
        })
    }
}

/// Enters why a task failed (H-50).
fn set_error(records: &RwLock<BTreeMap<String, Arc<TaskRecord>>>, id: &str, error: &str) {
    let mut records = records.write();
    if let Some(record) = records.get_mut(id)
        && record.error != error
    {
        let mut changed = TaskRecord::clone(record);
        error.clone_into(&mut changed.error);
        *record = Arc::new(changed);
    }
}

impl Tasks {
    /// Starts every enabled task; those that cannot start are logged and the others go on (S-83).
    pub fn start_enabled(&self) {
        let enabled: Vec<String> = self
            .records
            .read()
            .values()
            .filter(|record| record.enabled)
            .map(|record| record.id.clone())
            .collect();
        let _one_at_a_time = self.changes.lock();
        for id in enabled {
            if let Err(error) = self.start(&id) {
                tracing::error!(task = id, %error, "task did not start");
            }
        }
    }

    /// Starts a task and enters what came of it.
    pub(super) fn start(&self, id: &str) -> Result<(), Error> {
        let record = self.get(id)?;
        self.set_error(id, "");
        let started = self.try_start(&record);
        if let Err(error) = &started {
            self.set_error(id, &error.to_string());
        }
        started
    }

    fn try_start(&self, record: &TaskRecord) -> Result<(), Error> {
        // What a function takes may have changed since it was asked last.
        if let Some(udf) = &self.run.ports.udf {
            let called = capstan_flow::functions(&record.script);
            if !called.is_empty() {
                udf.refresh(&called);
            }
        }
        let program = Program {
            id: record.id.as_str().into(),
            pipeline: definition::pipeline(record, &self.run.ports.functions())?,
            dbrps: record
                .dbrps
                .iter()
                .map(|dbrp| {
                    (
                        dbrp.database.as_str().into(),
                        dbrp.retention_policy.as_str().into(),
                    )
                })
                .collect(),
        };
        let reporter = Reporter {
            store: self.store.clone(),
            records: Arc::clone(&self.records),
        };
        let running = Running::start(program, self.run.clone(), Arc::new(reporter))
            .map_err(|error| Error::Start(error.to_string()))?;
        let before = self.running.write().insert(record.id.clone(), Arc::new(running));
        debug_assert!(before.is_none(), "a task is stopped before it is started again");
        Ok(())
    }

    /// Ends a task if it runs, and waits for it.
    pub(super) fn stop(&self, id: &str, ending: Ending) {
        let Some(running) = self.running.write().remove(id) else {
            return;
        };
        running.end(ending);
        if !running.join(STOP_PATIENCE) {
            tracing::error!(task = id, "task did not stop in time");
        }
    }

    fn set_error(&self, id: &str, error: &str) {
        set_error(&self.records, id, error);
    }

    /// Suspends every task, keeping what it remembers, and writes what is not in the store yet. Takes at most `patience`.
    pub fn shutdown(&self, patience: Duration) {
        let _one_at_a_time = self.changes.lock();
        let deadline = self.clock.monotonic() + patience;
        let running: Vec<(String, Arc<Running>)> = self.running.write().drain().collect();
        for (_, running) in &running {
            running.end(Ending::Suspend);
        }
        for (id, running) in &running {
            if !running.join(deadline.saturating_sub(self.clock.monotonic())) {
                tracing::error!(task = id, "task did not stop in time");
            }
        }
        self.decisions.flush(true);
    }
}
