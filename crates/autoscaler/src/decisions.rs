//! The last decisions of each target, in memory and in the store. Equal consecutive holds are one record that counts.
//! What is in memory is packed: most of it is never read.

mod pack;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use capstan_hpa::record::{Record, Source};
use capstan_store::Store;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;

use pack::Packer;

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
    packer: Packer,
}

#[derive(Debug, Default)]
struct State {
    targets: BTreeMap<Arc<Name>, VecDeque<Kept>>,
    /// Whose records came first, so that the oldest of all can go.
    order: VecDeque<Arc<Name>>,
    /// Records that are not in the store yet, by target and how many from the newest back.
    unwritten: HashMap<Arc<Name>, usize>,
}

/// Namespace and which object there.
type Name = (String, Source);

/// A record, as small as it can be.
#[derive(Debug, Clone)]
struct Kept {
    time: Timestamp,
    last_time: Option<Timestamp>,
    count: u64,
    /// Stands for everything that [`Record::repeats`] compares; `None` for records that are not merged.
    hold: Option<u64>,
    /// The record as it came, packed JSON.
    packed: Arc<[u8]>,
}

impl Kept {
    fn new(record: &Record, packer: &Packer) -> std::io::Result<Self> {
        let json = serde_json::to_vec(record)?;
        Ok(Self {
            time: record.time,
            last_time: record.last_time,
            count: record.count.max(1),
            hold: hold(record),
            packed: packer.pack(&json)?.into(),
        })
    }

    fn record(&self, packer: &Packer) -> Option<Record> {
        let read =
            || -> std::io::Result<Record> { Ok(serde_json::from_slice(&packer.unpack(&self.packed)?)?) };
        let mut record = read()
            .inspect_err(|error| tracing::error!(%error, "a decision that is kept cannot be read"))
            .ok()?;
        record.count = self.count;
        record.last_time = self.last_time;
        Some(record)
    }
}

/// The same number for records of one target that repeat each other. That two others have the same one as well has a
/// chance of one in 2^64, and would only have one more hold counted.
fn hold(record: &Record) -> Option<u64> {
    record.is_hold().then(|| {
        let mut hasher = DefaultHasher::new();
        let numbers = (
            record.current_replicas,
            record.raw_desired_replicas,
            record.final_desired_replicas,
        );
        (&record.target, &record.source, numbers).hash(&mut hasher);
        (&record.reason, &record.selected_metric).hash(&mut hasher);
        (&record.constraints_applied, &record.write.message).hash(&mut hasher);
        hasher.finish()
    })
}

impl Decisions {
    /// Takes up the records of earlier runs, if there is a store.
    ///
    /// # Errors
    /// When the store cannot be read, or memory runs out.
    pub fn open(store: Option<Store>, per_target: usize, total: usize) -> Result<Self, Error> {
        let decisions = Self {
            per_target: per_target.max(1),
            total: total.max(1),
            state: Mutex::default(),
            store,
            packer: Packer::new()?,
        };
        if let Some(store) = &decisions.store {
            for value in store.recent_decisions(|_| true, total)?.into_iter().rev() {
                match serde_json::from_value::<Record>(value) {
                    Ok(record) => decisions.push(&record),
                    Err(error) => tracing::warn!(%error, "a stored decision cannot be read"),
                }
            }
            decisions.state.lock().unwritten.clear();
        }
        Ok(decisions)
    }

