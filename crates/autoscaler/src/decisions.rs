//! The last decisions of each target, in memory and in the store. Equal consecutive holds are one record that counts.

use std::collections::{BTreeMap, HashMap, VecDeque};

use capstan_hpa::record::{Record, Source};
use capstan_store::Store;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;

/// What to look for; what is left out selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Namespace of the target, and so of the HPA.
    pub namespace: String,
    /// Whose decisions.
    pub source: Option<Source>,
    /// Only the decision that held at this time: the last one made not after it.
    pub at: Option<Timestamp>,
    /// The newest so many of each HPA; 0 is no limit.
    pub limit: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Decisions {
    per_target: usize,
    total: usize,
    state: Mutex<State>,
    store: Option<Store>,
}

#[derive(Debug, Default)]
struct State {
    targets: BTreeMap<Name, VecDeque<Kept>>,
    /// Whose records came first, so that the oldest of all can go.
    order: VecDeque<Name>,
    /// Records that are not in the store yet, by target and how many from the newest back.
    unwritten: HashMap<Name, usize>,
}

/// Namespace and which object there.
type Name = (String, Source);

/// A record, as small as it can be: what tells whether the next one repeats it, and its JSON.
#[derive(Debug)]
struct Kept {
    head: Record,
    json: Box<[u8]>,
}

impl Kept {
    fn new(record: Record) -> Self {
        // Records are plain data, which always has a JSON form.
        let json = serde_json::to_vec(&record).unwrap_or_default().into_boxed_slice();
        let head = Record {
            inputs: Vec::new(),
            steps: Vec::new(),
            arithmetic: None,
            replay: None,
            ..record
        };
        Self { head, json }
    }

    fn record(&self) -> Option<Record> {
        let mut record: Record = serde_json::from_slice(&self.json).ok()?;
        record.count = self.head.count;
        record.last_time = self.head.last_time;
        Some(record)
    }
}

