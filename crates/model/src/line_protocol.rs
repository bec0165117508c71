//! InfluxDB's line protocol, version 1 (H-20, H-21): bytes to [`Batch`]es in one pass.
//!
//! A line whose series is known, whose fields are those of the last line of its measurement and which uses no escapes
//! takes a fast path: the series is predicted from the line before (or found with one hash probe; either way the raw
//! bytes are compared), each field's name is compared with the column that is expected there, and numbers are pushed
//! into typed columns. Every other line goes through an exact rendering of InfluxDB 1.x's scanner
//! (`models/points.go`), which decides what is right: a property test holds the two together.
//!
//! Lines that are wrong are named and left out; the others stand. Differences from InfluxDB: text that is not UTF-8 is
//! refused, and a point all of whose field keys are empty is refused.

mod fast;
mod number;
mod print;
mod rows;
mod scan;
mod series;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::batch::Batch;

pub use print::append_point;
pub use series::SeriesIndex;

use rows::Rows;
use scan::{LineEnd, LineScan};

/// The longest series key (with a field key), in bytes.
pub const MAX_KEY_LENGTH: usize = 65_535;
/// The earliest time, in nanoseconds; InfluxDB keeps two values back for itself.
pub const MIN_TIME: i64 = i64::MIN + 2;
/// The latest time, in nanoseconds.
pub const MAX_TIME: i64 = i64::MAX - 1;

/// The unit of the timestamps of a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    #[default]
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
}

impl Precision {
    /// Reads the `precision` parameter: `n u ms s m h`, also `ns` and `us`; empty is nanoseconds. `None` for anything
    /// else, which is to be refused (H-20 FIX).
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "n" | "ns" => Self::Nanosecond,
            "u" | "us" | "µ" | "µs" => Self::Microsecond,
            "ms" => Self::Millisecond,
            "s" => Self::Second,
            "m" => Self::Minute,
            "h" => Self::Hour,
            _ => return None,
        })
    }

    /// Nanoseconds in one unit.
    pub fn nanos(self) -> i64 {
        match self {
            Self::Nanosecond => 1,
            Self::Microsecond => 1_000,
            Self::Millisecond => 1_000_000,
            Self::Second => 1_000_000_000,
            Self::Minute => 60 * 1_000_000_000,
            Self::Hour => 3_600 * 1_000_000_000,
        }
    }
}

/// What a parse may use, and what it takes as given.
#[derive(Debug, Clone)]
pub struct ParseOptions {
    /// Unit of the timestamps.
    pub precision: Precision,
    /// Time of lines that have none, in nanoseconds; cut down to the precision as InfluxDB does.
    pub default_time: i64,
    /// How many rejected lines are described; further ones are only counted.
    pub max_rejected: usize,
    /// How many bytes of a rejected line are quoted.
    pub max_excerpt: usize,
    /// The most fields a measurement may have within one batch; lines that would add more are rejected.
    pub max_fields: usize,
    /// The most rows of one batch.
    pub max_rows: usize,
    /// The most cells (rows times fields, over all measurements) of one batch, so that lines that share few fields cannot
    /// cost much more memory than the body that brought them.
    pub max_cells: usize,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            precision: Precision::Nanosecond,
            default_time: 0,
            max_rejected: 100,
            max_excerpt: 200,
            max_fields: 4_096,
            max_rows: 1 << 20,
            max_cells: 1 << 23,
        }
    }
}

/// Why a line was rejected. The texts are InfluxDB's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("missing measurement")]
    MissingMeasurement,
    #[error("missing fields")]
    MissingFields,
    #[error("missing tag key")]
    MissingTagKey,
    #[error("missing tag value")]
    MissingTagValue,
    #[error("invalid tag format")]
    InvalidTagFormat,
    #[error("duplicate tags")]
    DuplicateTags,
    #[error("max key length exceeded: {0} > {MAX_KEY_LENGTH}")]
    KeyTooLong(usize),
    #[error("missing field key")]
    MissingFieldKey,
    #[error("missing field value")]
    MissingFieldValue,
    #[error("invalid number")]
    InvalidNumber,
    #[error("invalid float")]
    InvalidFloat,
    #[error("unable to parse integer {0}: strconv.ParseInt: parsing \"{0}\": value out of range")]
    IntegerRange(String),
    #[error("invalid boolean")]
    InvalidBoolean,
    #[error("unbalanced quotes")]
    UnbalancedQuotes,
    #[error("invalid field format")]
    InvalidFieldFormat,
    #[error("invalid value: field-key={0}")]
    InvalidValue(String),
    #[error("bad timestamp")]
    BadTimestamp,
    #[error("strconv.ParseInt: parsing \"{0}\": {1}")]
    TimestampNumber(String, &'static str),
    #[error("time outside range {MIN_TIME} - {MAX_TIME}")]
    TimeRange,
    #[error("point is invalid")]
    InvalidPoint,
    #[error("not valid UTF-8")]
    NotUtf8,
    #[error("more than {0} fields in one measurement")]
    TooManyFields(usize),
    #[error("more than {0} series; max-series sets the limit")]
    TooManySeries(usize),
}

