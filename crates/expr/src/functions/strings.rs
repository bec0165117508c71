//! Go's `strings` package and `regexReplace` (E-46 to E-54). Lengths and indexes are bytes.

use std::borrow::Cow;

use super::{Body, Function, Signature, unexpected};
use crate::error::CallError;
use crate::value::{Datum, Type};

const S: Type = Type::String;
const TO_BOOL: &[Signature] = &[Signature::new(&[S, S], Type::Bool)];
const TO_INT: &[Signature] = &[Signature::new(&[S, S], Type::Int)];
const TO_STRING: &[Signature] = &[Signature::new(&[S, S], S)];
const STRING1: &[Signature] = &[Signature::new(&[S], S)];

/// No replacement makes a text larger than this.
const LARGEST_TEXT: usize = 64 << 20;

macro_rules! two {
    ($name:literal, $signatures:expr, $doc:literal, $kind:ident, $f:expr) => {
        Function {
            name: $name,
            signatures: $signatures,
            doc: $doc,
            body: Body::Pure(|args| match args {
                [Datum::String(a), Datum::String(b)] => Ok(Datum::$kind($f(a, b))),
                _ => Err(unexpected(args)),
            }),
        }
    };
}

/// Functions whose result is a part of their first argument; a borrowed text stays borrowed.
macro_rules! part {
    ($name:literal, $doc:literal, $f:expr) => {
        Function {
            name: $name,
            signatures: TO_STRING,
            doc: $doc,
            body: Body::Pure(|args| match args {
                [Datum::String(a), Datum::String(b)] => Ok(Datum::String(narrow(a, |text| $f(text, b)))),
                _ => Err(unexpected(args)),
            }),
        }
    };
}

macro_rules! one {
    ($name:literal, $doc:literal, $f:expr) => {
        Function {
            name: $name,
            signatures: STRING1,
            doc: $doc,
            body: Body::Pure(|args| match args {
                [Datum::String(a)] => Ok(Datum::String($f(a))),
                _ => Err(unexpected(args)),
            }),
        }
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    two!(
        "strContains",
        TO_BOOL,
        "Whether the second text is a part of the first.",
        Bool,
        |a: &str, b: &str| a.contains(b)
    ),
    two!(
        "strContainsAny",
        TO_BOOL,
        "Whether any character of the second text is in the first.",
        Bool,
        |a: &str, b: &str| { a.contains(|c| b.contains(c)) }
    ),
    two!(
        "strCount",
        TO_INT,
        "How often the second text is in the first, without overlaps.",
        Int,
        count
    ),
    two!(
        "strHasPrefix",
        TO_BOOL,
        "Whether the first text starts with the second.",
        Bool,
        |a: &str, b: &str| a.starts_with(b)
    ),
    two!(
        "strHasSuffix",
        TO_BOOL,
        "Whether the first text ends with the second.",
        Bool,
        |a: &str, b: &str| a.ends_with(b)
    ),
    two!(
        "strIndex",
        TO_INT,
        "The byte at which the second text first stands in the first, or -1.",
        Int,
        |a: &str, b: &str| { index(a.find(b)) }
    ),
    two!(
        "strIndexAny",
        TO_INT,
        "The byte of the first character that is in the second text, or -1.",
        Int,
        |a: &str, b: &str| { index(a.find(|c| b.contains(c))) }
    ),
    two!(
        "strLastIndex",
        TO_INT,
        "The byte at which the second text last stands in the first, or -1.",
        Int,
        |a: &str, b: &str| { index(a.rfind(b)) }
    ),
    two!(
        "strLastIndexAny",
        TO_INT,
        "The byte of the last character that is in the second text, or -1.",
        Int,
        |a: &str, b: &str| { index(a.rfind(|c| b.contains(c))) }
    ),
    Function {
        name: "strLength",
        signatures: &[Signature::new(&[S], Type::Int)],
        doc: "The length in bytes.",
        body: Body::Pure(|args| match args {
            [Datum::String(text)] => Ok(Datum::Int(text.len() as i64)),
            _ => Err(unexpected(args)),
        }),
    },
    Function {
        name: "strReplace",
        signatures: &[Signature::new(&[S, S, S, Type::Int], S)],
        doc: "The text with the second argument replaced by the third, at most so many times; all when that is negative.",
        body: Body::Pure(replace),
    },
    Function {
        name: "strSubstring",
        signatures: &[Signature::new(&[S, Type::Int, Type::Int], S)],
        doc: "The bytes from the first index up to the second, which must be less than the length.",
        body: Body::Pure(substring),
    },
    one!("strToLower", "The text in lower case.", |a: &str| Cow::Owned(
        a.chars().map(to_lower).collect()
    )),
    one!("strToUpper", "The text in upper case.", |a: &str| Cow::Owned(
        a.chars().map(to_upper).collect()
    )),
    part!(
        "strTrim",
        "The text without the characters of the second argument at both ends.",
        |a: &str, b: &str| {
            let end = a.trim_end_matches(|c| b.contains(c)).len();
            (a.len() - a.trim_start_matches(|c| b.contains(c)).len()).min(end)..end
        }
    ),
    part!(
        "strTrimLeft",
        "The text without the characters of the second argument at its start.",
        |a: &str, b: &str| { a.len() - a.trim_start_matches(|c| b.contains(c)).len()..a.len() }
    ),
    part!(
        "strTrimPrefix",
        "The text without the second argument at its start.",
        |a: &str, b: &str| { a.strip_prefix(b).map_or(0, |_| b.len())..a.len() }
    ),
    part!(
        "strTrimRight",
        "The text without the characters of the second argument at its end.",
        |a: &str, b: &str| { 0..a.trim_end_matches(|c| b.contains(c)).len() }
    ),
    one!(
        "strTrimSpace",
        "The text without white space at both ends.",
        trim_space
    ),
    part!(
        "strTrimSuffix",
        "The text without the second argument at its end.",
        |a: &str, b: &str| { 0..a.strip_suffix(b).map_or(a.len(), str::len) }
    ),
    Function {
        name: "regexReplace",
        signatures: &[Signature::new(&[Type::Regex, S, S], S)],
        doc: "The text with every match replaced; `$1` and `${name}` stand for what groups matched.",
        body: Body::Pure(regex_replace),
    },
];

/// A part of a text: borrowed if the text is.
fn narrow<'a>(text: &Cow<'a, str>, range: impl FnOnce(&str) -> std::ops::Range<usize>) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range(text)).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(range(text)).unwrap_or_default().to_owned()),
    }
}

