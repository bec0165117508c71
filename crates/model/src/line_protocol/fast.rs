//! The fast path: a line whose series and fields are known and that is written without escapes. It takes a line whole or
//! leaves it untouched to the exact scanner, and never decides that a line is wrong.

use smallvec::SmallVec;

use super::number::digits;
use super::rows::OpenColumn;
use super::scan::{boolean_value, in_range};
use super::series::SeriesIndex;
use super::{MAX_KEY_LENGTH, Parser};

/// A value before the whole line is known to be good.
#[derive(Debug, Clone, Copy)]
enum Staged<'b> {
    Float(f64),
    Int(i64),
    Bool(bool),
    Str(&'b str),
}

impl Parser<'_> {
    /// Parses the line at `at`. Returns where the next one begins, or `None` if the exact scanner has to decide.
    #[inline]
    pub(super) fn fast_line(&mut self, buf: &[u8], at: usize, last: bool) -> Option<usize> {
        let line = &buf[at..];
        let (entry, key_length) = if let Some(hit) = self.index.predict(line) {
            hit
        } else {
            let end = memchr::memchr3(b' ', b'\n', b'\\', line)?;
            if line[end] != b' ' {
                return None;
            }
            (self.index.find(&line[..end])?, end)
        };
        if key_length > MAX_KEY_LENGTH / 2 - 4 || entry.breaks {
            return None;
        }
        let slot = self.rows.block(self.index, entry.measurement);
        let columns = &self.rows.blocks[slot as usize].columns;

        let mut staged = SmallVec::<[(u32, Staged<'_>); 12]>::new();
        let mut pos = key_length + 1;
        loop {
            let column = expected(columns, staged.len(), &line[pos..])
                .or_else(|| named(self.index, entry.measurement, columns, &line[pos..]))?;
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

        let row = self.rows.begin_row(slot, time, entry.key);
        let columns = &mut self.rows.blocks[slot as usize].columns;
        for (column, value) in staged {
            let builder = &mut columns[column as usize].builder;
            match value {
                Staged::Float(v) => builder.set_float(row, v),
                Staged::Int(v) => builder.set_int(row, v),
                Staged::Bool(v) => builder.set(row, crate::value::ValueRef::Bool(v)),
                Staged::Str(v) => builder.set(row, crate::value::ValueRef::Str(v)),
            }
        }
        self.progress.outcome.accepted += 1;
        Some(at + next)
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
        _ => float(text, sign),
    }
}

fn float(text: &[u8], sign: usize) -> Option<(Staged<'_>, usize)> {
    if !matches!(text.get(sign), Some(b'0'..=b'9' | b'.')) {
        return None;
    }
    let (value, len) = fast_float2::parse_partial::<f64, _>(text).ok()?;
    value.is_finite().then_some((Staged::Float(value), len))
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
