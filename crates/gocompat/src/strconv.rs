//! Numbers and quoted strings as Go's `strconv` package reads and prints them.

use std::fmt::Write as _;

use thiserror::Error;

use crate::unicode::is_print;

/// Why a text is not the number asked for; prints as Go's `*strconv.NumError`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("strconv.{function}: parsing {}: {reason}", quote(.text))]
pub struct NumberError {
    /// `ParseInt`, `ParseFloat`, `ParseBool`.
    pub function: &'static str,
    /// The text given.
    pub text: String,
    /// What is wrong with it.
    pub reason: NumberErrorReason,
}

/// What is wrong with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NumberErrorReason {
    /// It is no number.
    #[error("invalid syntax")]
    Syntax,
    /// It is a number, but too large.
    #[error("value out of range")]
    Range,
}

impl NumberError {
    fn syntax(function: &'static str, text: &str) -> Self {
        Self {
            function,
            text: text.to_owned(),
            reason: NumberErrorReason::Syntax,
        }
    }

    fn range(function: &'static str, text: &str) -> Self {
        Self {
            function,
            text: text.to_owned(),
            reason: NumberErrorReason::Range,
        }
    }
}

/// Prints as `strconv.FormatFloat(value, 'f', -1, 64)`: shortest digits, never an exponent, `2` for 2.0.
pub fn format_float_f(value: f64) -> String {
    if value.is_finite() {
        format!("{value}")
    } else {
        not_finite(value).to_owned()
    }
}

/// Prints as `strconv.FormatFloat(value, 'e', -1, 64)`: `1.5e+06`.
pub fn format_float_e(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let (mantissa, exponent) = exponent_form(value);
    go_exponent(&mantissa, exponent)
}

/// Prints as `%v` and `strconv.FormatFloat(value, 'g', -1, 64)`: with an exponent below 1e-4 and from 1e+06 on.
pub fn format_float_g(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let (mantissa, exponent) = exponent_form(value);
    // The shortest form decides as if six digits had been asked for.
    if value == 0.0 || (-4..6).contains(&exponent) {
        format_float_f(value)
    } else {
        go_exponent(&mantissa, exponent)
    }
}

/// Prints as `encoding/json`: an exponent only below 1e-6 and from 1e21 on. JSON knows no NaN and no infinity: `None`.
pub fn format_float_json(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let (mantissa, exponent) = exponent_form(value);
    Some(if value == 0.0 || (-6..21).contains(&exponent) {
        format_float_f(value)
    } else {
        // encoding/json cleans e-09 up to e-9 but leaves e+21.
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{}", exponent.unsigned_abs())
    })
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

/// The shortest mantissa and the decimal exponent.
fn exponent_form(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa.to_owned(), exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

fn go_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// Reads a float as `strconv.ParseFloat(text, 64)`: decimal, `NaN`, `Inf`, `Infinity` in any case, hexadecimal `0x1.8p3`.
pub fn parse_float(text: &str) -> Result<f64, NumberError> {
    const FUNCTION: &str = "ParseFloat";
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if text.eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    }
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Ok(if text.starts_with('-') {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        });
    }
    let value = if unsigned.starts_with("0x") || unsigned.starts_with("0X") {
        parse_hex_float(&unsigned[2..]).map(|magnitude| {
            if text.starts_with('-') {
                -magnitude
            } else {
                magnitude
            }
        })
    } else if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        text.parse::<f64>().ok()
    } else {
        None
    };
    match value {
        None => Err(NumberError::syntax(FUNCTION, text)),
        Some(value) if value.is_infinite() => Err(NumberError::range(FUNCTION, text)),
        Some(value) => Ok(value),
    }
}

/// The magnitude of a hexadecimal float after its `0x`; the exponent is required, as in Go.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    // Beyond five digits the value is zero or infinite anyway.
    let magnitude = digits
        .trim_start_matches('0')
        .get(..6)
        .map_or_else(|| digits.parse::<i64>().unwrap_or(0), |_| 100_000);
    let mut exponent = if exponent.starts_with('-') {
        -magnitude
    } else {
        magnitude
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    // 64 bits of mantissa and a sticky bit are enough to round correctly once, below.
    let (mut bits, mut sticky) = (0u64, false);
    for (index, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let value = u64::from(digit.to_digit(16)?);
        if bits >> 59 == 0 {
            bits = bits << 4 | value;
            if index >= whole.len() {
                exponent -= 4;
            }
        } else {
            sticky |= value != 0;
            if index < whole.len() {
                exponent += 4;
            }
        }
    }
    Some(scale_binary(bits, sticky, exponent))
}

/// `bits * 2^exponent`, rounded to nearest even once; `sticky` says that something nonzero follows the bits.
fn scale_binary(bits: u64, sticky: bool, exponent: i64) -> f64 {
    if bits == 0 {
        return 0.0;
    }
    let shift = i64::from(bits.leading_zeros());
    let bits = bits << shift;
    // The value is 1.xxx * 2^top.
    let top = exponent - shift + 63;
    if top > 1023 {
        return f64::INFINITY;
    }
    let drop = if top >= -1022 { 11 } else { 11 + (-1022 - top) };
    if drop > 64 {
        return 0.0;
    }
    let (kept, lost) = if drop == 64 {
        (0, bits)
    } else {
        (bits >> drop, bits << (64 - drop))
    };
    let half = 1u64 << 63;
    let up = lost > half || lost == half && (sticky || kept & 1 == 1);
    let kept = kept + u64::from(up);
    // A carry out of the mantissa raises the exponent by itself in this representation.
    let biased = if top >= -1022 {
        ((top + 1022) as u64) << 52
    } else {
        0
    };
    f64::from_bits(biased + kept)
}

