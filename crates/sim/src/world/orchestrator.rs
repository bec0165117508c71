//! An orchestrator in which objects have the numbers of replicas they are given and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_base::{Clock as _, VirtualClock};
use capstan_flow::ports::{
    ScaleAnswer, ScaleError, ScaleReason, ScaleRequest, ScaleSink, ScaleState, ScaleTarget, Scaler,
};
use capstan_hpa::record::{Record, Source};
use parking_lot::Mutex;

use crate::journal::{Entry, Happened, Journal};

/// Answers at once, on the caller's thread; takes every write.
#[derive(Debug)]
pub struct Orchestrator {
    journal: Arc<Journal>,
    clock: Arc<VirtualClock>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Replicas of objects nobody told of; `None`: there is no such object.
    others: Option<i64>,
    /// Objects by what was said of them: a name, kind and name, or namespace, kind and name.
    objects: BTreeMap<String, Object>,
    updates: BTreeMap<String, Vec<i64>>,
}

/// Who is told of changes; held by the node.
type Watcher = std::sync::Weak<dyn Fn(ScaleAnswer) + Send + Sync>;

#[derive(Debug, Default)]
struct Object {
    replicas: i64,
    version: u64,
    /// Who watches it.
    sinks: Vec<(ScaleTarget, Watcher)>,
}

impl Orchestrator {
    pub(super) fn new(journal: Arc<Journal>, clock: Arc<VirtualClock>) -> Self {
        Self {
            journal,
            clock,
            inner: Mutex::default(),
        }
    }

    /// Gives an object a number of replicas: `app`, `deployments/app` or `default/deployments/app`. Whoever watches the
    /// object is told, as of a change by somebody else.
    pub fn set(&self, object: &str, replicas: i64) {
        let told: Vec<_> = {
            let mut inner = self.inner.lock();
            let alike = inner.objects.keys().find(|key| same_object(object, key));
            let key = alike.cloned().unwrap_or_else(|| object.to_owned());
            let known = inner.objects.entry(key).or_default();
            known.replicas = replicas;
            known.version += 1;
            known.sinks.retain(|(_, sink)| sink.strong_count() > 0);
            let sinks = known.sinks.clone();
            sinks
                .into_iter()
                .filter_map(|(target, sink)| Some((inner.read(&target), sink.upgrade()?)))
                .collect()
        };
        for (state, sink) in told {
            sink(ScaleAnswer::Observed(state));
        }
    }

    /// Objects nobody told of exist and have this many replicas.
    pub fn set_others(&self, replicas: i64) {
        self.inner.lock().others = Some(replicas);
    }

    /// How many replicas an object has now, called as in [`Orchestrator::set`].
    pub fn replicas(&self, object: &str) -> Option<i64> {
        let inner = self.inner.lock();
        let mut alike = inner.objects.iter().filter(|(key, _)| same_object(object, key));
        alike.next().map(|(_, known)| known.replicas)
    }

    /// What was written, in order, by the name of the object.
    pub fn updates(&self) -> BTreeMap<String, Vec<i64>> {
        self.inner.lock().updates.clone()
    }
}

impl Inner {
    /// The object a target means; it comes to be if objects do by themselves.
    fn find(&mut self, target: &ScaleTarget) -> Option<&mut Object> {
        let full = format!("{}/{}/{}", namespace(target), target.kind, target.name);
        let key = self
            .objects
            .keys()
            .filter(|key| same_object(key, &full))
            .max_by_key(|key| key.matches('/').count())
            .cloned();
        let key = match (key, self.others) {
            (Some(key), _) => key,
            (None, Some(replicas)) => {
                let object = Object {
                    replicas,
                    version: 1,
                    ..Object::default()
                };
                self.objects.insert(full.clone(), object);
                full
            }
            (None, None) => return None,
        };
        self.objects.get_mut(&key)
    }

    fn read(&mut self, target: &ScaleTarget) -> Result<ScaleState, ScaleError> {
        let Some(object) = self.find(target) else {
            return Err(ScaleError {
                reason: ScaleReason::NotFound,
                message: format!("{} {:?} not found", target.kind, &*target.name),
            });
        };
        Ok(ScaleState {
            replicas: object.replicas,
            resource_version: object.version.to_string(),
            owner: None,
            autoscaler: None,
            changed_by: None,
            api_version: "apps/v1".to_owned(),
            kind: target.kind.to_string(),
            namespace: namespace(target).to_owned(),
        })
    }

