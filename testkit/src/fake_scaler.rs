//! The fake orchestrator of cases with `env.k8s`: starts at the given numbers, takes every write, sends no news by itself.

use std::collections::BTreeMap;

use capstan_flow::ports::{
    ScaleAnswer, ScaleError, ScaleReason, ScaleRequest, ScaleSink, ScaleState, ScaleTarget, Scaler,
};
use capstan_hpa::record::Record;
use parking_lot::Mutex;

/// Answers at once, on the caller's thread.
#[derive(Debug, Default)]
pub struct FakeScaler {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Replicas and version by name; kinds and namespaces do not matter to cases.
    objects: BTreeMap<String, (i64, u64)>,
    updates: BTreeMap<String, Vec<i64>>,
    records: Vec<Record>,
}

impl FakeScaler {
    /// A cluster with these objects (`env.k8s.initial_replicas`).
    pub fn new(initial_replicas: impl IntoIterator<Item = (String, i64)>) -> Self {
        let objects = initial_replicas
            .into_iter()
            .map(|(name, replicas)| (name, (replicas, 1)))
            .collect();
        Self {
            inner: Mutex::new(Inner {
                objects,
                ..Inner::default()
            }),
        }
    }

    /// What was written, in order, by name (`expect.updates` of `autoscale`).
    pub fn updates(&self) -> BTreeMap<String, Vec<i64>> {
        self.inner.lock().updates.clone()
    }

    /// The decision records so far.
    pub fn records(&self) -> Vec<Record> {
        self.inner.lock().records.clone()
    }
}

impl Inner {
    fn read(&self, target: &ScaleTarget) -> Result<ScaleState, ScaleError> {
        let Some((replicas, version)) = self.objects.get(&*target.name) else {
            let message = format!("{} {:?} not found", target.kind, &*target.name);
            return Err(ScaleError {
                reason: ScaleReason::NotFound,
                message,
            });
        };
        let namespace = if target.namespace.is_empty() {
            "default"
        } else {
            &target.namespace
        };
        Ok(ScaleState {
            replicas: *replicas,
            resource_version: version.to_string(),
            owner: None,
            autoscaler: None,
            changed_by: None,
            api_version: "apps/v1".to_owned(),
            kind: target.kind.to_string(),
            namespace: namespace.to_owned(),
        })
    }

    fn write(&mut self, target: &ScaleTarget, replicas: i64) -> Result<ScaleState, ScaleError> {
        if let Some((current, version)) = self.objects.get_mut(&*target.name) {
            *current = replicas;
            *version += 1;
            self.updates
                .entry(target.name.to_string())
                .or_default()
                .push(replicas);
        }
        self.read(target)
    }
}

impl Scaler for FakeScaler {
    fn check(&self, _cluster: &str) -> Result<(), String> {
        Ok(())
    }

    fn send(&self, target: &ScaleTarget, request: ScaleRequest, sink: ScaleSink) {
        let answer = match request {
            ScaleRequest::Observe => ScaleAnswer::Observed(self.inner.lock().read(target)),
            ScaleRequest::Write { replicas, .. } => {
                ScaleAnswer::Written(self.inner.lock().write(target, replicas))
            }
        };
        sink(answer);
    }

    fn record(&self, record: &Record) {
        self.inner.lock().records.push(record.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use capstan_base::VirtualClock;
    use capstan_flow::{Mode, Ports, Task, TaskKind, Vars, define};
    use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};

    use super::*;

    #[test]
    fn a_task_scales_it() {
        let script = "stream|from().measurement('cpu').groupBy('host')\
                      |k8sAutoscale().resourceName('a').replicas(lambda: int(0))|httpOut('events')";
        let definition =
            define(script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("the script is right");
        let scaler = Arc::new(FakeScaler::new([("a".to_owned(), 0)]));
        let mut ports = Ports::offline(VirtualClock::at(0));
        ports.scaler = Some(Arc::<FakeScaler>::clone(&scaler));
        let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
        let mut task =
            Task::new("t", Arc::new(definition.pipeline), dbrps, ports.clone()).expect("it starts");
        task.start().expect("it starts");
        let keys = Arc::new(KeyTable::new());
        let mut rows = BlockBuilder::new("cpu", Arc::clone(&keys)).from_source("db".into(), "rp".into());
        for n in 0..90 {
            let host = (n % 9).to_string();
            rows.row(n, keys.intern(&Tags::from_pairs([("host", &*host)])));
            rows.field("value", ValueRef::Int(n));
        }
        task.collect(&Batch::single(rows.finish()))
            .expect("the task runs");
        task.complete().expect("the task runs");
        assert_eq!(task.pending(), 0);
        task.finish().expect("the task ends well");
        assert_eq!(scaler.updates(), BTreeMap::from([("a".to_owned(), vec![1])]));
        // The change, then the minimum that bit for every further point.
        let counts: Vec<u64> = scaler.records().iter().map(|record| record.count).collect();
        assert_eq!(counts, [1, 1, 88]);
        let stats = task.stats();
        let node = stats.node("k8s_autoscale2").expect("the node is there");
        let entries: Vec<(&str, i64)> = node
            .entries()
            .into_iter()
            .filter(|(name, _)| *name != "avg_exec_time_ns")
            .collect();
        assert_eq!(
            entries,
            [
                ("collected", 90),
                ("cooldown_drops", 0),
                ("decrease_events", 0),
                ("emitted", 1),
                ("errors", 0),
                ("increase_events", 1),
                ("working_cardinality", 9),
            ]
        );
        let events = ports.endpoints.get("events").unwrap_or_default();
        assert!(events.contains("\"new\",\"old\""), "{events}");
        assert!(events.contains("\"resource\":\"a\""), "{events}");
    }
}
