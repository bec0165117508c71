//! The series of one database and retention policy: from the bytes of a series key to a measurement and a row key.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::scan::{self, Key};
use super::{MAX_KEY_LENGTH, Reason};
use crate::keys::{KeyTable, RowKey};
use crate::tags::Tags;

/// Below this many spellings nothing is ever forgotten.
const KEEP: usize = 1 << 17;

/// How many of the forgotten spellings are remembered by their hash, to see whether they come back.
const SAMPLE: usize = 512;

/// With this many fields in a measurement the index starts over at the next batch: their names are not the fixed set that
/// names are meant to be.
const CROWDED: usize = 4_096;

/// Which series a series key names, by its raw bytes. Several spellings of one key (order of tags, escapes) have one entry
/// each and the same row key.
///
/// Series that nobody writes any more are forgotten all at once: when the number of spellings has doubled and most of
/// them are not seen during the next rows, the index starts over with a new [`KeyTable`]. Live series are learned again
/// at their next point; whoever keeps state by group loses nothing, because groups are found by tags. When many of the
/// forgotten ones come back, they were only slow (very many hosts take turns), and more are kept from then on.
#[derive(Debug)]
pub struct SeriesIndex {
    pub(super) database: Arc<str>,
    pub(super) retention_policy: Arc<str>,
    pub(super) keys: Arc<KeyTable>,
    pub(super) measurements: Vec<Measurement>,
    entries: Vec<Entry>,
    raw: Vec<u8>,
    by_raw: HashTable<u32>,
    by_name: HashTable<u32>,
    hasher: RandomState,
    /// Entry of the last row; what follows it is tried first.
    last: u32,
    max_series: usize,
    review: Review,
    /// How many spellings there are before any is doubted.
    keep: usize,
    /// Hashes of some of those that were forgotten last, sorted.
    sample: Vec<u64>,
    /// How many of the sample came back.
    returned: usize,
    /// Number of the batch under construction.
    batch: u64,
    /// Whether a measurement has more fields than are worth remembering.
    crowded: bool,
}

/// When to look for series that are gone.
#[derive(Debug)]
enum Review {
    /// When there are this many entries.
    AtCount(usize),
    /// When this many rows have gone by: which of the first `entries` were seen?
    AfterRows { rows: usize, entries: usize },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    start: u32,
    len: u16,
    seen: bool,
    /// Whether the raw key has (escaped) line breaks in it, so that its lines are more than one.
    breaks: bool,
    pub(super) measurement: u32,
    pub(super) key: RowKey,
    /// The entry of the row that followed last time.
    next: u32,
}

/// A series that was met before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    at: u32,
    pub(super) entry: Entry,
}

impl Known {
    /// Whether a line of this series may be looked at field by field: it does not go on after a line break, and a field's
    /// name can't make its key too long.
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        self.key_length() < MAX_KEY_LENGTH / 2 - 4 && !self.entry.breaks
    }

    /// How many bytes its key has.
    #[inline]
    pub(super) fn key_length(&self) -> usize {
        usize::from(self.entry.len)
    }
}

/// What is remembered of a measurement from batch to batch.
#[derive(Debug)]
pub(super) struct Measurement {
    pub(super) name: Arc<str>,
    /// Its fields in order of first sight.
    pub(super) fields: Vec<Field>,
    by_name: HashTable<u32>,
    /// Rows of the last batch.
    pub(super) last_rows: usize,
    /// Its block, and in which batch that is.
    slot: (u64, u32),
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: Arc<str>,
    /// Whether its raw spelling is the name itself.
    pub(super) plain: bool,
}

impl SeriesIndex {
    /// An empty index; blocks will say that they come from this database and retention policy.
    pub fn new(database: impl Into<Arc<str>>, retention_policy: impl Into<Arc<str>>) -> Self {
        Self {
            database: database.into(),
            retention_policy: retention_policy.into(),
            keys: Arc::new(KeyTable::new()),
            measurements: Vec::new(),
            entries: Vec::new(),
            raw: Vec::new(),
            by_raw: HashTable::new(),
            by_name: HashTable::new(),
            hasher: RandomState::default(),
            last: 0,
            max_series: 4_000_000,
            review: Review::AtCount(KEEP),
            keep: KEEP,
            sample: Vec::new(),
            returned: 0,
            batch: 0,
            crowded: false,
        }
    }

    /// Sets how many spellings are kept at most. Points of further series are refused, until it turns out that most of
    /// those that are known are not written any more: then the index starts over.
    #[must_use]
    pub fn with_max_series(mut self, max_series: usize) -> Self {
        self.max_series = max_series.clamp(1, u32::MAX as usize);
        self
    }

