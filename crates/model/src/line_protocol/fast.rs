//! The fast path: a line whose series and fields are known and that is written without escapes. It takes a line whole or
//! leaves it untouched to the exact scanner, and never decides that a line is wrong.
//!
//! Of lines that are alike, as those of a body mostly are, it takes as many at once as there are.

use smallvec::SmallVec;

use super::Parser;
use super::number::digits;
use super::rows::{Alike, OpenColumn};
use super::scan::{boolean_value, in_range};
use super::series::{Known, SeriesIndex};
use crate::builder::Numbers;
use crate::value::ValueRef;

/// A value before the whole line is known to be good.
#[derive(Debug, Clone, Copy)]
enum Staged<'b> {
    Float(f64),
    Int(i64),
    Bool(bool),
    Str(&'b str),
}

impl Parser<'_> {
    /// Parses the lines from `at` on while they are alike: of one measurement, with the same number fields in the same
    /// order, each with a time. Returns where the first line begins that is not, or that its batch has no room for.
    pub(super) fn alike_lines(&mut self, buf: &[u8], mut at: usize) -> usize {
        let Some(mut known) = self.index.locate(&buf[at..]) else {
            return at;
        };
        let measurement = known.entry.measurement;
        let slot = self.rows.block(self.index, measurement);
        let Self {
            index,
            progress,
            rows,
        } = self;
        let unit = progress.options.precision.nanos();
        let Some(mut alike) = rows.alike(slot, &progress.options) else {
            return at;
        };
        let mut before = Stamp::default();
        let mut added = 0;
        while added < alike.room && known.is_short() {
            let line = &buf[at..];
            let parsed = alike
                .numbers(line, known.key_length() + 1)
                .and_then(|end| Some((end, before.read(&line[end + 1..], unit)?)))
                .filter(|(end, stamp)| line.get(end + 1 + stamp.len) == Some(&b'\n'));
            let Some((end, stamp)) = parsed else {
                let rows = alike.rows + added;
                alike
                    .lanes
                    .iter_mut()
                    .for_each(|lane| lane.numbers.truncate(rows));
                break;
            };
            alike.time.push(stamp.time);
            alike.key.push(known.entry.key);
            index.follow(known);
            added += 1;
            before = stamp;
            at += end + stamp.len + 2;
            match index.locate(&buf[at..]) {
                Some(next) if next.entry.measurement == measurement => known = next,
                _ => break,
            }
        }
        let lanes = alike.lanes.len();
        drop(alike);
        rows.grown(slot, lanes, added);
        progress.outcome.accepted += added;
        progress.line += added;
        at
    }

    /// Parses the line at `at`, with fields of any type in any order. Returns where the next one begins, or `None` if the
    /// exact scanner has to decide.
    pub(super) fn fast_line(&mut self, buf: &[u8], at: usize, last: bool) -> Option<usize> {
        let line = &buf[at..];
        let known = self.index.locate(line).filter(Known::is_short)?;
        let slot = self.rows.block(self.index, known.entry.measurement);
        let columns = &self.rows.blocks[slot as usize].columns;

        let mut staged = SmallVec::<[(u32, Staged<'_>); 12]>::new();
        let mut pos = known.key_length() + 1;
        loop {
            let column = expected(columns, staged.len(), &line[pos..])
                .or_else(|| named(self.index, known.entry.measurement, columns, &line[pos..]))?;
            pos += columns[column].field.name.len() + 1;
            let (value, len) = value(&line[pos..], last)?;
            staged.push((column as u32, value));
            pos += len;
            match line.get(pos) {
                Some(b',') => pos += 1,
                _ => break,
            }
        }
        let time = match line.get(pos) {
            Some(b' ') => {
                let (time, len) = timestamp(&line[pos + 1..], self.progress.options.precision.nanos())?;
                pos += 1 + len;
                time
            }
            _ => self.progress.default_time,
        };
        let next = match line.get(pos) {
            Some(b'\n') => pos + 1,
            None if last => pos,
            _ => return None,
        };

        let row = self.rows.begin_row(slot, time, known.entry.key);
        let columns = &mut self.rows.blocks[slot as usize].columns;
        for &(column, value) in &staged {
            let builder = &mut columns[column as usize].builder;
            match value {
                Staged::Float(v) => builder.set_float(row, v),
                Staged::Int(v) => builder.set_int(row, v),
                Staged::Bool(v) => builder.set(row, ValueRef::Bool(v)),
                Staged::Str(v) => builder.set(row, ValueRef::Str(v)),
            }
        }
        self.index.follow(known);
        self.progress.outcome.accepted += 1;
        self.progress.line += 1;
        Some(at + next)
    }
}

impl Alike<'_> {
    /// Adds the fields of a line, which begin at `pos`. Returns where they end: there is a blank. When a field is not what
    /// is expected, those before it have been added.
    #[inline]
    fn numbers(&mut self, line: &[u8], mut pos: usize) -> Option<usize> {
        let mut missing = self.lanes.len();
        for lane in &mut self.lanes {
            pos += lane.prefix.value_at(&line[pos..])?;
            let negative = line.get(pos) == Some(&b'-');
            let sign = usize::from(negative);
            let (magnitude, len) = digits(&line[pos + sign..]);
            let end = pos + sign + len;
            let following = *line.get(end)?;
            match &mut lane.numbers {
                Numbers::Int(values) if following == b'i' && (1..=18).contains(&len) => {
                    let magnitude = magnitude as i64;
                    values.push(if negative { -magnitude } else { magnitude });
                    pos = end + 1;
                }
                // Exact: below 2^53.
                Numbers::Float(values) if matches!(following, b',' | b' ') && (1..=15).contains(&len) => {
                    let magnitude = magnitude as f64;
                    values.push(if negative { -magnitude } else { magnitude });
                    pos = end;
                }
                Numbers::Float(values) if following != b'i' => {
                    let (value, len) = float(&line[pos..], sign)?;
                    values.push(value);
                    pos += len;
                }
                _ => return None,
            }
            missing -= 1;
            let separator = if missing == 0 { b' ' } else { b',' };
            if *line.get(pos)? != separator {
                return None;
            }
            pos += usize::from(missing > 0);
        }
        Some(pos)
    }
}

