//! The latest decision records: a ring for readers, written to the store in batches (design section 4, rule 6).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use capstan_hpa::{Record, Ring, Source, Target};
use capstan_store::Store;
use parking_lot::Mutex;
use serde::Deserialize as _;

/// What [`Tasks::decisions`](crate::Tasks::decisions) selects; empty selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// Id of the task that decided.
    pub task: String,
    /// The object's name, or `namespace/name`, or `kind/name`, in any case of the kind.
    pub target: String,
    /// At most the newest so many; 0 is no limit.
    pub limit: usize,
}

impl DecisionFilter {
    fn selects(&self, record: &Record) -> bool {
        let source = match &record.source {
            Source::Task { task, .. } => task.as_str(),
            Source::Hpa { .. } | Source::Autoscaler { .. } => "",
        };
        if !self.task.is_empty() && self.task != source {
            return false;
        }
        let target = &record.target;
        match self.target.rsplit_once('/') {
            _ if self.target.is_empty() => true,
            None => target.name == self.target,
            Some((before, name)) => {
                target.name == name
                    && (target.namespace == before || target.kind.eq_ignore_ascii_case(before))
            }
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Decisions {
    store: Store,
    /// How many records the store keeps.
    log: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    /// The last record of each object and source: a hold there may still be counted up.
    last: HashMap<(Target, Source), u64>,
    /// Sequence numbers that are not in the store yet.
    unwritten: BTreeSet<u64>,
}

impl Decisions {
    /// Takes up the records of earlier runs. Readers see the newest `ring` records, the store keeps `log`.
    pub fn open(store: Store, ring: usize, log: usize) -> Result<Arc<Self>, capstan_store::Error> {
        let mut records = Ring::new(ring);
        for value in store.recent_decisions(|_| true, ring)?.into_iter().rev() {
            match Record::deserialize(value) {
                Ok(record) => {
                    records.push(record);
                }
                Err(error) => tracing::warn!(%error, "a stored decision cannot be read"),
            }
        }
        let state = State {
            ring: records,
            last: HashMap::new(),
            unwritten: BTreeSet::new(),
        };
        Ok(Arc::new(Self {
            store,
            log,
            state: Mutex::new(state),
        }))
    }

    /// Keeps a record. Never waits for the store.
    pub fn push(&self, record: &Record) {
        let mut state = self.state.lock();
        let pushed = state.ring.push(record.clone());
        // A hold of an earlier run that goes on is in the store already.
        if !pushed.merged {
            state.unwritten.insert(pushed.sequence);
            state
                .last
                .insert((record.target.clone(), record.source.clone()), pushed.sequence);
            let kept = state.ring.len();
            if state.last.len() > 2 * kept.max(1000) {
                let oldest = state.ring.next_sequence() - kept as u64;
                state.last.retain(|_, sequence| *sequence >= oldest);
            }
        }
    }

    /// The selected records, oldest first.
    pub fn list(&self, filter: &DecisionFilter) -> Vec<Record> {
        let state = self.state.lock();
        let limit = if filter.limit == 0 {
            usize::MAX
        } else {
            filter.limit
        };
        let newest = state
            .ring
            .iter()
            .rev()
            .map(|(_, record)| record)
            .filter(|record| filter.selects(record));
        let mut records: Vec<Record> = newest.take(limit).cloned().collect();
        records.reverse();
        records
    }

    /// Writes what is not in the store yet, in one transaction; to be called about once a second. A hold that may still be
    /// counted up waits, unless `all`.
    pub fn flush(&self, all: bool) {
        let (numbers, records) = {
            let state = self.state.lock();
            let mut numbers = Vec::new();
            let mut records = Vec::new();
            for &number in &state.unwritten {
                // A record that left the ring before it was written is gone.
                let Some(record) = state.ring.get(number) else {
                    numbers.push(number);
                    continue;
                };
                let open = record.is_hold()
                    && state.last.get(&(record.target.clone(), record.source.clone())) == Some(&number);
                if all || !open {
                    numbers.push(number);
                    records.extend(serde_json::to_value(record).ok());
                }
            }
            (numbers, records)
        };
        if let Err(error) = self.store.append_decisions(&records, self.log) {
            tracing::error!(%error, "decisions could not be stored; they are tried again");
            return;
        }
        let mut state = self.state.lock();
        for number in numbers {
            state.unwritten.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use capstan_hpa::cooldown::{Limits, State, decide};

    use super::*;

    fn record(name: &str, wanted: i64) -> Record {
        let limits = Limits {
            min: 1,
            max: 4,
            increase_cooldown: 0,
            decrease_cooldown: 0,
        };
        let decision = decide(&State::default(), &limits, 0, 4, wanted);
        decision.record(
            Target::new("apps/v1", "Deployment", "demo", name),
            Source::task("t", "k8s_autoscale1"),
        )
    }

    fn names(decisions: &Decisions, target: &str) -> Vec<String> {
        let filter = DecisionFilter {
            target: target.into(),
            ..DecisionFilter::default()
        };
        decisions
            .list(&filter)
            .into_iter()
            .map(|record| record.target.name)
            .collect()
    }

    #[test]
    fn records_come_back_after_a_restart_and_open_holds_when_it_was_orderly() {
        let store = Store::in_memory();
        let decisions = Decisions::open(store.clone(), 100, 100).unwrap();
        decisions.push(&record("a", 2));
        decisions.push(&record("b", 9));
        decisions.push(&record("b", 9));
        decisions.flush(false);
        let killed = Decisions::open(store.clone(), 100, 100).unwrap();
        assert_eq!(names(&killed, ""), ["a"]);
        decisions.flush(true);
        let stopped = Decisions::open(store, 100, 100).unwrap();
        assert_eq!(names(&stopped, ""), ["a", "b"]);
        assert_eq!(
            stopped.list(&DecisionFilter {
                limit: 1,
                ..DecisionFilter::default()
            })[0]
                .count,
            2
        );
    }

    #[test]
    fn records_are_found_by_object_and_task() {
        let decisions = Decisions::open(Store::in_memory(), 100, 100).unwrap();
        decisions.push(&record("a", 2));
        for target in ["a", "demo/a", "deployment/a", ""] {
            assert_eq!(names(&decisions, target), ["a"], "{target}");
        }
        assert!(names(&decisions, "other/a").is_empty());
        let filter = DecisionFilter {
            task: "u".into(),
            ..DecisionFilter::default()
        };
        assert!(decisions.list(&filter).is_empty());
    }
}