fn trim_space<'a>(text: &Cow<'a, str>) -> Cow<'a, str> {
    narrow(text, |text| {
        let end = text.trim_end().len();
        (text.len() - text.trim_start().len()).min(end)..end
    })
}

fn index(at: Option<usize>) -> i64 {
    at.map_or(-1, |at| at as i64)
}

/// As Go: an empty text stands before, between and after all characters.
fn count(text: &str, part: &str) -> i64 {
    if part.is_empty() {
        text.chars().count() as i64 + 1
    } else {
        text.matches(part).count() as i64
    }
}

fn replace<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    let [
        Datum::String(text),
        Datum::String(old),
        Datum::String(new),
        Datum::Int(n),
    ] = args
    else {
        return Err(unexpected(args));
    };
    let limit = usize::try_from(*n).unwrap_or(usize::MAX);
    let times = usize::try_from(count(text, old)).unwrap_or(usize::MAX).min(limit);
    if times.saturating_mul(new.len()).saturating_add(text.len()) > LARGEST_TEXT {
        return Err(too_large());
    }
    Ok(Datum::String(if times == 0 {
        text.clone()
    } else {
        Cow::Owned(text.replacen(&**old, new, times))
    }))
}

/// `stop` must be less than the length (E-50): scripts rely on the error, so it stays.
fn substring<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    let [Datum::String(text), Datum::Int(start), Datum::Int(stop)] = args else {
        return Err(unexpected(args));
    };
    if let Some(negative) = [*start, *stop].into_iter().find(|&at| at < 0) {
        return Err(CallError::Index(format!(
            "found negative index for strSubstring: {negative}"
        )));
    }
    if *stop >= text.len() as i64 {
        return Err(CallError::Index(format!(
            "stop index too large for string in strSubstring: {stop}"
        )));
    }
    let bytes = text
        .as_bytes()
        .get(*start as usize..*stop as usize)
        .ok_or(CallError::SliceBounds {
            start: *start,
            stop: *stop,
        })?;
    // Go cuts characters in two; what is left of one becomes U+FFFD here.
    Ok(Datum::String(Cow::Owned(
        String::from_utf8_lossy(bytes).into_owned(),
    )))
}

fn regex_replace<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    let [
        Datum::Regex(regex),
        Datum::String(text),
        Datum::String(replacement),
    ] = args
    else {
        return Err(unexpected(args));
    };
    let replaced = regex
        .replace_all(text, replacement, LARGEST_TEXT)
        .ok_or_else(too_large)?;
    Ok(Datum::String(Cow::Owned(replaced)))
}

fn too_large() -> CallError {
    CallError::Other(format!("result would be larger than {LARGEST_TEXT} bytes"))
}

/// One character for one, as Go maps case.
fn to_lower(c: char) -> char {
    // Only U+0130 has a longer full mapping; its first character is the simple one.
    c.to_lowercase().next().unwrap_or(c)
}

/// One character for one, as Go maps case: a character whose upper case is longer keeps its simple mapping, if it has one.
fn to_upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => match c {
            '\u{1f80}'..='\u{1faf}' => char::from_u32(c as u32 | 8).unwrap_or(c),
            '\u{1fb3}' => '\u{1fbc}',
            '\u{1fc3}' => '\u{1fcc}',
            '\u{1ff3}' => '\u{1ffc}',
            _ => c,
        },
    }
}