/// A line that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Line of the body, from 1.
    pub line: usize,
    /// How the line begins.
    pub text: String,
    /// What is wrong with it.
    pub reason: Reason,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: unable to parse '{}': {}",
            self.line, self.text, self.reason
        )
    }
}

/// What a body brought, besides its batches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Points that were kept.
    pub accepted: usize,
    /// Lines that were left out, the first of them; [`ParseOptions::max_rejected`] bounds the list.
    pub rejected: Vec<Rejected>,
    /// How many lines were left out in all.
    pub rejected_total: usize,
    /// How many of these belong to series beyond the limit.
    pub series_refused: usize,
}

/// A body parsed in one go.
#[derive(Debug, Default)]
pub struct Parsed {
    /// One batch, unless the body was larger or sparser than one batch may be; none when there is no good line.
    pub batches: Vec<Batch>,
    pub outcome: Outcome,
}

/// Parses a whole body.
pub fn parse(index: &mut SeriesIndex, body: &[u8], options: &ParseOptions) -> Parsed {
    let mut batches = Vec::new();
    let mut keep = |batch| batches.push(batch);
    let mut parser = Parser::new(index, options.clone());
    parser.feed_last(body, &mut keep);
    let outcome = parser.finish(&mut keep);
    Parsed { batches, outcome }
}

/// How far the parsing of a body is, without the index it is parsed with: a body whose pieces arrive slowly does not keep
/// the index to itself.
#[derive(Debug)]
pub struct Progress {
    options: ParseOptions,
    /// [`ParseOptions::default_time`] cut down to the precision.
    default_time: i64,
    outcome: Outcome,
    /// Number of the line that comes next.
    line: usize,
    /// The beginning of a line whose end has not arrived yet, and how far it was looked at.
    carry: Vec<u8>,
    scan: LineScan,
}

impl Progress {
    /// The beginning of a body.
    pub fn new(options: ParseOptions) -> Self {
        let unit = options.precision.nanos();
        let default_time = options
            .default_time
            .saturating_sub(options.default_time.rem_euclid(unit));
        Self {
            default_time,
            options,
            outcome: Outcome::default(),
            line: 1,
            carry: Vec::new(),
            scan: LineScan::default(),
        }
    }
}

/// Parses a body piece by piece, as it arrives. Pieces may end anywhere.
#[derive(Debug)]
pub struct Parser<'a> {
    index: &'a mut SeriesIndex,
    progress: Progress,
    rows: Rows,
}

/// Takes finished batches.
pub type BatchSink<'s> = dyn FnMut(Batch) + 's;

impl<'a> Parser<'a> {
    /// A parser at the beginning of a body.
    pub fn new(index: &'a mut SeriesIndex, options: ParseOptions) -> Self {
        Self::resume(index, Progress::new(options))
    }

    /// A parser that goes on where another one was suspended. It must be the index of the same database.
    pub fn resume(index: &'a mut SeriesIndex, progress: Progress) -> Self {
        index.begin_batch();
        Self {
            index,
            progress,
            rows: Rows::default(),
        }
    }

    /// Hands over what has been parsed so far, if anything, and gives the index free until more arrives.
    pub fn suspend(mut self, sink: &mut BatchSink<'_>) -> Progress {
        if let Some(batch) = self.rows.take_batch(self.index) {
            sink(batch);
        }
        self.progress
    }

    /// Parses the next piece. `sink` gets a batch whenever one is full.
    pub fn feed(&mut self, chunk: &[u8], sink: &mut BatchSink<'_>) {
        self.take(chunk, false, sink);
    }

