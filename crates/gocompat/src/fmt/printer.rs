//! One `fmt` call: the text so far, the flags of the current verb, and how each kind of value prints.

use std::fmt::Write as _;

use super::MAX_OUTPUT_BYTES;
use super::float::format_float;
use super::integer;
use crate::strconv;
use crate::time_layout;
use crate::unicode::is_print;
use crate::value::Value;

/// Deepest nesting of values printed.
const MAX_DEPTH: usize = 200;

/// Flags, width and precision of one verb.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v`.
    pub(super) plus_v: bool,
    /// `%#v`.
    pub(super) sharp_v: bool,
}

pub(super) struct Printer {
    out: String,
    pub(super) flags: Flags,
    /// Printing inside an error form, where `String` methods are not called.
    erroring: bool,
}

impl Printer {
    pub(super) fn new() -> Self {
        Self {
            out: String::new(),
            flags: Flags::default(),
            erroring: false,
        }
    }

    pub(super) fn finish(mut self) -> String {
        if self.out.len() > MAX_OUTPUT_BYTES {
            let mut end = MAX_OUTPUT_BYTES;
            while !self.out.is_char_boundary(end) {
                end -= 1;
            }
            self.out.truncate(end);
        }
        self.out
    }

    pub(super) fn push(&mut self, c: char) {
        if self.out.len() < MAX_OUTPUT_BYTES {
            self.out.push(c);
        }
    }

    pub(super) fn push_str(&mut self, text: &str) {
        if self.out.len() < MAX_OUTPUT_BYTES {
            self.out.push_str(text);
        }
    }

    fn padding(&mut self, count: usize) {
        let fill = if self.flags.zero { '0' } else { ' ' };
        let count = count.min(MAX_OUTPUT_BYTES.saturating_sub(self.out.len()));
        self.out.extend(std::iter::repeat_n(fill, count));
    }

    /// Writes a text padded to the width, counted in characters.
    pub(super) fn pad(&mut self, text: &str) {
        let Some(width) = self.flags.width else {
            return self.push_str(text);
        };
        let missing = width.saturating_sub(text.chars().count());
        if self.flags.minus {
            self.push_str(text);
            self.padding(missing);
        } else {
            self.padding(missing);
            self.push_str(text);
        }
    }

