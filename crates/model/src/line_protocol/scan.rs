//! The exact scanner: which bytes are a line, a key, fields and a time, as InfluxDB 1.x decides it, oddities included. It
//! is only run for lines that the fast path does not take.

use std::borrow::Cow;

use super::{MAX_KEY_LENGTH, MAX_TIME, MIN_TIME, Precision, Reason};
use crate::value::ValueRef;

/// How far the end of the current line was looked for. Resumable, so that a long line that arrives in many pieces is
/// looked at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LineScan {
    at: usize,
    quoted: bool,
    in_fields: bool,
    equals: usize,
    commas: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// The line is this long; a line break (or the end of the body) follows.
    At(usize),
    /// The line's end has not arrived.
    Open,
}

impl LineScan {
    /// Whether nothing of the line was looked at yet.
    #[inline]
    pub(super) fn is_fresh(&self) -> bool {
        self.at == 0
    }

    /// Looks on in `buf`, which begins where the line begins.
    pub(super) fn run(&mut self, buf: &[u8], last: bool) -> LineEnd {
        while self.at < buf.len() {
            let byte = buf[self.at];
            if byte == b'\\' {
                if self.at + 2 < buf.len() {
                    self.at += 2;
                    continue;
                }
                if !last {
                    return LineEnd::Open;
                }
            }
            if byte == b' ' {
                self.in_fields = true;
            }
            if self.in_fields {
                if !self.quoted && byte == b'=' {
                    self.equals += 1;
                } else if !self.quoted && byte == b',' {
                    self.commas += 1;
                } else if byte == b'"' && self.equals > self.commas {
                    self.quoted = !self.quoted;
                }
            }
            if byte == b'\n' && !self.quoted {
                return LineEnd::At(self.at);
            }
            self.at += 1;
        }
        if last {
            LineEnd::At(buf.len())
        } else {
            LineEnd::Open
        }
    }
}

/// Where a series key ends, and where its tags are: (start of the key, end of the value) per tag.
#[derive(Debug)]
pub(super) struct Key {
    /// End of the whole key.
    pub(super) end: usize,
    /// End of the measurement.
    pub(super) name_end: usize,
    pub(super) tags: Vec<(usize, usize)>,
}

/// A scanned line.
#[derive(Debug)]
pub(super) struct Point<'a> {
    pub(super) key: Key,
    pub(super) fields: Vec<(Cow<'a, str>, FieldValue<'a>)>,
    /// `None`: the line has no time.
    pub(super) time: Option<i64>,
}

#[derive(Debug, PartialEq)]
pub(super) enum FieldValue<'a> {
    Float(f64),
    Int(i64),
    Bool(bool),
    Str(Cow<'a, str>),
}

impl FieldValue<'_> {
    pub(super) fn as_value(&self) -> ValueRef<'_> {
        match self {
            Self::Float(v) => ValueRef::Float(*v),
            Self::Int(v) => ValueRef::Int(*v),
            Self::Bool(v) => ValueRef::Bool(*v),
            Self::Str(v) => ValueRef::Str(v),
        }
    }
}

/// Scans a line that begins with neither white space nor `#`.
pub(super) fn point(buf: &[u8], precision: Precision) -> Result<Point<'_>, Reason> {
    let key = key(buf)?;
    if key.end > MAX_KEY_LENGTH {
        return Err(Reason::KeyTooLong(key.end));
    }
    let start = skip_whitespace(buf, key.end);
    let end = field_section(buf, start)?;
    let section = &buf[start..end];
    if section.is_empty() {
        return Err(Reason::MissingFields);
    }
    let fields = fields(section, key.end)?;
    let time = time(buf, end, precision)?;
    if fields.is_empty() {
        return Err(Reason::MissingFieldKey);
    }
    Ok(Point { key, fields, time })
}

/// The first position from `at` that is not a blank, a tab or a zero byte.
pub(super) fn skip_whitespace(buf: &[u8], at: usize) -> usize {
    at + buf[at.min(buf.len())..]
        .iter()
        .take_while(|&&b| b == b' ' || b == b'\t' || b == 0)
        .count()
}

/// Whether the byte before `at` is a backslash; InfluxDB's test for an escaped character in keys.
fn after_backslash(buf: &[u8], at: usize) -> bool {
    at > 0 && buf[at - 1] == b'\\'
}

fn key(buf: &[u8]) -> Result<Key, Reason> {
    if buf.first().is_none_or(|&b| b == b',') {
        return Err(Reason::MissingMeasurement);
    }
    let mut at = 0;
    let name_end = loop {
        at += 1;
        match buf.get(at) {
            None => return Err(Reason::MissingFields),
            Some(b',' | b' ') if !after_backslash(buf, at) => break at,
            Some(_) => {}
        }
    };
    let mut tags = Vec::new();
    let mut at = name_end;
    while buf[at] == b',' {
        let start = at + 1;
        let value = tag_key(buf, start)?;
        at = tag_value(buf, value)?;
        tags.push((start, at));
    }
    let tag_key = |&(start, end): &(usize, usize)| scan_to(&buf[start..end], b'=');
    let mut keys: Vec<&[u8]> = tags.iter().map(tag_key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Reason::DuplicateTags);
    }
    Ok(Key {
        end: at,
        name_end,
        tags,
    })
}