    /// Parses the last piece, which need not end with a line break.
    pub fn feed_last(&mut self, chunk: &[u8], sink: &mut BatchSink<'_>) {
        self.take(chunk, true, sink);
    }

    /// Ends the body: the rest of it becomes the last batch.
    pub fn finish(mut self, sink: &mut BatchSink<'_>) -> Outcome {
        if !self.progress.carry.is_empty() {
            self.take(&[], true, sink);
        }
        self.flush(sink);
        self.progress.outcome
    }

    /// Hands over what has been parsed so far, if anything, before the body ends.
    pub fn flush(&mut self, sink: &mut BatchSink<'_>) {
        if let Some(batch) = self.rows.take_batch(self.index) {
            sink(batch);
        }
        self.index.begin_batch();
    }

    /// How many bytes wait for the rest of their line.
    pub fn pending(&self) -> usize {
        self.progress.carry.len()
    }

    fn take(&mut self, mut chunk: &[u8], last: bool, sink: &mut BatchSink<'_>) {
        if !self.progress.carry.is_empty() {
            // Usually the first line break ends the carried line; the rest is then parsed where it lies.
            let head = memchr::memchr(b'\n', chunk).map_or(chunk.len(), |at| at + 1);
            let mut carry = std::mem::take(&mut self.progress.carry);
            carry.extend_from_slice(&chunk[..head]);
            chunk = &chunk[head..];
            let done = self.lines(&carry, last && chunk.is_empty(), sink);
            if done < carry.len() {
                carry.drain(..done);
                carry.extend_from_slice(chunk);
                let done = self.lines(&carry, last, sink);
                carry.drain(..done);
                self.progress.carry = carry;
                return;
            }
        }
        let done = self.lines(chunk, last, sink);
        self.progress.carry.extend_from_slice(&chunk[done..]);
    }

    /// Parses the lines of `buf` and returns how much of it is done with. Unless this is the `last` piece, a line without
    /// an end is left.
    fn lines(&mut self, buf: &[u8], last: bool, sink: &mut BatchSink<'_>) -> usize {
        let mut at = 0;
        while at < buf.len() {
            let fresh = self.progress.scan.is_fresh();
            let alike = if fresh { self.alike_lines(buf, at) } else { at };
            if alike > at {
                at = alike;
            } else if fresh && let Some(next) = self.fast_line(buf, at, last) {
                at = next;
            } else {
                match self.progress.scan.run(&buf[at..], last) {
                    LineEnd::Open => return at,
                    LineEnd::At(len) => {
                        self.progress.scan = LineScan::default();
                        let line = &buf[at..at + len];
                        self.slow_line(line);
                        self.progress.line += 1 + memchr::memchr_iter(b'\n', line).count();
                        at = (at + len + 1).min(buf.len());
                    }
                }
            }
            if self.rows.is_full(&self.progress.options) || self.index.wants_rotation() {
                self.flush(sink);
            }
        }
        at
    }

    fn slow_line(&mut self, line: &[u8]) {
        let start = scan::skip_whitespace(line, 0);
        if start >= line.len() || line[start] == b'#' {
            return;
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        // An escaped line break after nothing but white space leaves nothing.
        let text = line.get(start..).unwrap_or_default();
        match self.exact_line(text) {
            Ok(()) => self.progress.outcome.accepted += 1,
            Err(reason) => self.reject(text, reason),
        }
    }

    fn exact_line(&mut self, text: &[u8]) -> Result<(), Reason> {
        let point = scan::point(text, self.progress.options.precision)?;
        let entry = self.index.entry(text, &point.key)?;
        let time = point.time.unwrap_or(self.progress.default_time);
        self.rows.add(
            self.index,
            entry,
            time,
            &point.fields,
            self.progress.options.max_fields,
        )
    }

    fn reject(&mut self, text: &[u8], reason: Reason) {
        self.progress.outcome.rejected_total += 1;
        if matches!(reason, Reason::TooManySeries(_)) {
            self.progress.outcome.series_refused += 1;
            self.index.count_rows(1);
        }
        if self.progress.outcome.rejected.len() < self.progress.options.max_rejected {
            let shown = &text[..text.len().min(self.progress.options.max_excerpt)];
            let mut shown = String::from_utf8_lossy(shown).into_owned();
            if text.len() > self.progress.options.max_excerpt {
                shown.push('…');
            }
            self.progress.outcome.rejected.push(Rejected {
                line: self.progress.line,
                text: shown,
                reason,
            });
        }
    }
}
