//! A bounded log of records in which equal consecutive holds are one.

use std::collections::{HashMap, VecDeque};

use super::{Record, Source, Target, Write, WriteStatus};

/// The last records of all objects, oldest first. Each has a sequence number that is never used again; memory is
/// bounded by the capacity.
#[derive(Debug, Clone)]
pub struct Ring {
    capacity: usize,
    records: VecDeque<Record>,
    /// Sequence number of the oldest record kept; those of the others follow from their place.
    first: u64,
    /// The last record of each object and source, which is what a new one may be merged into.
    last: HashMap<(Target, Source), u64>,
}

/// Where a pushed record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// The record that now says it.
    pub sequence: u64,
    /// Whether that record was there before and only its `count` and `lastTime` changed.
    pub merged: bool,
}

impl Ring {
    /// A log of at most `capacity` records, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            records: VecDeque::new(),
            first: 0,
            last: HashMap::new(),
        }
    }

    /// Adds a record, or counts it on the one it repeats. Records of other objects in between do not matter.
    pub fn push(&mut self, record: Record) -> Pushed {
        let key = (record.target.clone(), record.source.clone());
        if let Some(sequence) = self.last.get(&key).copied()
            && let Some(last) = self.get_mut(sequence)
            && last.repeats(&record)
        {
            last.count = last.count.saturating_add(record.count.max(1));
            last.last_time = Some(record.latest());
            return Pushed {
                sequence,
                merged: true,
            };
        }
        if self.records.len() >= self.capacity {
            self.drop_oldest();
        }
        let sequence = self.first + self.records.len() as u64;
        self.records.push_back(record);
        self.last.insert(key, sequence);
        Pushed {
            sequence,
            merged: false,
        }
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.records.pop_front() else {
            return;
        };
        let key = (oldest.target, oldest.source);
        if self.last.get(&key) == Some(&self.first) {
            self.last.remove(&key);
        }
        self.first += 1;
    }

    /// The record of this number, unless it has gone.
    pub fn get(&self, sequence: u64) -> Option<&Record> {
        self.records
            .get(usize::try_from(sequence.checked_sub(self.first)?).ok()?)
    }

    fn get_mut(&mut self, sequence: u64) -> Option<&mut Record> {
        self.records
            .get_mut(usize::try_from(sequence.checked_sub(self.first)?).ok()?)
    }

    /// Enters what became of a decision; false when its record has gone meanwhile.
    pub fn set_write(&mut self, sequence: u64, write: Write) -> bool {
        let Some(record) = self.get_mut(sequence) else {
            return false;
        };
        record.write = write;
        true
    }

    /// All records with their numbers, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &Record)> + ExactSizeIterator {
        let first = self.first;
        self.records
            .iter()
            .enumerate()
            .map(move |(index, record)| (first + index as u64, record))
    }

    /// The records from this number on, oldest first. A record that was merged into keeps its number.
    pub fn since(&self, sequence: u64) -> impl Iterator<Item = (u64, &Record)> {
        let skip = usize::try_from(sequence.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.iter().skip(skip)
    }

    /// The newest record of an object, whoever made it.
    pub fn latest(&self, target: &Target) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.target == *target)
    }

    /// The number the next new record gets.
    pub fn next_sequence(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// How many records are kept.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many kept records still wait for their write.
    pub fn pending(&self) -> usize {
        self.records
            .iter()
            .filter(|record| record.write.status == WriteStatus::Pending)
            .count()
    }
}
