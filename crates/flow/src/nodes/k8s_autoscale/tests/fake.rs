//! A cluster in memory, which answers at once or when told to.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use capstan_hpa::record::{Record, Ring};
use parking_lot::Mutex;

use crate::ports::{
    ScaleAnswer, ScaleError, ScaleReason, ScaleRequest, ScaleSink, ScaleState, ScaleTarget, Scaler,
};

type WeakSink = Weak<dyn Fn(ScaleAnswer) + Send + Sync>;

#[derive(Default)]
pub(super) struct Fake {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By `kind/name`.
    objects: HashMap<String, ScaleState>,
    version: u64,
    /// Answer only when told to.
    by_hand: bool,
    held: VecDeque<(ScaleTarget, ScaleRequest, ScaleSink)>,
    /// What every request is answered with.
    failing: Option<ScaleError>,
    watching: Vec<(String, WeakSink)>,
    reads: usize,
    writes: Vec<(String, i64)>,
    records: Vec<Record>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Fake {
    pub(super) fn with(objects: &[(&str, i64)]) -> Arc<Self> {
        let fake = Arc::new(Self::default());
        for (id, replicas) in objects {
            fake.set(id, *replicas);
        }
        fake
    }

    pub(super) fn by_hand(objects: &[(&str, i64)]) -> Arc<Self> {
        let fake = Self::with(objects);
        fake.inner.lock().by_hand = true;
        fake
    }

    /// Changes an object without telling anybody.
    pub(super) fn set(&self, id: &str, replicas: i64) {
        self.change(id, |state| state.replicas = replicas);
    }

    /// Changes an object without telling anybody.
    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut ScaleState)) {
        let mut inner = self.inner.lock();
        inner.version += 1;
        let version = inner.version.to_string();
        let object = inner.objects.entry(id.to_owned()).or_insert_with(|| ScaleState {
            replicas: 0,
            resource_version: String::new(),
            owner: None,
            autoscaler: None,
            changed_by: None,
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "prod".to_owned(),
        });
        object.resource_version = version;
        change(object);
    }

    pub(super) fn remove(&self, id: &str) {
        self.inner.lock().objects.remove(id);
    }

    pub(super) fn fail(&self, error: Option<ScaleError>) {
        self.inner.lock().failing = error;
    }

    /// Tells the watches of an object what it says now.
    pub(super) fn notify(&self, id: &str) {
        let (answer, sinks) = {
            let inner = self.inner.lock();
            let sinks: Vec<ScaleSink> = inner
                .watching
                .iter()
                .filter(|(of, _)| of == id)
                .filter_map(|(_, sink)| sink.upgrade())
                .collect();
            (inner.read(id), sinks)
        };
        for sink in sinks {
            sink(ScaleAnswer::Observed(answer.clone()));
        }
    }

    /// Tells the watches of an object something.
    pub(super) fn tell(&self, id: &str, state: &ScaleState) {
        let sinks: Vec<ScaleSink> = {
            let inner = self.inner.lock();
            inner
                .watching
                .iter()
                .filter(|(of, _)| of == id)
                .filter_map(|(_, sink)| sink.upgrade())
                .collect()
        };
        for sink in sinks {
            sink(ScaleAnswer::Observed(Ok(state.clone())));
        }
    }

    pub(super) fn object(&self, id: &str) -> ScaleState {
        self.inner.lock().objects[id].clone()
    }

    /// Answers the oldest request; says for which object, if there was one.
    pub(super) fn answer(&self) -> Option<String> {
        let (target, request, sink) = self.inner.lock().held.pop_front()?;
        self.carry_out(&target, request, &sink);
        Some(id(&target))
    }

    pub(super) fn reads(&self) -> usize {
        self.inner.lock().reads
    }

    pub(super) fn writes(&self) -> Vec<(String, i64)> {
        self.inner.lock().writes.clone()
    }

    pub(super) fn written(&self) -> Vec<i64> {
        self.inner
            .lock()
            .writes
            .iter()
            .map(|(_, replicas)| *replicas)
            .collect()
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.inner.lock().records.clone()
    }

    /// Records as whoever keeps them sees them: equal ones merged.
    pub(super) fn kept(&self) -> Vec<Record> {
        let mut ring = Ring::new(100);
        for record in self.records() {
            ring.push(record);
        }
        ring.iter().map(|(_, record)| record.clone()).collect()
    }

    fn carry_out(&self, target: &ScaleTarget, request: ScaleRequest, sink: &ScaleSink) {
        let id = id(target);
        let mut answers = Vec::new();
        {
            let mut inner = self.inner.lock();
            match request {
                ScaleRequest::Observe => {
                    inner.reads += 1;
                    let answer = inner.read(&id);
                    if answer.is_ok() {
                        inner.watching.push((id, Arc::downgrade(sink)));
                    }
                    answers.push(ScaleAnswer::Observed(answer));
                }
                ScaleRequest::Write {
                    replicas,
                    expected,
                    record,
                } => {
                    assert_eq!(record.final_desired_replicas, replicas);
                    match inner.read(&id) {
                        Ok(now) if now.replicas != expected.replicas => {
                            answers.push(ScaleAnswer::Observed(Ok(now)));
                            answers.push(ScaleAnswer::Written(Err(error(
                                ScaleReason::Conflict,
                                "it changed",
                            ))));
                        }
                        Ok(mut now) => {
                            inner.version += 1;
                            now.replicas = replicas;
                            now.resource_version = inner.version.to_string();
                            inner.objects.insert(id.clone(), now.clone());
                            inner.writes.push((id, replicas));
                            answers.push(ScaleAnswer::Written(Ok(now)));
                        }
                        Err(error) => answers.push(ScaleAnswer::Written(Err(error))),
                    }
                }
            }
        }
        for answer in answers {
            sink(answer);
        }
    }
}

impl Inner {
    fn read(&self, id: &str) -> Result<ScaleState, ScaleError> {
        match (&self.failing, self.objects.get(id)) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(state)) => Ok(state.clone()),
            (None, None) => Err(error(ScaleReason::NotFound, &format!("{id} not found"))),
        }
    }
}

impl Scaler for Fake {
    fn check(&self, cluster: &str) -> Result<(), String> {
        if cluster.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "unknown kubernetes cluster {cluster:?}, cannot get client"
            ))
        }
    }

    fn send(&self, target: &ScaleTarget, request: ScaleRequest, sink: ScaleSink) {
        if self.inner.lock().by_hand {
            self.inner.lock().held.push_back((target.clone(), request, sink));
        } else {
            self.carry_out(target, request, &sink);
        }
    }

    fn record(&self, record: &Record) {
        self.inner.lock().records.push(record.clone());
    }
}

pub(super) fn error(reason: ScaleReason, message: &str) -> ScaleError {
    ScaleError {
        reason,
        message: message.to_owned(),
    }
}

fn id(target: &ScaleTarget) -> String {
    format!("{}/{}", target.kind, target.name)
}