/// Returns where the value begins.
fn tag_key(buf: &[u8], start: usize) -> Result<usize, Reason> {
    if buf.get(start).is_none_or(|b| matches!(b, b' ' | b',' | b'=')) {
        return Err(Reason::MissingTagKey);
    }
    let mut at = start;
    loop {
        at += 1;
        match buf.get(at) {
            None => return Err(Reason::MissingTagValue),
            Some(b' ' | b',') if !after_backslash(buf, at) => return Err(Reason::MissingTagValue),
            Some(b'=') if !after_backslash(buf, at) => return Ok(at + 1),
            Some(_) => {}
        }
    }
}

/// Returns the position of the comma or blank behind the value.
fn tag_value(buf: &[u8], start: usize) -> Result<usize, Reason> {
    if buf.get(start).is_none_or(|b| matches!(b, b' ' | b',')) {
        return Err(Reason::MissingTagValue);
    }
    let mut at = start;
    loop {
        at += 1;
        match buf.get(at) {
            None => return Err(Reason::MissingFields),
            Some(b'=') if !after_backslash(buf, at) => return Err(Reason::InvalidTagFormat),
            Some(b',' | b' ') if !after_backslash(buf, at) => return Ok(at),
            Some(_) => {}
        }
    }
}

/// The part of `buf` before the first `stop` that no backslash precedes.
pub(super) fn scan_to(buf: &[u8], stop: u8) -> &[u8] {
    let end = (0..buf.len()).find(|&at| buf[at] == stop && !after_backslash(buf, at));
    &buf[..end.unwrap_or(buf.len())]
}

/// Checks the fields' form and returns where they end.
fn field_section(buf: &[u8], start: usize) -> Result<usize, Reason> {
    let mut at = start;
    let (mut quoted, mut equals, mut commas) = (false, 0_usize, 0_usize);
    while at < buf.len() {
        let byte = buf[at];
        if byte == b'\\' && at + 1 < buf.len() {
            at += 2;
            continue;
        }
        if byte == b'"' && equals > commas {
            quoted = !quoted;
            at += 1;
            continue;
        }
        if byte == b'=' && !quoted {
            equals += 1;
            // A key always precedes the fields, so there are two bytes before this one.
            if at >= 2 && matches!(buf[at - 1], b' ' | b',') && buf[at - 2] != b'\\' {
                return Err(Reason::MissingFieldKey);
            }
            match buf.get(at + 1) {
                None | Some(b',' | b' ') => return Err(Reason::MissingFieldValue),
                Some(b'0'..=b'9' | b'.' | b'-' | b'N' | b'n') => {
                    at = number(buf, at + 1)?;
                    continue;
                }
                Some(b'"') => {}
                Some(_) => {
                    at = boolean(buf, at + 1)?;
                    continue;
                }
            }
        }
        if byte == b',' && !quoted {
            commas += 1;
        }
        if byte == b' ' && !quoted {
            break;
        }
        at += 1;
    }
    if quoted {
        return Err(Reason::UnbalancedQuotes);
    }
    if equals == 0 || commas != equals - 1 {
        return Err(Reason::InvalidFieldFormat);
    }
    Ok(at)
}

fn value_end(buf: &[u8], start: usize) -> usize {
    buf[start..]
        .iter()
        .position(|b| matches!(b, b',' | b' '))
        .map_or(buf.len(), |len| start + len)
}

fn number(buf: &[u8], start: usize) -> Result<usize, Reason> {
    let end = value_end(buf, start);
    let text = &buf[start..end];
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if let Some(digits) = digits.strip_suffix(b"i") {
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Reason::InvalidNumber);
        }
        let text = String::from_utf8_lossy(&text[..text.len() - 1]);
        return match text.parse::<i64>() {
            Ok(_) => Ok(end),
            Err(_) => Err(Reason::IntegerRange(text.into_owned())),
        };
    }
    let mut previous = None;
    let (mut points, mut scientific, mut some_digit) = (0, false, false);
    for (at, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => some_digit = true,
            b'.' => points += 1,
            b'e' | b'E' if at > 0 || text.len() > digits.len() => scientific = true,
            b'+' | b'-' if matches!(previous, Some(b'e' | b'E')) => {}
            _ => return Err(Reason::InvalidNumber),
        }
        previous = Some(byte);
    }
    if points > 1 || !(some_digit || scientific) {
        return Err(Reason::InvalidNumber);
    }
    match fast_float2::parse::<f64, _>(text) {
        Ok(value) if value.is_finite() => Ok(end),
        _ => Err(Reason::InvalidFloat),
    }
}