    fn write(
        &mut self,
        target: &ScaleTarget,
        replicas: i64,
        expected: &ScaleState,
    ) -> (Option<ScaleAnswer>, ScaleAnswer) {
        let now = self.read(target);
        if let Ok(state) = &now
            && state.replicas != expected.replicas
        {
            let error = ScaleError {
                reason: ScaleReason::Conflict,
                message: format!("it has {} replicas by now", state.replicas),
            };
            return (Some(ScaleAnswer::Observed(now)), ScaleAnswer::Written(Err(error)));
        }
        if let Some(object) = self.find(target) {
            object.replicas = replicas;
            object.version += 1;
            self.updates
                .entry(target.name.to_string())
                .or_default()
                .push(replicas);
        }
        (None, ScaleAnswer::Written(self.read(target)))
    }
}

fn namespace(target: &ScaleTarget) -> &str {
    if target.namespace.is_empty() {
        "default"
    } else {
        &target.namespace
    }
}

/// Whether two ways to call an object mean the same, as far as both say: names are equal, kinds may be singular, plural
/// or a kind's name.
pub(crate) fn same_object(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.rsplit('/'), b.rsplit('/'));
    let (Some(a_name), Some(b_name)) = (a.next(), b.next()) else {
        return false;
    };
    let kinds = match (a.next(), b.next()) {
        (Some(a), Some(b)) => same_kind(a, b),
        _ => true,
    };
    let namespaces = match (a.next(), b.next()) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    a_name == b_name && kinds && namespaces
}

fn same_kind(a: &str, b: &str) -> bool {
    let plain = |kind: &str| {
        let kind = kind.to_lowercase();
        kind.strip_suffix('s').map_or(kind.clone(), ToOwned::to_owned)
    };
    plain(a) == plain(b)
}

impl Scaler for Orchestrator {
    fn check(&self, _cluster: &str) -> Result<(), String> {
        Ok(())
    }

    fn send(&self, target: &ScaleTarget, request: ScaleRequest, sink: ScaleSink) {
        match request {
            ScaleRequest::Observe => {
                let state = {
                    let mut inner = self.inner.lock();
                    if let Some(object) = inner.find(target) {
                        object.sinks.retain(|(_, sink)| sink.strong_count() > 0);
                        object.sinks.push((target.clone(), Arc::downgrade(&sink)));
                    }
                    inner.read(target)
                };
                sink(ScaleAnswer::Observed(state));
            }
            ScaleRequest::Write {
                replicas, expected, ..
            } => {
                let (observed, written) = self.inner.lock().write(target, replicas, &expected);
                if let Some(observed) = observed {
                    sink(observed);
                }
                sink(written);
            }
        }
    }

    fn record(&self, record: &Record) {
        let (task, node) = match &record.source {
            Source::Task { task, node } => (Arc::from(&**task), Arc::from(&**node)),
            Source::Hpa { hpa: name } | Source::Autoscaler { autoscaler: name } => {
                (Arc::from(""), Arc::from(&**name))
            }
        };
        let kept = Box::new(record.clone());
        let what = if record.final_desired_replicas == record.current_replicas {
            Happened::Hold(kept)
        } else {
            Happened::Scale(kept)
        };
        self.journal.note(Entry {
            task,
            node,
            clock: self.clock.now_nanos(),
            what,
        });
    }
}

#[cfg(test)]
mod tests {
    use capstan_flow::{Mode, Task, TaskKind, Vars, define};
    use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};

    use super::*;
    use crate::world::World;

    #[test]
    fn a_task_scales_it() {
        let script = "stream|from().measurement('cpu').groupBy('host')\
                      |k8sAutoscale().resourceName('a').replicas(lambda: int(0))|httpOut('events')";
        let definition =
            define(script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("the script is right");
        let world = World::new(0);
        world.orchestrator.set("a", 0);
        let ports = world.ports();
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
        assert_eq!(
            world.orchestrator.updates(),
            BTreeMap::from([("a".to_owned(), vec![1])])
        );
        let count = |entry: &Entry| match &entry.what {
            Happened::Scale(record) | Happened::Hold(record) => Some(record.count),
            _ => None,
        };
        // The change, then the minimum that bit for every further point.
        let counts: Vec<u64> = world.journal.take().iter().filter_map(count).collect();
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

    #[test]
    fn objects_are_known_by_more_or_less_of_their_name() {
        assert!(same_object("app", "default/deployments/app"));
        assert!(same_object("Deployment/app", "default/deployments/app"));
        assert!(same_object("default/deployment/app", "deployments/app"));
        assert!(!same_object("statefulsets/app", "default/deployments/app"));
        assert!(!same_object("other/deployments/app", "default/deployments/app"));
        assert!(!same_object("app2", "app"));
    }
}