    /// An index that forgets nothing while it has at most so many spellings.
    #[must_use]
    pub fn with_keep(mut self, keep: usize) -> Self {
        self.keep = keep.max(1);
        self.review = Review::AtCount(self.keep);
        self
    }

    /// The key table that blocks made from now on refer to.
    pub fn keys(&self) -> &Arc<KeyTable> {
        &self.keys
    }

    /// How many spellings of series keys are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was parsed yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the batch should be closed so that the index can start over.
    #[inline]
    pub(super) fn wants_rotation(&self) -> bool {
        self.raw.len() > (u32::MAX as usize) / 2
    }

    /// Prepares for a new batch; no block of an earlier one is open any more.
    pub(super) fn begin_batch(&mut self) {
        self.batch += 1;
        if self.wants_rotation() || self.crowded || self.review_says_stale() {
            let (batch, hasher) = (self.batch, self.hasher.clone());
            let step = self.entries.len().div_ceil(SAMPLE).max(1);
            let mut sample: Vec<u64> = self
                .entries
                .iter()
                .step_by(step)
                .map(|entry| hasher.hash_one(self.raw_of(entry)))
                .collect();
            sample.sort_unstable();
            let fresh = Self::new(Arc::clone(&self.database), Arc::clone(&self.retention_policy));
            *self = Self {
                hasher,
                sample,
                keep: self.keep,
                review: Review::AtCount(self.keep),
                ..fresh.with_max_series(self.max_series)
            };
            self.batch = batch;
        }
    }

    /// The block of a measurement in the batch under construction.
    pub(super) fn slot(&self, measurement: u32) -> Option<u32> {
        let (batch, slot) = self.measurements[measurement as usize].slot;
        (batch == self.batch).then_some(slot)
    }

    /// Says which block a measurement has in the batch under construction.
    pub(super) fn set_slot(&mut self, measurement: u32, slot: u32) {
        self.measurements[measurement as usize].slot = (self.batch, slot);
    }

    /// Counts rows: those of a finished batch, and those that were refused because their series is one too many.
    pub(super) fn count_rows(&mut self, rows: usize) {
        if let Review::AfterRows { rows: left, .. } = &mut self.review {
            *left = left.saturating_sub(rows);
        }
    }

    fn review_says_stale(&mut self) -> bool {
        match self.review {
            Review::AtCount(count) if self.entries.len() >= count.min(self.max_series) => {
                self.entries.iter_mut().for_each(|entry| entry.seen = false);
                let entries = self.entries.len();
                self.review = Review::AfterRows {
                    rows: 4 * entries,
                    entries,
                };
            }
            Review::AfterRows { rows: 0, entries } => {
                let seen = self.entries[..entries].iter().filter(|entry| entry.seen).count();
                self.review = Review::AtCount(2 * self.entries.len());
                return seen < entries / 2;
            }
            _ => {}
        }
        false
    }

    fn raw_of(&self, entry: &Entry) -> &[u8] {
        &self.raw[entry.start as usize..entry.start as usize + usize::from(entry.len)]
    }

    /// The series at the start of `line`, if it was met before and its key is spelled without escapes.
    #[inline]
    pub(super) fn locate(&self, line: &[u8]) -> Option<Known> {
        if let Some(known) = self.predict(line) {
            return Some(known);
        }
        let end = memchr::memchr3(b' ', b'\n', b'\\', line).filter(|&end| line[end] == b' ')?;
        self.find(&line[..end])
    }

    /// The series at the start of `line` if it is the one that followed the last row's the last time.
    #[inline]
    fn predict(&self, line: &[u8]) -> Option<Known> {
        let at = self.entries.get(self.last as usize)?.next;
        let entry = self.entries.get(at as usize)?;
        let len = usize::from(entry.len);
        if line.get(len) != Some(&b' ') || line[..len] != *self.raw_of(entry) {
            return None;
        }
        Some(Known { at, entry: *entry })
    }

    /// The series whose key is spelled `raw`, if it was met before.
    fn find(&self, raw: &[u8]) -> Option<Known> {
        let hash = self.hasher.hash_one(raw);
        let at = *self
            .by_raw
            .find(hash, |&at| self.raw_of(&self.entries[at as usize]) == raw)?;
        let entry = self.entries[at as usize];
        Some(Known { at, entry })
    }

    /// Notes that the next row is of this series.
    #[inline]
    pub(super) fn follow(&mut self, known: Known) {
        if let Some(last) = self.entries.get_mut(self.last as usize)
            && last.next != known.at
        {
            last.next = known.at;
        }
        self.last = known.at;
        if !known.entry.seen {
            self.entries[known.at as usize].seen = true;
        }
    }