fn boolean(buf: &[u8], start: usize) -> Result<usize, Reason> {
    let end = value_end(buf, start);
    boolean_value(&buf[start..end])
        .map(|_| end)
        .ok_or(Reason::InvalidBoolean)
}

pub(super) fn boolean_value(text: &[u8]) -> Option<bool> {
    match text {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Some(true),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

type Fields<'a> = Vec<(Cow<'a, str>, FieldValue<'a>)>;

/// Takes a checked field section apart. InfluxDB does this with another reading of escapes than the check's, so that what
/// it sees may differ from what was checked; so do we.
fn fields(mut section: &[u8], key_length: usize) -> Result<Fields<'_>, Reason> {
    let mut out = Vec::new();
    while !section.is_empty() {
        let name = scan_to(section, b'=');
        if name.len() + 2 > section.len() {
            return Err(Reason::InvalidValue(String::from_utf8_lossy(name).into_owned()));
        }
        let size = key_length + 4 + name.len();
        if size > MAX_KEY_LENGTH {
            return Err(Reason::KeyTooLong(size));
        }
        let rest = &section[name.len() + 1..];
        let end = field_value_end(rest);
        if !name.is_empty() {
            let value = field_value(&rest[..end])?;
            out.push((unescape(name, b",\" =")?, value));
        }
        section = rest.get(end + 1..).unwrap_or_default();
    }
    Ok(out)
}

fn field_value_end(buf: &[u8]) -> usize {
    let mut at = 0;
    let mut quoted = false;
    while at < buf.len() {
        match buf[at] {
            b'\\' if matches!(buf.get(at + 1), Some(b'"' | b'\\')) => {
                at += 2;
                continue;
            }
            b'"' => quoted = !quoted,
            b',' if !quoted => break,
            _ => {}
        }
        at += 1;
    }
    at.min(buf.len())
}

fn field_value(text: &[u8]) -> Result<FieldValue<'_>, Reason> {
    Ok(match text {
        [] => return Err(Reason::MissingFieldValue),
        [b'"', ..] => {
            let inner = text.get(1..text.len().max(2) - 1).unwrap_or_default();
            FieldValue::Str(unescape(inner, b"\\\"")?)
        }
        [b'0'..=b'9' | b'-' | b'.', .., b'i'] => {
            let digits = std::str::from_utf8(&text[..text.len() - 1]).map_err(|_| Reason::NotUtf8)?;
            FieldValue::Int(
                digits
                    .parse()
                    .map_err(|_| Reason::IntegerRange(digits.to_owned()))?,
            )
        }
        [b'0'..=b'9' | b'-' | b'.', ..] => match fast_float2::parse::<f64, _>(text) {
            Ok(value) if value.is_finite() => FieldValue::Float(value),
            _ => return Err(Reason::InvalidFloat),
        },
        _ => FieldValue::Bool(boolean_value(text).ok_or(Reason::InvalidBoolean)?),
    })
}

/// Removes the backslash before each of `special`; other backslashes stay.
pub(super) fn unescape<'a>(text: &'a [u8], special: &[u8]) -> Result<Cow<'a, str>, Reason> {
    if memchr::memchr(b'\\', text).is_none() {
        return std::str::from_utf8(text)
            .map(Cow::Borrowed)
            .map_err(|_| Reason::NotUtf8);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'\\' && text.get(at + 1).is_some_and(|next| special.contains(next)) {
            at += 1;
        }
        out.push(text[at]);
        at += 1;
    }
    String::from_utf8(out)
        .map(Cow::Owned)
        .map_err(|_| Reason::NotUtf8)
}

fn time(buf: &[u8], at: usize, precision: Precision) -> Result<Option<i64>, Reason> {
    let start = skip_whitespace(buf, at);
    let len = buf[start..]
        .iter()
        .position(|b| matches!(b, b' ' | b'\n'))
        .unwrap_or(buf.len() - start);
    let text = &buf[start..start + len];
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Reason::BadTimestamp);
    }
    let text = String::from_utf8_lossy(text);
    let number: i64 = text.parse().map_err(|_| {
        let why = if digits.is_empty() {
            "invalid syntax"
        } else {
            "value out of range"
        };
        Reason::TimestampNumber(text.clone().into_owned(), why)
    })?;
    let time = in_range(number, precision.nanos()).ok_or(Reason::TimeRange)?;
    if buf[start + len..].iter().any(|&b| b != b' ') {
        return Err(Reason::InvalidPoint);
    }
    Ok(Some(time))
}

/// `number` units as nanoseconds, if InfluxDB can store them.
#[inline]
pub(super) fn in_range(number: i64, unit: i64) -> Option<i64> {
    number
        .checked_mul(unit)
        .filter(|time| (MIN_TIME..=MAX_TIME).contains(time))
}
