//! Reads a format: flags, argument indexes, width, precision, verb.

use super::printer::{Flags, Printer};
use crate::value::Value;

/// Largest width or precision; larger ones are refused as in Go.
const LARGEST: i64 = 1_000_000;

/// Position in the format and in the arguments.
struct Cursor<'a> {
    format: &'a str,
    at: usize,
    argument: usize,
    count: usize,
    /// An index such as `[3]` was used somewhere.
    reordered: bool,
    good: bool,
}

impl Cursor<'_> {
    fn byte(&self) -> Option<u8> {
        self.format.as_bytes().get(self.at).copied()
    }

    /// Reads decimal digits; `None` if there are none or the number is too large.
    fn number(&mut self, end: usize) -> Option<usize> {
        let mut value: Option<i64> = None;
        while self.at < end
            && let Some(digit @ b'0'..=b'9') = self.byte()
        {
            let so_far = value.unwrap_or(0);
            if so_far > LARGEST {
                self.at = end;
                return None;
            }
            value = Some(so_far * 10 + i64::from(digit - b'0'));
            self.at += 1;
        }
        value.map(|value| value as usize)
    }

    /// Reads `[n]`; true if there was a readable one.
    fn index(&mut self) -> bool {
        if self.byte() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let close = if rest.len() < 3 { None } else { rest.find(']') };
        let Some(close) = close else {
            self.good = false;
            self.at += 1;
            return false;
        };
        let (start, end) = (self.at, self.at + close);
        self.at += 1;
        let number = self.number(end);
        let whole = self.at == end;
        self.at = start + close + 1;
        match number.filter(|_| whole) {
            Some(number) if (1..=self.count).contains(&number) => {
                self.argument = number - 1;
                true
            }
            readable => {
                self.good = false;
                readable.is_some()
            }
        }
    }

    /// The integer argument of a `*`.
    fn star(&mut self, arguments: &[Value]) -> Option<i64> {
        let value = arguments.get(self.argument)?;
        self.argument += 1;
        let number = match value {
            Value::Byte(byte) => Some(i64::from(*byte)),
            other => other.as_signed(),
        };
        number.filter(|number| number.unsigned_abs() <= LARGEST as u64)
    }
}

pub(super) fn print_format(printer: &mut Printer, format: &str, arguments: &[Value]) {
    let mut cursor = Cursor {
        format,
        at: 0,
        argument: 0,
        count: arguments.len(),
        reordered: false,
        good: true,
    };
    while cursor.at < format.len() {
        let text = &format[cursor.at..];
        let percent = text.find('%').unwrap_or(text.len());
        printer.push_str(&text[..percent]);
        cursor.at += percent;
        if cursor.at >= format.len() {
            break;
        }
        cursor.at += 1;
        cursor.good = true;
        one_verb(printer, &mut cursor, arguments);
    }
    if !cursor.reordered && cursor.argument < arguments.len() {
        printer.flags = Flags::default();
        printer.push_str("%!(EXTRA ");
        for (index, value) in arguments[cursor.argument..].iter().enumerate() {
            if index > 0 {
                printer.push_str(", ");
            }
            if matches!(value, Value::Nil) {
                printer.push_str("<nil>");
            } else {
                printer.push_str(&value.type_name());
                printer.push('=');
                printer.argument(value, 'v');
            }
        }
        printer.push(')');
    }
}

fn one_verb(printer: &mut Printer, cursor: &mut Cursor<'_>, arguments: &[Value]) {
    let mut flags = Flags::default();
    while let Some(flag) = cursor.byte() {
        match flag {
            b'#' => flags.sharp = true,
            b'0' => flags.zero = !flags.minus,
            b'+' => flags.plus = true,
            b'-' => {
                flags.minus = true;
                flags.zero = false;
            }
            b' ' => flags.space = true,
            _ => break,
        }
        cursor.at += 1;
    }
    let mut after_index = cursor.index();
    if cursor.byte() == Some(b'*') {
        cursor.at += 1;
        let width = cursor.star(arguments);
        if width.is_none() {
            printer.push_str("%!(BADWIDTH)");
        }
        if width.is_some_and(|width| width < 0) {
            flags.minus = true;
            flags.zero = false;
        }
        flags.width = width.map(|width| width.unsigned_abs() as usize);
        after_index = false;
    } else {
        flags.width = cursor.number(cursor.format.len());
        if after_index && flags.width.is_some() {
            cursor.good = false;
        }
    }
    if cursor.byte() == Some(b'.') && cursor.at + 1 < cursor.format.len() {
        cursor.at += 1;
        if after_index {
            cursor.good = false;
        }
        after_index = cursor.index();
        if cursor.byte() == Some(b'*') {
            cursor.at += 1;
            let precision = cursor
                .star(arguments)
                .and_then(|value| usize::try_from(value).ok());
            if precision.is_none() {
                printer.push_str("%!(BADPREC)");
            }
            flags.precision = precision;
            after_index = false;
        } else {
            flags.precision = Some(cursor.number(cursor.format.len()).unwrap_or(0));
        }
    }
    if !after_index {
        cursor.index();
    }
    let Some(verb) = cursor
        .format
        .get(cursor.at..)
        .and_then(|rest| rest.chars().next())
    else {
        printer.push_str("%!(NOVERB)");
        return;
    };
    cursor.at += verb.len_utf8();
    if verb == 'v' {
        flags.sharp_v = std::mem::replace(&mut flags.sharp, false);
        flags.plus_v = std::mem::replace(&mut flags.plus, false);
    }
    printer.flags = flags;
    if verb == '%' {
        printer.push('%');
    } else if !cursor.good {
        printer.push_str("%!");
        printer.push(verb);
        printer.push_str("(BADINDEX)");
    } else if let Some(value) = arguments.get(cursor.argument) {
        printer.argument(value, verb);
        cursor.argument += 1;
    } else {
        printer.push_str("%!");
        printer.push(verb);
        printer.push_str("(MISSING)");
    }
}