impl Decisions {
    /// Takes up the records of earlier runs, if there is a store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Option<Store>, per_target: usize, total: usize) -> Result<Self, capstan_store::Error> {
        let decisions = Self {
            per_target: per_target.max(1),
            total: total.max(1),
            state: Mutex::default(),
            store,
        };
        if let Some(store) = &decisions.store {
            for value in store.recent_decisions(|_| true, total)?.into_iter().rev() {
                match serde_json::from_value::<Record>(value) {
                    Ok(record) => decisions.push(record),
                    Err(error) => tracing::warn!(%error, "a stored decision cannot be read"),
                }
            }
            decisions.state.lock().unwritten.clear();
        }
        Ok(decisions)
    }

    /// Keeps a record, or counts it on the one it repeats. Never waits for the store.
    pub fn push(&self, record: Record) {
        let name = (record.target.namespace.clone(), record.source.clone());
        let mut state = self.state.lock();
        let state = &mut *state;
        let kept = state.targets.entry(name.clone()).or_default();
        if let Some(last) = kept.back_mut()
            && last.head.repeats(&record)
        {
            last.head.count = last.head.count.saturating_add(record.count.max(1));
            last.head.last_time = Some(record.latest());
            return;
        }
        kept.push_back(Kept::new(record));
        if kept.len() > self.per_target {
            kept.pop_front();
        } else {
            state.order.push_back(name.clone());
        }
        *state.unwritten.entry(name).or_default() += 1;
        while state.order.len() > self.total {
            let Some(oldest) = state.order.pop_front() else {
                break;
            };
            if let Some(kept) = state.targets.get_mut(&oldest) {
                kept.pop_front();
                if kept.is_empty() {
                    state.targets.remove(&oldest);
                }
            }
        }
    }

    /// The selected records, of each HPA oldest first.
    pub fn list(&self, filter: &Filter) -> Vec<Record> {
        let state = self.state.lock();
        let limit = if filter.limit == 0 {
            usize::MAX
        } else {
            filter.limit
        };
        let mut found = Vec::new();
        for ((namespace, source), kept) in &state.targets {
            if (!filter.namespace.is_empty() && filter.namespace != *namespace)
                || filter.source.as_ref().is_some_and(|wanted| wanted != source)
            {
                continue;
            }
            let limit = if filter.at.is_some() { 1 } else { limit };
            let upto = kept
                .iter()
                .rposition(|kept| filter.at.is_none_or(|at| kept.head.time <= at))
                .map_or(0, |at| at + 1);
            let from = upto.saturating_sub(limit);
            found.extend(kept.range(from..upto).filter_map(Kept::record));
        }
        found
    }

    /// How many objects there are decisions about.
    pub fn targets(&self) -> usize {
        self.state.lock().targets.len()
    }

    /// Writes what is not in the store yet; to be called about once a second, not from an async task. A hold that may
    /// still be counted up waits, unless `all`.
    pub fn flush(&self, all: bool) {
        let Some(store) = &self.store else {
            return;
        };
        let mut values: Vec<(Timestamp, Value)> = Vec::new();
        let before;
        {
            let mut state = self.state.lock();
            let state = &mut *state;
            before = state.unwritten.clone();
            for (name, count) in &mut state.unwritten {
                let Some(kept) = state.targets.get(name) else {
                    *count = 0;
                    continue;
                };
                let open = usize::from(!all && kept.back().is_some_and(|last| last.head.is_hold()));
                let from = kept.len().saturating_sub(*count);
                let upto = kept.len() - open;
                for kept in kept.range(from.min(upto)..upto) {
                    let value = kept.record().and_then(|record| serde_json::to_value(record).ok());
                    values.extend(value.map(|value| (kept.head.time, value)));
                }
                *count = (*count).min(open);
            }
            state.unwritten.retain(|_, count| *count > 0);
        }
        values.sort_by_key(|(time, _)| *time);
        let values: Vec<Value> = values.into_iter().map(|(_, value)| value).collect();
        if let Err(error) = store.append_decisions(&values, self.total) {
            tracing::error!(%error, "decisions could not be stored; they are tried again");
            let mut state = self.state.lock();
            for (name, count) in before {
                let unwritten = state.unwritten.entry(name).or_default();
                *unwritten = (*unwritten).max(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use capstan_hpa::cooldown::{Limits, State as Cooldown, decide};
    use capstan_hpa::record::Target;

    use super::*;

    fn record(name: &str, second: i64, wanted: i64) -> Record {
        let limits = Limits {
            min: 1,
            max: 9,
            increase_cooldown: 0,
            decrease_cooldown: 0,
        };
        let now = second * 1_000_000_000;
        let decision = decide(&Cooldown::default(), &limits, now, 4, wanted);
        decision.record(Target::new("apps/v1", "Deployment", "n", "w"), Source::hpa(name))
    }

    fn seen(decisions: &Decisions, filter: &Filter) -> Vec<(i64, i64, u64)> {
        let records = decisions.list(filter);
        records
            .iter()
            .map(|record| (record.time.as_second(), record.raw_desired_replicas, record.count))
            .collect()
    }

    #[test]
    fn holds_are_counted_and_each_target_keeps_its_last() {
        let decisions = Decisions::open(None, 2, 100).unwrap();
        for second in 0..5 {
            decisions.push(record("a", second, 4));
        }
        decisions.push(record("b", 5, 7));
        decisions.push(record("a", 6, 5));
        let of = |hpa: &str| Filter {
            source: Some(Source::hpa(hpa)),
            ..Filter::default()
        };
        assert_eq!(seen(&decisions, &of("a")), [(0, 4, 5), (6, 5, 1)]);
        let at = Filter {
            at: Timestamp::from_second(4).ok(),
            ..of("a")
        };
        assert_eq!(seen(&decisions, &at), [(0, 4, 5)]);
        decisions.push(record("a", 7, 6));
        assert_eq!(seen(&decisions, &of("a")), [(6, 5, 1), (7, 6, 1)]);
        assert_eq!(seen(&decisions, &of("b")), [(5, 7, 1)]);
        assert!(seen(&decisions, &at).is_empty(), "what held then is gone");
    }

    #[test]
    fn the_oldest_of_all_go_first() {
        let decisions = Decisions::open(None, 10, 3).unwrap();
        for (second, name) in ["a", "b", "b", "b"].iter().enumerate() {
            decisions.push(record(name, second as i64, second as i64 + 5));
        }
        let times: Vec<i64> = seen(&decisions, &Filter::default())
            .iter()
            .map(|seen| seen.0)
            .collect();
        assert_eq!(times, [1, 2, 3]);
    }

    #[test]
    fn records_come_back_and_an_open_hold_is_written_once_it_is_over() {
        let store = Store::in_memory();
        let decisions = Decisions::open(Some(store.clone()), 10, 100).unwrap();
        decisions.push(record("a", 0, 7));
        decisions.push(record("a", 1, 4));
        decisions.flush(false);
        let reopen = || Decisions::open(Some(store.clone()), 10, 100).unwrap();
        assert_eq!(seen(&reopen(), &Filter::default()), [(0, 7, 1)]);
        decisions.push(record("a", 2, 4));
        decisions.push(record("a", 3, 8));
        decisions.flush(false);
        decisions.flush(false);
        let all = [(0, 7, 1), (1, 4, 2), (3, 8, 1)];
        assert_eq!(seen(&reopen(), &Filter::default()), all);
        decisions.push(record("a", 4, 4));
        decisions.flush(true);
        assert_eq!(seen(&reopen(), &Filter::default()).len(), 4);
    }
}