    /// Writes a text that is never padded with zeros.
    pub(super) fn pad_with_spaces(&mut self, text: &str) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(text);
        self.flags.zero = zero;
    }

    /// Prints one argument of a verb.
    pub(super) fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad("<nil>"),
            (_, 'T') => {
                let name = value.type_name();
                self.text(&name);
            }
            (Value::Nil, _) => self.bad_verb(value, verb),
            _ => self.value(value, verb, 0),
        }
    }

    /// `%!verb(type=value)`.
    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.erroring = true;
        self.push_str("%!");
        self.push(verb);
        self.push('(');
        if matches!(value, Value::Nil) {
            self.push_str("<nil>");
        } else {
            let name = value.type_name();
            self.push_str(&name);
            self.push('=');
            self.value(value, 'v', 0);
        }
        self.push(')');
        self.erroring = false;
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > MAX_DEPTH {
            return self.push_str("...");
        }
        if verb == 'p' || verb == 'w' {
            return self.bad_verb(value, verb);
        }
        if !self.erroring && self.method(value, verb) {
            return;
        }
        match value {
            Value::Nil if self.flags.sharp_v => self.push_str("interface {}(nil)"),
            Value::Nil => self.push_str("<nil>"),
            Value::Bool(flag) => match verb {
                't' | 'v' => self.pad(if *flag { "true" } else { "false" }),
                _ => self.bad_verb(value, verb),
            },
            Value::Int(number) | Value::NativeInt(number) | Value::Duration(number) => {
                self.integer(value, *number < 0, number.unsigned_abs(), true, verb);
            }
            Value::Named(named) => {
                self.integer(value, named.value < 0, named.value.unsigned_abs(), true, verb);
            }
            Value::Byte(byte) => self.integer(value, false, u64::from(*byte), false, verb),
            Value::Float(number) => self.float(value, *number, verb),
            Value::String(text) | Value::Content(_, text) => self.string(value, text, verb),
            Value::Bytes(bytes) => self.bytes(bytes, verb),
            Value::Time(nanos) => self.time_fields(*nanos, verb),
            Value::List(list) => {
                let (open, close) = self.open(value, "[", ']');
                self.push_str(&open);
                for (index, item) in list.items.iter().enumerate() {
                    self.separator(index);
                    self.value(item, verb, depth + 1);
                }
                self.push(close);
            }
            Value::Map(map) => {
                let (open, close) = self.open(value, "map[", ']');
                self.push_str(&open);
                for (index, (key, item)) in map.entries.iter().enumerate() {
                    self.separator(index);
                    self.value(&Value::String(key.clone()), verb, depth + 1);
                    self.push(':');
                    self.value(item, verb, depth + 1);
                }
                self.push(close);
            }
            Value::Struct(data) => {
                let (open, close) = self.open(value, "{", '}');
                self.push_str(&open);
                for (index, field) in data.fields.iter().enumerate() {
                    self.separator(index);
                    if self.flags.plus_v || self.flags.sharp_v {
                        self.push_str(field.name);
                        self.push(':');
                    }
                    self.value(&field.value, verb, depth + 1);
                }
                self.push(close);
            }
            Value::Function(_) => self.push_str("<func>"),
        }
    }

    /// A time by a verb that its `String` method is not for: Go's private fields are nanoseconds, seconds since the year 1
    /// and no location, which stands for UTC.
    fn time_fields(&mut self, nanos: i64, verb: char) {
        const YEAR_ONE: i64 = 62_135_596_800;
        let seconds = nanos.div_euclid(1_000_000_000) + YEAR_ONE;
        let fields = [("uint64", nanos.rem_euclid(1_000_000_000)), ("int64", seconds)];
        self.push('{');
        for (type_name, number) in fields {
            if matches!(verb, 'd' | 'b' | 'o' | 'O' | 'c' | 'U') {
                self.value(&Value::Int(number), verb, 1);
            } else {
                self.push_str(&format!("%!{verb}({type_name}="));
                self.digits(false, number.unsigned_abs(), 10, 'v');
                self.push(')');
            }
            self.push(' ');
        }
        if matches!(verb, 'd' | 'b' | 'o') {
            self.digits(
                false,
                0,
                if verb == 'd' {
                    10
                } else if verb == 'b' {
                    2
                } else {
                    8
                },
                verb,
            );
        } else {
            self.push_str(&format!("%!{verb}(*time.Location="));
            self.pad("<nil>");
            self.push(')');
        }
        self.push('}');
    }

    /// How a composite opens and closes, which `%#v` does in Go's syntax.
    fn open(&self, value: &Value, plain: &str, close: char) -> (String, char) {
        if self.flags.sharp_v {
            (format!("{}{{", value.type_name()), '}')
        } else {
            (plain.to_owned(), close)
        }
    }

    fn separator(&mut self, index: usize) {
        if index > 0 {
            self.push_str(if self.flags.sharp_v { ", " } else { " " });
        }
    }

    /// Prints by the type's own `String` or `GoString`; false if there is none for this verb.
    fn method(&mut self, value: &Value, verb: char) -> bool {
        if self.flags.sharp_v {
            let Value::Time(nanos) = value else {
                return false;
            };
            let text = go_time(*nanos);
            self.text(&text);
            return true;
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        let Some(text) = value.stringer() else {
            return false;
        };
        self.string(value, &text, verb);
        true
    }

    fn integer(&mut self, value: &Value, negative: bool, magnitude: u64, signed: bool, verb: char) {
        let code = if negative {
            magnitude.wrapping_neg()
        } else {
            magnitude
        };
        match verb {
            'v' if self.flags.sharp_v && !signed => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.digits(negative, magnitude, 16, verb);
                self.flags.sharp = sharp;
            }
            'v' | 'd' => self.digits(negative, magnitude, 10, verb),
            'b' => self.digits(negative, magnitude, 2, verb),
            'o' | 'O' => self.digits(negative, magnitude, 8, verb),
            'x' | 'X' => self.digits(negative, magnitude, 16, verb),
            'c' => self.pad(integer::character(code).encode_utf8(&mut [0; 4])),
            'q' => {
                let c = integer::character(code);
                let text = if self.flags.plus {
                    quote_ascii(c.encode_utf8(&mut [0; 4]), '\'')
                } else {
                    strconv::quote_char(c)
                };
                self.pad(&text);
            }
            'U' => {
                let digits = self.flags.precision.unwrap_or(4).clamp(4, 1_000);
                let mut text = format!("U+{code:0digits$X}");
                if self.flags.sharp
                    && let Some(c) = u32::try_from(code)
                        .ok()
                        .and_then(char::from_u32)
                        .filter(|c| is_print(*c))
                {
                    text.push_str(" '");
                    text.push(c);
                    text.push('\'');
                }
                self.pad_with_spaces(&text);
            }
            _ => self.bad_verb(value, verb),
        }
    }

    fn digits(&mut self, negative: bool, magnitude: u64, base: u32, verb: char) {
        match integer::format(&self.flags, negative, magnitude, base, verb) {
            Some(text) => self.pad_with_spaces(&text),
            None => self.pad_with_spaces(""),
        }
    }

    fn float(&mut self, value: &Value, number: f64, verb: char) {
        let (layout, default) = match verb {
            'v' => ('g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            'f' | 'e' | 'E' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(default);
        let text = format_float(number, layout, precision);
        let (negative, mut text) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (text.starts_with('-'), rest.to_owned()),
            None => (false, text),
        };
        let sign = if negative {
            "-"
        } else if self.flags.plus {
            "+"
        } else if self.flags.space {
            " "
        } else {
            ""
        };
        if !number.is_finite() {
            // Infinity keeps the sign Go gives it.
            let sign = if number == f64::INFINITY && sign.is_empty() {
                "+"
            } else {
                sign
            };
            return self.pad_with_spaces(&format!("{sign}{text}"));
        }
        if self.flags.sharp && layout != 'b' {
            text = integer::with_point(&text, layout, precision);
        }
        let length = sign.len() + text.len();
        match self.flags.width {
            Some(width) if self.flags.zero && !sign.is_empty() && width > length => {
                self.push_str(sign);
                self.padding(width - length);
                self.push_str(&text);
            }
            _ => self.pad(&format!("{sign}{text}")),
        }
    }

    /// `%s`: cut to the precision and padded.
    fn text(&mut self, text: &str) {
        let cut = self.cut(text);
        self.pad(cut);
    }

    fn cut<'a>(&self, text: &'a str) -> &'a str {
        let end = self
            .flags
            .precision
            .and_then(|precision| text.char_indices().nth(precision))
            .map_or(text.len(), |(index, _)| index);
        &text[..end]
    }

    fn string(&mut self, value: &Value, text: &str, verb: char) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text),
            'v' | 's' => self.text(text),
            'x' | 'X' => self.hexadecimal(text.as_bytes(), verb == 'X'),
            'q' => self.quoted(text),
            _ => self.bad_verb(value, verb),
        }
    }

    fn bytes(&mut self, bytes: &[u8], verb: char) {
        match verb {
            's' => {
                let text = String::from_utf8_lossy(bytes);
                self.text(&text);
            }
            'q' => match std::str::from_utf8(bytes) {
                Ok(text) => self.quoted(text),
                Err(_) => self.quoted_bytes(bytes),
            },
            'x' | 'X' => self.hexadecimal(bytes, verb == 'X'),
            _ => {
                let name = if verb == 'v' || verb == 'd' {
                    "[]byte{"
                } else {
                    "[]uint8{"
                };
                let (open, close) = if self.flags.sharp_v {
                    (name, '}')
                } else {
                    ("[", ']')
                };
                self.push_str(open);
                for (index, byte) in bytes.iter().enumerate() {
                    self.separator(index);
                    self.value(&Value::Byte(*byte), verb, 1);
                }
                self.push(close);
            }
        }
    }

    fn quoted(&mut self, text: &str) {
        let text = self.cut(text);
        let backquote = |c: char| c != '`' && c != '\u{feff}' && c != '\u{7f}' && (c >= ' ' || c == '\t');
        let quoted = if self.flags.sharp && text.chars().all(backquote) {
            format!("`{text}`")
        } else if self.flags.plus {
            quote_ascii(text, '"')
        } else {
            strconv::quote(text)
        };
        self.pad(&quoted);
    }

    /// `%q` of bytes that are no UTF-8, which show as `\xff`.
    fn quoted_bytes(&mut self, bytes: &[u8]) {
        let mut left = self.flags.precision.unwrap_or(bytes.len());
        let mut out = String::from("\"");
        for chunk in bytes.utf8_chunks() {
            let valid: String = chunk.valid().chars().take(left).collect();
            left -= valid.chars().count();
            let quoted = if self.flags.plus {
                quote_ascii(&valid, '"')
            } else {
                strconv::quote(&valid)
            };
            out.push_str(&quoted[1..quoted.len() - 1]);
            for byte in chunk.invalid().iter().take(left) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
            left -= chunk.invalid().len().min(left);
        }
        out.push('"');
        self.pad(&out);
    }

    /// `%x` of the bytes of a string.
    fn hexadecimal(&mut self, bytes: &[u8], upper: bool) {
        let bytes = &bytes[..self.flags.precision.unwrap_or(bytes.len()).min(bytes.len())];
        let prefix = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let mut text = String::with_capacity(bytes.len() * 2 + 2);
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 && self.flags.space {
                text.push(' ');
            }
            if index == 0 || self.flags.space {
                text.push_str(prefix);
            }
            // Writing to a String cannot fail.
            let _ = if upper {
                write!(text, "{byte:02X}")
            } else {
                write!(text, "{byte:02x}")
            };
        }
        self.pad(&text);
    }
}

/// `strconv.QuoteToASCII`.
fn quote_ascii(text: &str, quote: char) -> String {
    let mut out = String::new();
    out.push(quote);
    for c in text.chars() {
        if c.is_ascii() {
            let one = if quote == '"' {
                strconv::quote(c.encode_utf8(&mut [0; 4]))
            } else {
                strconv::quote_char(c)
            };
            out.push_str(&one[1..one.len() - 1]);
        } else {
            let code = u32::from(c);
            // Writing to a String cannot fail.
            let _ = if code < 0x1_0000 {
                write!(out, "\\u{code:04x}")
            } else {
                write!(out, "\\U{code:08x}")
            };
        }
    }
    out.push(quote);
    out
}

/// `time.Time.GoString`.
fn go_time(nanos: i64) -> String {
    let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    let whole = seconds.saturating_mul(1_000_000_000);
    let head = time_layout::format(whole, "2006, time.January, 2, ");
    let hour: u32 = time_layout::format(whole, "15").parse().unwrap_or(0);
    let tail = time_layout::format(whole, "4, 5");
    format!("time.Date({head}{hour}, {tail}, {rest}, time.UTC)")
}