/// Reads a decimal integer as `strconv.ParseInt(text, 10, 64)`.
pub fn parse_int(text: &str) -> Result<i64, NumberError> {
    parse_int_base(text, 10)
}

/// Reads an integer in `base` 2 to 36 as `strconv.ParseInt(text, base, 64)`.
pub fn parse_int_base(text: &str, base: u32) -> Result<i64, NumberError> {
    const FUNCTION: &str = "ParseInt";
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return Err(NumberError::syntax(FUNCTION, text));
    }
    i64::from_str_radix(text, base).map_err(|_| NumberError::range(FUNCTION, text))
}

/// Reads a boolean as `strconv.ParseBool`: `1 t T TRUE true True 0 f F FALSE false False`.
pub fn parse_bool(text: &str) -> Result<bool, NumberError> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(NumberError::syntax("ParseBool", text)),
    }
}

/// Quotes as `%q` and `strconv.Quote`.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        push_escaped(&mut out, c, '"');
    }
    out.push('"');
    out
}

/// Quotes one character as `%q` and `strconv.QuoteRune`: `'a'`.
pub fn quote_char(c: char) -> String {
    let mut out = String::from("'");
    push_escaped(&mut out, c, '\'');
    out.push('\'');
    out
}

fn push_escaped(out: &mut String, c: char, quote: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if is_print(c) => out.push(c),
        c => {
            let code = u32::from(c);
            // Writing to a String cannot fail.
            let _ = match code {
                0..0x20 | 0x7f => write!(out, "\\x{code:02x}"),
                ..0x1_0000 => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_go_prints_them() {
        for (value, f, g) in [
            (2.0, "2", "2"),
            (-0.0, "-0", "-0"),
            (1e6, "1000000", "1e+06"),
            (123_456.0, "123456", "123456"),
            (1_234_567.5, "1234567.5", "1.2345675e+06"),
            (0.0001, "0.0001", "0.0001"),
            (0.000_012, "0.000012", "1.2e-05"),
            (1e100, &format!("1{}", "0".repeat(100)), "1e+100"),
            (f64::NAN, "NaN", "NaN"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
        ] {
            assert_eq!(format_float_f(value), f);
            assert_eq!(format_float_g(value), g);
        }
        assert_eq!(format_float_e(1.5e6), "1.5e+06");
        assert_eq!(format_float_json(1e-9).as_deref(), Some("1e-9"));
        assert_eq!(format_float_json(1e21).as_deref(), Some("1e+21"));
        assert_eq!(format_float_json(1e20).as_deref(), Some("100000000000000000000"));
        assert_eq!(format_float_json(f64::NAN), None);
    }

    #[test]
    fn floats_are_read_as_go_reads_them() {
        for (text, value) in [
            ("1", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1e3", -1e3),
            ("+Inf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
            ("0x1p-2", 0.25),
            ("-0X1.8p1", -3.0),
            ("0x.8p0", 0.5),
            ("0x1.fffffffffffff8p0", 2.0),
            ("0x1p-1074", 5e-324),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", 5e-324),
            ("0x1.fffffffffffffp1023", f64::MAX),
        ] {
            assert_eq!(parse_float(text), Ok(value), "{text}");
        }
        assert!(parse_float("NaN").unwrap().is_nan());
        for text in [
            "", "a", "1_0", "+nan", "0x1", "0xp1", "1e", ".", "1 ", "--1", "0x1pz",
        ] {
            assert_eq!(
                parse_float(text).unwrap_err().to_string(),
                format!("strconv.ParseFloat: parsing {}: invalid syntax", quote(text))
            );
        }
        for text in ["1e400", "0x1p1024", "-1e999999999999"] {
            assert_eq!(parse_float(text).unwrap_err().reason, NumberErrorReason::Range);
        }
    }

    #[test]
    fn integers_and_booleans() {
        assert_eq!(parse_int("+7"), Ok(7));
        assert_eq!(parse_int("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(
            parse_int("9223372036854775808").unwrap_err().to_string(),
            "strconv.ParseInt: parsing \"9223372036854775808\": value out of range"
        );
        for text in ["", "+", "1.0", "0x1", "1_0", " 1"] {
            assert_eq!(parse_int(text).unwrap_err().reason, NumberErrorReason::Syntax);
        }
        assert_eq!(parse_int_base("017", 8), Ok(15));
        assert_eq!(parse_bool("T"), Ok(true));
        assert!(parse_bool("yes").is_err());
    }

    #[test]
    fn quoting_escapes_what_go_escapes() {
        assert_eq!(
            quote("a\"b\\\n\u{7f}é\u{200b}\u{e0001}"),
            "\"a\\\"b\\\\\\n\\x7fé\\u200b\\U000e0001\""
        );
        assert_eq!(quote_char('\''), "'\\''");
        assert_eq!(quote_char('_'), "'_'");
    }
}