/// A time as it stands in a line. Lines that follow each other often have the same.
#[derive(Debug, Clone, Copy, Default)]
struct Stamp {
    /// The first and the last eight bytes of the text, if there are 8 to 16.
    ends: Option<[u64; 2]>,
    time: i64,
    len: usize,
}

impl Stamp {
    /// The time at the start of `text`; this is that of the line before.
    #[inline]
    fn read(&self, text: &[u8], unit: i64) -> Option<Self> {
        if let Some(ends) = self.ends
            && Self::ends(text, self.len) == Some(ends)
            && !text.get(self.len).is_some_and(u8::is_ascii_digit)
        {
            return Some(*self);
        }
        let (time, len) = timestamp(text, unit)?;
        let ends = (8..=16).contains(&len).then(|| Self::ends(text, len)).flatten();
        Some(Self { ends, time, len })
    }

    #[inline]
    fn ends(text: &[u8], len: usize) -> Option<[u64; 2]> {
        let head = text.first_chunk::<8>()?;
        let tail = text.get(len.checked_sub(8)?..)?.first_chunk::<8>()?;
        Some([u64::from_le_bytes(*head), u64::from_le_bytes(*tail)])
    }
}

/// The column at position `count`, if `text` begins with its name.
#[inline]
fn expected(columns: &[OpenColumn], count: usize, text: &[u8]) -> Option<usize> {
    let field = &columns.get(count)?.field;
    let name = field.name.as_bytes();
    (field.plain && text.get(name.len()) == Some(&b'=') && text[..name.len()] == *name).then_some(count)
}

/// The column whose name `text` begins with, wherever it is.
fn named(index: &SeriesIndex, measurement: u32, columns: &[OpenColumn], text: &[u8]) -> Option<usize> {
    // A name ends with its line at the latest.
    let end = memchr::memchr2(b'=', b'\n', text).filter(|&end| text[end] == b'=')?;
    let name = &text[..end];
    let column = index.find_field(measurement, std::str::from_utf8(name).ok()?)? as usize;
    // A name with special characters can't be equal to its own spelling.
    columns.get(column)?.field.plain.then_some(column)
}

/// A value and its length. What follows is a comma, a blank, a line break or the end.
#[inline]
fn value(text: &[u8], last: bool) -> Option<(Staged<'_>, usize)> {
    let (value, len) = match *text.first()? {
        b'0'..=b'9' | b'-' | b'.' => number(text)?,
        b'"' => {
            let len = memchr::memchr3(b'"', b'\\', b'\n', &text[1..])?;
            if text[len + 1] != b'"' {
                return None;
            }
            (Staged::Str(std::str::from_utf8(&text[1..=len]).ok()?), len + 2)
        }
        b't' | b'T' | b'f' | b'F' => {
            let len = text.iter().take(6).position(|b| matches!(b, b',' | b' ' | b'\n'));
            let len = len.unwrap_or(text.len().min(6));
            (Staged::Bool(boolean_value(&text[..len])?), len)
        }
        _ => return None,
    };
    match text.get(len) {
        Some(b',' | b' ' | b'\n') => Some((value, len)),
        None if last => Some((value, len)),
        _ => None,
    }
}

#[inline]
fn number(text: &[u8]) -> Option<(Staged<'_>, usize)> {
    let negative = text[0] == b'-';
    let sign = usize::from(negative);
    let (magnitude, len) = digits(&text[sign..]);
    let end = sign + len;
    match text.get(end) {
        Some(b'i') if (1..=18).contains(&len) => {
            let magnitude = magnitude as i64;
            Some((
                Staged::Int(if negative { -magnitude } else { magnitude }),
                end + 1,
            ))
        }
        // Exact: below 2^53.
        Some(b',' | b' ' | b'\n') | None if (1..=15).contains(&len) => {
            let magnitude = magnitude as f64;
            Some((Staged::Float(if negative { -magnitude } else { magnitude }), end))
        }
        _ => float(text, sign).map(|(value, len)| (Staged::Float(value), len)),
    }
}

fn float(text: &[u8], sign: usize) -> Option<(f64, usize)> {
    if !matches!(text.get(sign), Some(b'0'..=b'9' | b'.')) {
        return None;
    }
    let (value, len) = fast_float2::parse_partial::<f64, _>(text).ok()?;
    value.is_finite().then_some((value, len))
}

/// A timestamp in units of `unit` nanoseconds: the time and how long the text is.
#[inline]
fn timestamp(text: &[u8], unit: i64) -> Option<(i64, usize)> {
    let sign = usize::from(text.first() == Some(&b'-'));
    let (magnitude, len) = digits(&text[sign..]);
    // 19 digits are below 2^64, so that the value is right; the conversion says whether it fits.
    if !(1..=19).contains(&len) {
        return None;
    }
    let magnitude = i64::try_from(magnitude).ok()?;
    let number = if sign == 1 { -magnitude } else { magnitude };
    Some((in_range(number, unit)?, sign + len))
}
