//! Strings, characters and numbers as Go writes them in source.

use super::node::Number;
use crate::strconv;

/// `strconv.Unquote` of a double-quoted or back-quoted string.
pub(super) fn unquote(quoted: &str) -> Result<String, String> {
    let invalid = || "invalid syntax".to_owned();
    if let Some(raw) = quoted.strip_prefix('`') {
        let raw = raw.strip_suffix('`').ok_or_else(invalid)?;
        return Ok(raw.replace('\r', ""));
    }
    let body = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or_else(invalid)?;
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        match unquote_char(rest, '"').ok_or_else(invalid)? {
            (Unquoted::Char(c), length) => {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[length..];
            }
            (Unquoted::Byte(byte), length) => {
                bytes.push(byte);
                rest = &rest[length..];
            }
        }
    }
    // Bytes that are no UTF-8 can be written as \xff; our strings cannot hold them.
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

enum Unquoted {
    Char(char),
    Byte(u8),
}

/// `strconv.UnquoteChar`: one character or escape, and its length.
fn unquote_char(text: &str, quote: char) -> Option<(Unquoted, usize)> {
    let first = text.chars().next()?;
    if first == quote || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Unquoted::Char(first), first.len_utf8()));
    }
    let escape = text[1..].chars().next()?;
    let simple = match escape {
        'a' => Some('\x07'),
        'b' => Some('\x08'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        '\\' => Some('\\'),
        '\'' | '"' if escape == quote => Some(escape),
        _ => None,
    };
    if let Some(c) = simple {
        return Some((Unquoted::Char(c), 2));
    }
    let hexadecimal = |count: usize| {
        let digits = text.get(2..2 + count)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u32::from_str_radix(digits, 16).ok()
    };
    match escape {
        'x' => Some((Unquoted::Byte(hexadecimal(2)? as u8), 4)),
        'u' => Some((Unquoted::Char(char::from_u32(hexadecimal(4)?)?), 6)),
        'U' => Some((Unquoted::Char(char::from_u32(hexadecimal(8)?)?), 10)),
        '0'..='7' => {
            let digits = text.get(1..4)?;
            let value = u32::from_str_radix(digits, 8).ok()?;
            Some((Unquoted::Byte(u8::try_from(value).ok()?), 4))
        }
        _ => None,
    }
}

/// Reads a character constant with its quotes.
pub(super) fn character(text: &str) -> Result<Number, String> {
    let (unquoted, length) = unquote_char(text.get(1..).unwrap_or(""), '\'').ok_or("invalid syntax")?;
    if text.get(1 + length..) != Some("'") {
        return Err(format!("malformed character constant: {text}"));
    }
    let code = match unquoted {
        Unquoted::Char(c) => i64::from(u32::from(c)),
        Unquoted::Byte(byte) => i64::from(byte),
    };
    Ok(Number {
        text: text.to_owned(),
        int: Some(code),
        unsigned: true,
        float: Some(code as f64),
    })
}

/// Reads a number; complex ones are refused.
pub(super) fn number(text: &str) -> Result<Number, String> {
    let mut number = Number {
        text: text.to_owned(),
        int: None,
        unsigned: false,
        float: None,
    };
    if text.ends_with('i') {
        return Err(format!(
            "complex numbers are not supported: {}",
            strconv::quote(text)
        ));
    }
    if let Some(magnitude) = integer(text.strip_prefix(['+', '-']).unwrap_or(text)) {
        let negative = text.starts_with('-');
        number.unsigned = !text.starts_with(['+', '-']) || magnitude == 0;
        number.int = if negative {
            0i64.checked_sub_unsigned(magnitude)
        } else {
            i64::try_from(magnitude).ok()
        };
        number.unsigned |= number.int == Some(0);
        if number.int.is_some() || number.unsigned {
            number.float = Some(number.int.map_or(magnitude as f64, |int| int as f64));
            return Ok(number);
        }
    }
    if let Some(value) = float(text) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", strconv::quote(text)));
        }
        number.float = Some(value);
        if value.trunc() == value && value.abs() < 9.3e18 {
            number.int = Some(value as i64);
            number.unsigned = value >= 0.0;
        }
        return Ok(number);
    }
    Err(format!("illegal number syntax: {}", strconv::quote(text)))
}

/// `strconv.ParseUint(text, 0, 64)`.
fn integer(text: &str) -> Option<u64> {
    if !underscores_are_fine(text) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let (base, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    u64::from_str_radix(&digits, base).ok()
}

fn float(text: &str) -> Option<f64> {
    if !underscores_are_fine(text.strip_prefix(['+', '-']).unwrap_or(text)) {
        return None;
    }
    strconv::parse_float(&text.replace('_', "")).ok()
}

/// Underscores must separate digits, or follow the prefix of a base.
fn underscores_are_fine(text: &str) -> bool {
    if !text.contains('_') {
        return true;
    }
    let bytes = text.as_bytes();
    let prefixed = bytes.len() >= 2 && bytes[0] == b'0' && matches!(bytes[1] | 0x20, b'x' | b'b' | b'o');
    let hexadecimal = prefixed && bytes[1] | 0x20 == b'x';
    let body = if prefixed { &bytes[2..] } else { bytes };
    let mut before_is_digit = prefixed;
    let mut before_is_underscore = false;
    for byte in body {
        let digit = byte.is_ascii_digit() || hexadecimal && byte.is_ascii_hexdigit();
        if *byte == b'_' {
            if !before_is_digit {
                return false;
            }
        } else if before_is_underscore && !digit {
            return false;
        }
        before_is_digit = digit;
        before_is_underscore = *byte == b'_';
    }
    !before_is_underscore
}
