//! Durations as Go's `time` package and as InfluxQL write them. All values are nanoseconds.

use thiserror::Error;

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000 * MICROSECOND;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// Why a text is not a duration. The texts are those of Go's `time` and `influxql` packages.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DurationError {
    /// Not a Go duration at all, or one beyond 292 years.
    #[error("time: invalid duration {}", time_quote(.0))]
    Invalid(String),
    /// A Go duration whose last number has no unit.
    #[error("time: missing unit in duration {}", time_quote(.0))]
    MissingUnit(String),
    /// A Go duration with a unit that Go does not know (`d` and `w` are such).
    #[error("time: unknown unit {} in duration {}", time_quote(.unit), time_quote(.text))]
    UnknownUnit {
        /// The unit found.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// Not an InfluxQL duration.
    #[error("invalid duration")]
    InvalidInflux,
    /// An InfluxQL duration beyond 292 years.
    #[error("overflowed duration {measure}{unit}: choose a smaller duration or INF")]
    Overflow {
        /// The last number of the text.
        measure: i64,
        /// The last unit of the text.
        unit: String,
    },
}

/// Quotes as the errors of Go's `time` package do: bytes beyond ASCII and control characters in hexadecimal.
fn time_quote(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=0x7f => out.push(char::from(byte)),
            byte => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

/// Parses a duration as Go's `time.ParseDuration`: `1h30m`, `1.5s`, `-2ms`, `0`. Units are `ns us µs ms s m h`.
pub fn parse_go(text: &str) -> Result<i64, DurationError> {
    const LIMIT: u64 = 1 << 63;
    let invalid = || DurationError::Invalid(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let whole_end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let mut whole: u64 = 0;
        for digit in rest[..whole_end].bytes() {
            whole = whole
                .checked_mul(10)
                .and_then(|v| v.checked_add(u64::from(digit - b'0')))
                .filter(|v| *v <= LIMIT)
                .ok_or_else(invalid)?;
        }
        rest = &rest[whole_end..];
        let (mut fraction, mut scale, mut fraction_digits) = (0u64, 1f64, 0usize);
        if let Some(after) = rest.strip_prefix('.') {
            fraction_digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            for digit in after[..fraction_digits].bytes() {
                // More digits than fit do not change the result by a nanosecond: dropped, as in Go.
                match fraction
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(u64::from(digit - b'0')))
                {
                    Some(value) if value <= LIMIT => {
                        fraction = value;
                        scale *= 10.0;
                    }
                    _ => break,
                }
            }
            rest = &after[fraction_digits..];
        }
        if whole_end == 0 && fraction_digits == 0 {
            return Err(invalid());
        }
        let unit_end = rest
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(rest.len());
        if unit_end == 0 {
            return Err(DurationError::MissingUnit(text.to_owned()));
        }
        let unit = match &rest[..unit_end] {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
            "ms" => MILLISECOND,
            "s" => SECOND,
            "m" => MINUTE,
            "h" => HOUR,
            other => {
                return Err(DurationError::UnknownUnit {
                    unit: other.to_owned(),
                    text: text.to_owned(),
                });
            }
        } as u64;
        rest = &rest[unit_end..];
        let mut value = whole
            .checked_mul(unit)
            .filter(|v| *v <= LIMIT)
            .ok_or_else(invalid)?;
        if fraction > 0 {
            value += (fraction as f64 * (unit as f64 / scale)) as u64;
        }
        total = total
            .checked_add(value)
            .filter(|v| *v <= LIMIT)
            .ok_or_else(invalid)?;
    }
    if negative {
        return Ok((total as i64).wrapping_neg());
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// Prints nanoseconds as Go's `Duration.String`: `1m0s`, `3.2µs`, `0s`.
pub fn format_go(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let magnitude = nanos.unsigned_abs();
    if magnitude == 0 {
        return "0s".to_owned();
    }
    if magnitude < SECOND as u64 {
        let (unit, digits, name) = if magnitude < MICROSECOND as u64 {
            (1, 0, "ns")
        } else if magnitude < MILLISECOND as u64 {
            (MICROSECOND as u64, 3, "µs")
        } else {
            (MILLISECOND as u64, 6, "ms")
        };
        return format!(
            "{sign}{}{name}",
            decimal(magnitude / unit, magnitude % unit, digits)
        );
    }
    let all_seconds = magnitude / SECOND as u64;
    let seconds = decimal(all_seconds % 60, magnitude % SECOND as u64, 9);
    let (hours, minutes) = (all_seconds / 3_600, all_seconds / 60 % 60);
    if hours > 0 {
        format!("{sign}{hours}h{minutes}m{seconds}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m{seconds}s")
    } else {
        format!("{sign}{seconds}s")
    }
}

/// `whole` and the fraction in `digits` places, trailing zeros dropped.
fn decimal(whole: u64, fraction: u64, digits: usize) -> String {
    if fraction == 0 {
        return whole.to_string();
    }
    let text = format!("{fraction:0digits$}");
    format!("{whole}.{}", text.trim_end_matches('0'))
}

/// Parses a duration as InfluxQL does: `1h30m`, `90s`, `1d2w`, `-5m`. Units are `ns u µ ms s m h d w`.
pub fn parse_influx(text: &str) -> Result<i64, DurationError> {
    if text.len() < 2 {
        return Err(DurationError::InvalidInflux);
    }
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut total: i64 = 0;
    let mut overflowed = false;
    let (mut last, mut last_unit) = (0, "");
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: i64 = rest[..digits].parse().map_err(|_| DurationError::InvalidInflux)?;
        rest = &rest[digits..];
        let (name, unit) = influx_unit(rest).ok_or(DurationError::InvalidInflux)?;
        rest = &rest[name.len()..];
        match number
            .checked_mul(unit)
            .and_then(|value| total.checked_add(value))
        {
            Some(sum) => total = sum,
            None => overflowed = true,
        }
        (last, last_unit) = (number, name);
    }
    if overflowed {
        return Err(DurationError::Overflow {
            measure: last,
            unit: last_unit.to_owned(),
        });
    }
    Ok(if negative { -total } else { total })
}

/// The unit at the start of `text` and its nanoseconds.
fn influx_unit(text: &str) -> Option<(&'static str, i64)> {
    const UNITS: [(&str, i64); 9] = [
        ("ns", 1),
        ("ms", MILLISECOND),
        ("u", MICROSECOND),
        ("\u{b5}", MICROSECOND),
        ("s", SECOND),
        ("m", MINUTE),
        ("h", HOUR),
        ("d", DAY),
        ("w", WEEK),
    ];
    UNITS.into_iter().find(|(name, _)| text.starts_with(name))
}

/// Prints nanoseconds as InfluxQL does: the largest single unit that divides them, `90s`, `1500ms`, `1m`, `0s`.
pub fn format_influx(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    const UNITS: [(&str, i64); 8] = [
        ("w", WEEK),
        ("d", DAY),
        ("h", HOUR),
        ("m", MINUTE),
        ("s", SECOND),
        ("ms", MILLISECOND),
        ("u", MICROSECOND),
        ("ns", 1),
    ];
    let (name, unit) = UNITS
        .into_iter()
        .find(|(_, unit)| nanos % unit == 0)
        .unwrap_or(("ns", 1));
    format!("{}{name}", nanos / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_printed_is_read_back(nanos in proptest::prelude::any::<i64>(), shift in 0_u32..63) {
            let nanos = nanos >> shift;
            proptest::prop_assert_eq!(parse_go(&format_go(nanos)), Ok(nanos));
            if nanos != i64::MIN {
                proptest::prop_assert_eq!(parse_influx(&format_influx(nanos)), Ok(nanos));
            }
        }

        #[test]
        fn no_text_panics(text in "[-+]?([0-9.]{0,20}(ns|us|µs|u|µ|ms|s|m|h|d|w|x|é)?){0,4}") {
            for result in [parse_go(&text), parse_influx(&text)] {
                if let Err(error) = result {
                    proptest::prop_assert!(!error.to_string().is_empty());
                }
            }
        }
    }

    #[test]
    fn go_durations_are_read_and_printed_as_go_does() {
        for (text, nanos, printed) in [
            ("1h30m", 90 * MINUTE, "1h30m0s"),
            ("1.5s", 1_500 * MILLISECOND, "1.5s"),
            ("-2ms", -2 * MILLISECOND, "-2ms"),
            ("0", 0, "0s"),
            ("3200ns", 3_200, "3.2µs"),
            (".5us", 500, "500ns"),
            ("1.µs", 1_000, "1µs"),
            ("60s", MINUTE, "1m0s"),
            ("100h0.25s", 100 * HOUR + 250 * MILLISECOND, "100h0m0.25s"),
            ("-9223372036854775808ns", i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(parse_go(text), Ok(nanos), "{text}");
            assert_eq!(format_go(nanos), printed);
            assert_eq!(parse_go(printed), Ok(nanos), "{printed}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_with_its_words() {
        for (text, message) in [
            ("", "time: invalid duration \"\""),
            ("1", "time: missing unit in duration \"1\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            (".s", "time: invalid duration \".s\""),
            (
                "9223372036854775808ns",
                "time: invalid duration \"9223372036854775808ns\"",
            ),
            ("99999999999h", "time: invalid duration \"99999999999h\""),
        ] {
            assert_eq!(parse_go(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn influx_durations_have_days_and_weeks_and_print_in_one_unit() {
        for (text, nanos, printed) in [
            ("1h30m", 90 * MINUTE, "90m"),
            ("90s", 90 * SECOND, "90s"),
            ("1d2w", 15 * DAY, "15d"),
            ("10u", 10 * MICROSECOND, "10u"),
            ("10µ", 10 * MICROSECOND, "10u"),
            ("7ns", 7, "7ns"),
            ("-1500ms", -1_500 * MILLISECOND, "-1500ms"),
            ("60s", MINUTE, "1m"),
            ("0h", 0, "0s"),
        ] {
            assert_eq!(parse_influx(text), Ok(nanos), "{text}");
            assert_eq!(format_influx(nanos), printed);
        }
        for text in ["", "1", "s", "1.5h", "1x", "1hm", "1n", "5m-3s"] {
            assert_eq!(parse_influx(text), Err(DurationError::InvalidInflux), "{text}");
        }
        assert_eq!(
            parse_influx("99999999w").unwrap_err().to_string(),
            "overflowed duration 99999999w: choose a smaller duration or INF"
        );
    }
}
