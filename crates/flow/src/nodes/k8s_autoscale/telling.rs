//! Decision records: the first of equal ones at once, the others together with their count.

use capstan_hpa::cooldown::{Decision, Hold};
use capstan_hpa::record::{Record, timestamp};

use crate::ports::Scaler;

/// What makes two records equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    current: i64,
    raw: i64,
    bounded: i64,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    NoChange,
    IncreaseCooldown,
    DecreaseCooldown,
    /// Refused or not written, and why.
    Failed(String),
}

impl Said {
    /// A change that was held back, or a limit that bit without changing anything.
    pub(super) fn held(decision: &Decision, hold: Hold) -> Self {
        Self::of(
            decision,
            match hold {
                Hold::NoChange => Outcome::NoChange,
                Hold::IncreaseCooldown { .. } => Outcome::IncreaseCooldown,
                Hold::DecreaseCooldown { .. } => Outcome::DecreaseCooldown,
            },
        )
    }

    /// A change that did not come about.
    pub(super) fn failed(decision: &Decision, why: &str) -> Self {
        Self::of(decision, Outcome::Failed(why.to_owned()))
    }

    fn of(decision: &Decision, outcome: Outcome) -> Self {
        Self {
            current: decision.current,
            raw: decision.raw,
            bounded: decision.bounded,
            outcome,
        }
    }
}

/// What was told last about one object, and how often it was true again since.
#[derive(Debug, Default)]
pub(super) struct Telling {
    last: Option<(Said, Box<Record>)>,
    again: u64,
    /// Data time of the first and the last repetition that was not told.
    span: (i64, i64),
}

impl Telling {
    /// Counts a repetition of what was told last; false when it is something else.
    #[inline]
    pub(super) fn repeat(&mut self, said: &Said, time: i64) -> bool {
        if self.last.as_ref().is_none_or(|(last, _)| last != said) {
            return false;
        }
        if self.again == 0 {
            self.span.0 = time;
        }
        self.span.1 = time;
        self.again += 1;
        true
    }

    /// Tells something new.
    pub(super) fn tell(&mut self, scaler: &dyn Scaler, said: Said, record: Record) {
        self.flush(scaler);
        scaler.record(&record);
        self.last = Some((said, Box::new(record)));
    }

    /// Tells of a change that was made; whatever follows is new.
    pub(super) fn changed(&mut self, scaler: &dyn Scaler, record: &Record) {
        self.flush(scaler);
        scaler.record(record);
        self.last = None;
    }

    /// Tells of the repetitions. For holds this can happen at any time, because they are merged with the first one.
    pub(super) fn flush(&mut self, scaler: &dyn Scaler) {
        let count = std::mem::take(&mut self.again);
        if let (Some((_, record)), 1..) = (&mut self.last, count) {
            record.time = timestamp(self.span.0);
            record.count = count;
            record.last_time = (count > 1).then(|| timestamp(self.span.1));
            scaler.record(record);
        }
    }

    /// Tells of repeated holds; repeated failures wait for their end.
    pub(super) fn flush_holds(&mut self, scaler: &dyn Scaler) {
        if self.last.as_ref().is_some_and(|(_, record)| record.is_hold()) {
            self.flush(scaler);
        }
    }
}