    /// The series of the scanned `key` at the start of `line`, made on first sight.
    pub(super) fn entry(&mut self, line: &[u8], key: &Key) -> Result<Entry, Reason> {
        let raw = &line[..key.end];
        if let Some(known) = self.find(raw) {
            self.follow(known);
            return Ok(known.entry);
        }
        if self.entries.len() >= self.max_series {
            return Err(Reason::TooManySeries(self.max_series));
        }
        let name = scan::unescape(&line[..key.name_end], b",\" =")?;
        let mut tags = Vec::with_capacity(key.tags.len());
        for &(start, end) in &key.tags {
            let tag = &line[start..end];
            let tag_key = scan::scan_to(tag, b'=');
            let value = &tag[tag_key.len() + 1..];
            tags.push((scan::unescape(tag_key, b", =")?, scan::unescape(value, b", =")?));
        }
        let key = self.keys.intern(&Tags::from_pairs(tags));
        let measurement = self.measurement(&name);
        let at = u32::try_from(self.entries.len()).expect("max_series keeps entries below 2^32");
        let start =
            u32::try_from(self.raw.len()).expect("the index starts over before its text has 2^32 bytes");
        let len = u16::try_from(raw.len()).expect("longer keys were rejected");
        self.raw.extend_from_slice(raw);
        let breaks = raw.contains(&b'\n');
        let entry = Entry {
            start,
            len,
            seen: true,
            breaks,
            measurement,
            key,
            next: at.wrapping_add(1),
        };
        self.entries.push(entry);
        let hasher = &self.hasher;
        let hash = hasher.hash_one(raw);
        if self.sample.binary_search(&hash).is_ok() {
            self.returned += 1;
            if self.returned > self.sample.len() / 4 {
                // They should not have been forgotten.
                self.keep = self.keep.saturating_mul(4);
                self.review = Review::AtCount(self.keep);
                self.sample = Vec::new();
                self.returned = 0;
            }
        }
        let (entries, text) = (&self.entries, &self.raw);
        self.by_raw.insert_unique(hash, at, |&at| {
            let entry = &entries[at as usize];
            hasher.hash_one(&text[entry.start as usize..entry.start as usize + usize::from(entry.len)])
        });
        if at > 0
            && let Some(last) = self.entries.get_mut(self.last as usize)
        {
            last.next = at;
        }
        self.last = at;
        Ok(entry)
    }

    fn measurement(&mut self, name: &str) -> u32 {
        let hash = self.hasher.hash_one(name);
        let known = &self.measurements;
        if let Some(&at) = self.by_name.find(hash, |&at| &*known[at as usize].name == name) {
            return at;
        }
        let at = self.measurements.len() as u32;
        self.measurements.push(Measurement {
            name: name.into(),
            fields: Vec::new(),
            by_name: HashTable::new(),
            last_rows: 0,
            slot: (0, 0),
        });
        let (hasher, known) = (&self.hasher, &self.measurements);
        self.by_name
            .insert_unique(hash, at, |&at| hasher.hash_one(&*known[at as usize].name));
        at
    }

    /// The position of a field of a measurement, if it is known.
    pub(super) fn find_field(&self, measurement: u32, name: &str) -> Option<u32> {
        let measurement = &self.measurements[measurement as usize];
        let hash = self.hasher.hash_one(name);
        measurement
            .by_name
            .find(hash, |&at| &*measurement.fields[at as usize].name == name)
            .copied()
    }

    /// The position of a field of a measurement, added on first sight.
    pub(super) fn field(&mut self, measurement: u32, name: &str) -> u32 {
        if let Some(at) = self.find_field(measurement, name) {
            return at;
        }
        let hasher = &self.hasher;
        let measurement = &mut self.measurements[measurement as usize];
        let at = measurement.fields.len() as u32;
        let plain = !name
            .bytes()
            .any(|b| matches!(b, b',' | b'=' | b' ' | b'"' | b'\\' | b'\n'));
        let plain = plain && name.len() < super::MAX_KEY_LENGTH / 2 && !name.is_empty();
        measurement.fields.push(Field {
            name: name.into(),
            plain,
        });
        self.crowded |= measurement.fields.len() >= CROWDED;
        let fields = &measurement.fields;
        let hash = hasher.hash_one(name);
        measurement
            .by_name
            .insert_unique(hash, at, |&at| hasher.hash_one(&*fields[at as usize].name));
        at
    }
}