    /// Keeps a record, or counts it on the one it repeats. Never waits for the store.
    pub fn push(&self, record: &Record) {
        let name = (record.target.namespace.clone(), record.source.clone());
        let hold = hold(record);
        let repeated = |state: &mut State| {
            let last = state.targets.get_mut(&name).and_then(VecDeque::back_mut)?;
            (hold.is_some() && last.hold == hold).then(|| {
                last.count = last.count.saturating_add(record.count.max(1));
                last.last_time = Some(record.latest());
            })
        };
        if repeated(&mut self.state.lock()).is_some() {
            return;
        }
        // One target's records come one after the other, so that nobody else pushes to it meanwhile.
        let kept = match Kept::new(record, &self.packer) {
            Ok(kept) => kept,
            Err(error) => {
                tracing::error!(%error, "a decision cannot be kept");
                return;
            }
        };
        let mut state = self.state.lock();
        let state = &mut *state;
        let name = match state.targets.get_key_value(&name) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(name),
        };
        // Most have one record for a long time.
        let all = state.targets.entry(Arc::clone(&name));
        let all = all.or_insert_with(|| VecDeque::with_capacity(1));
        all.push_back(kept);
        if all.len() > self.per_target {
            all.pop_front();
        } else {
            state.order.push_back(Arc::clone(&name));
        }
        if self.store.is_some() {
            *state.unwritten.entry(name).or_default() += 1;
        }
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
        let limit = match (filter.at, filter.limit) {
            (Some(_), _) => 1,
            (None, 0) => usize::MAX,
            (None, limit) => limit,
        };
        let mut found: Vec<Kept> = Vec::new();
        // Reading takes its time, and nobody is to wait for it.
        for (name, kept) in &self.state.lock().targets {
            let (namespace, source) = &**name;
            if (!filter.namespace.is_empty() && filter.namespace != *namespace)
                || filter.source.as_ref().is_some_and(|wanted| wanted != source)
            {
                continue;
            }
            let upto = kept
                .iter()
                .rposition(|kept| filter.at.is_none_or(|at| kept.time <= at))
                .map_or(0, |at| at + 1);
            found.extend(kept.range(upto.saturating_sub(limit)..upto).cloned());
        }
        found
            .iter()
            .filter_map(|kept| kept.record(&self.packer))
            .collect()
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
        let mut kept: Vec<Kept> = Vec::new();
        let before;
        {
            let mut state = self.state.lock();
            let state = &mut *state;
            before = state.unwritten.clone();
            for (name, count) in &mut state.unwritten {
                let Some(records) = state.targets.get(name) else {
                    *count = 0;
                    continue;
                };
                let open = usize::from(!all && records.back().is_some_and(|last| last.hold.is_some()));
                let from = records.len().saturating_sub(*count);
                let upto = records.len() - open;
                kept.extend(records.range(from.min(upto)..upto).cloned());
                *count = (*count).min(open);
            }
            state.unwritten.retain(|_, count| *count > 0);
        }
        kept.sort_by_key(|kept| kept.time);
        let value = |kept: &Kept| serde_json::to_value(kept.record(&self.packer)?).ok();
        let values: Vec<Value> = kept.iter().filter_map(value).collect();
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

/// Why the records of earlier runs cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] capstan_store::Error),
    /// There is no memory for packing records.
    #[error("decision records cannot be packed: {0}")]
    Pack(#[from] std::io::Error),
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
            decisions.push(&record("a", second, 4));
        }
        decisions.push(&record("b", 5, 7));
        decisions.push(&record("a", 6, 5));
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
        decisions.push(&record("a", 7, 6));
        assert_eq!(seen(&decisions, &of("a")), [(6, 5, 1), (7, 6, 1)]);
        assert_eq!(seen(&decisions, &of("b")), [(5, 7, 1)]);
        assert!(seen(&decisions, &at).is_empty(), "what held then is gone");
    }

    #[test]
    fn the_oldest_of_all_go_first() {
        let decisions = Decisions::open(None, 10, 3).unwrap();
        for (second, name) in ["a", "b", "b", "b"].iter().enumerate() {
            decisions.push(&record(name, second as i64, second as i64 + 5));
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
        decisions.push(&record("a", 0, 7));
        decisions.push(&record("a", 1, 4));
        decisions.flush(false);
        let reopen = || Decisions::open(Some(store.clone()), 10, 100).unwrap();
        assert_eq!(seen(&reopen(), &Filter::default()), [(0, 7, 1)]);
        decisions.push(&record("a", 2, 4));
        decisions.push(&record("a", 3, 8));
        decisions.flush(false);
        decisions.flush(false);
        let all = [(0, 7, 1), (1, 4, 2), (3, 8, 1)];
        assert_eq!(seen(&reopen(), &Filter::default()), all);
        decisions.push(&record("a", 4, 4));
        decisions.flush(true);
        assert_eq!(seen(&reopen(), &Filter::default()).len(), 4);
    }
}
