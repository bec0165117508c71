//! Times printed by Go's reference-time layouts (`Mon Jan 2 15:04:05 MST 2006`). Times are nanoseconds since the Unix epoch.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `time.RFC822`.
pub const RFC822: &str = "02 Jan 06 15:04 MST";
/// `time.RFC3339`.
pub const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
/// `time.RFC3339Nano`; trailing zeros of the fraction are dropped.
pub const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";
/// What `Time.String` and `%v` print.
pub const STRING: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Prints a time in UTC by `layout`.
pub fn format(nanos: i64, layout: &str) -> String {
    format_in(nanos, layout, &TimeZone::UTC)
}

/// `2006-01-02T15:04:05.999999999Z` in UTC.
pub fn format_rfc3339_nano(nanos: i64) -> String {
    format(nanos, RFC3339_NANO)
}

/// `02 Jan 06 15:04 UTC`.
pub fn format_rfc822(nanos: i64) -> String {
    format(nanos, RFC822)
}

/// `2006-01-02 15:04:05.999999999 +0000 UTC`, as templates and logs print a time.
pub fn format_string(nanos: i64) -> String {
    format(nanos, STRING)
}

/// Reads an RFC 3339 time with or without a fraction; `None` if it is none, or outside the years 1678 to 2262.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    // Go wants the full form; jiff alone would also take a space or a lower-case t.
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[10] != b'T' || !(text.ends_with('Z') || bytes[bytes.len() - 3] == b':') {
        return None;
    }
    i64::try_from(text.parse::<Timestamp>().ok()?.as_nanosecond()).ok()
}

/// Prints a time in a time zone by `layout`.
pub fn format_in(nanos: i64, layout: &str, zone: &TimeZone) -> String {
    let timestamp = Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH);
    let zoned = timestamp.to_zoned(zone.clone());
    let info = zone.to_offset_info(timestamp);
    let (date, time) = (zoned.date(), zoned.time());
    let offset = zoned.offset().seconds();
    let month = MONTHS[(date.month() - 1).clamp(0, 11) as usize];
    let day_name = DAYS[date.weekday().to_monday_zero_offset().clamp(0, 6) as usize];
    let hour12 = (time.hour() + 11) % 12 + 1;
    let nanosecond = time.subsec_nanosecond();
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    while !rest.is_empty() {
        let (element, length) = next_element(rest);
        rest = &rest[length..];
        // Writing to a String cannot fail.
        let _ = match element {
            Element::Text(text) => out.write_str(text),
            Element::LongMonth => out.write_str(month),
            Element::Month => out.write_str(&month[..3]),
            Element::NumberMonth => write!(out, "{}", date.month()),
            Element::ZeroMonth => write!(out, "{:02}", date.month()),
            Element::LongDay => out.write_str(day_name),
            Element::ShortDay => out.write_str(&day_name[..3]),
            Element::Day => write!(out, "{}", date.day()),
            Element::SpaceDay => write!(out, "{:2}", date.day()),
            Element::ZeroDay => write!(out, "{:02}", date.day()),
            Element::SpaceYearDay => write!(out, "{:3}", date.day_of_year()),
            Element::ZeroYearDay => write!(out, "{:03}", date.day_of_year()),
            Element::Hour => write!(out, "{:02}", time.hour()),
            Element::Hour12 => write!(out, "{hour12}"),
            Element::ZeroHour12 => write!(out, "{hour12:02}"),
            Element::Minute => write!(out, "{}", time.minute()),
            Element::ZeroMinute => write!(out, "{:02}", time.minute()),
            Element::Second => write!(out, "{}", time.second()),
            Element::ZeroSecond => write!(out, "{:02}", time.second()),
            Element::LongYear => write!(out, "{:04}", date.year()),
            Element::Year => write!(out, "{:02}", date.year().rem_euclid(100)),
            Element::UpperPm => out.write_str(if time.hour() >= 12 { "PM" } else { "AM" }),
            Element::LowerPm => out.write_str(if time.hour() >= 12 { "pm" } else { "am" }),
            Element::ZoneName => {
                let name = info.abbreviation();
                if name.is_empty() || name.starts_with(['+', '-']) {
                    write!(out, "{}", offset_text(offset, false, false, offset % 3_600 != 0))
                } else {
                    out.write_str(name)
                }
            }
            Element::Offset {
                z,
                colons,
                seconds,
                minutes,
            } => {
                if z && offset == 0 {
                    out.write_char('Z')
                } else {
                    out.write_str(&offset_text(offset, colons, seconds, minutes))
                }
            }
            Element::Fraction {
                separator,
                digits,
                trim,
            } => {
                let text = format!("{nanosecond:09}");
                let mut text = &text[..digits.min(9)];
                if trim {
                    text = text.trim_end_matches('0');
                }
                if text.is_empty() {
                    Ok(())
                } else {
                    write!(out, "{separator}{text}")
                }
            }
        };
    }
    out
}

fn offset_text(offset: i32, colons: bool, seconds: bool, minutes: bool) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let magnitude = offset.unsigned_abs();
    let colon = if colons { ":" } else { "" };
    let mut text = format!("{sign}{:02}", magnitude / 3_600);
    if minutes || seconds {
        let _ = write!(text, "{colon}{:02}", magnitude / 60 % 60);
    }
    if seconds {
        let _ = write!(text, "{colon}{:02}", magnitude % 60);
    }
    text
}

enum Element<'a> {
    Text(&'a str),
    LongMonth,
    Month,
    NumberMonth,
    ZeroMonth,
    LongDay,
    ShortDay,
    Day,
    SpaceDay,
    ZeroDay,
    SpaceYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    Offset {
        z: bool,
        colons: bool,
        seconds: bool,
        minutes: bool,
    },
    Fraction {
        separator: char,
        digits: usize,
        trim: bool,
    },
}

/// The element at the start of `layout` and its length; one character of text if there is none.
fn next_element(layout: &str) -> (Element<'_>, usize) {
    #[allow(clippy::fn_params_excessive_bools)] // a table below, each row one spelling
    const fn offset(z: bool, colons: bool, seconds: bool, minutes: bool) -> Element<'static> {
        Element::Offset {
            z,
            colons,
            seconds,
            minutes,
        }
    }
    // Longer spellings stand before their prefixes.
    let fixed: [(&str, Element<'_>); 34] = [
        ("January", Element::LongMonth),
        ("Jan", Element::Month),
        ("Monday", Element::LongDay),
        ("Mon", Element::ShortDay),
        ("MST", Element::ZoneName),
        ("002", Element::ZeroYearDay),
        ("01", Element::ZeroMonth),
        ("02", Element::ZeroDay),
        ("03", Element::ZeroHour12),
        ("04", Element::ZeroMinute),
        ("05", Element::ZeroSecond),
        ("06", Element::Year),
        ("15", Element::Hour),
        ("1", Element::NumberMonth),
        ("2006", Element::LongYear),
        ("2", Element::Day),
        ("__2", Element::SpaceYearDay),
        ("_2006", Element::Text("_")),
        ("_2", Element::SpaceDay),
        ("3", Element::Hour12),
        ("4", Element::Minute),
        ("5", Element::Second),
        ("PM", Element::UpperPm),
        ("pm", Element::LowerPm),
        ("-07:00:00", offset(false, true, true, true)),
        ("-070000", offset(false, false, true, true)),
        ("-07:00", offset(false, true, false, true)),
        ("-0700", offset(false, false, false, true)),
        ("-07", offset(false, false, false, false)),
        ("Z07:00:00", offset(true, true, true, true)),
        ("Z070000", offset(true, false, true, true)),
        ("Z07:00", offset(true, true, false, true)),
        ("Z0700", offset(true, false, false, true)),
        ("Z07", offset(true, false, false, false)),
    ];
    for (text, element) in fixed {
        if let Some(after) = layout.strip_prefix(text) {
            let lower_follows =
                after.starts_with(|c: char| c.is_ascii_lowercase()) && matches!(text, "Jan" | "Mon");
            if !lower_follows {
                let length = if text == "_2006" { 1 } else { text.len() };
                return (element, length);
            }
        }
    }
    let mut chars = layout.chars();
    let first = chars.next().unwrap_or(' ');
    if let ('.' | ',', Some(kind @ ('0' | '9'))) = (first, chars.next()) {
        let digits = layout[1..].chars().take_while(|c| *c == kind).count();
        let digit_follows = layout[1 + digits..].starts_with(|c: char| c.is_ascii_digit());
        if !digit_follows {
            return (
                Element::Fraction {
                    separator: first,
                    digits,
                    trim: kind == '9',
                },
                1 + digits,
            );
        }
    }
    (Element::Text(&layout[..first.len_utf8()]), first.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 31_536_010_120_000_000; // 1971-01-01T00:00:10.12Z

    #[test]
    fn the_layouts_in_use_print_as_in_go() {
        assert_eq!(format_rfc3339_nano(AT), "1971-01-01T00:00:10.12Z");
        assert_eq!(format_rfc3339_nano(0), "1970-01-01T00:00:00Z");
        assert_eq!(
            format_string(31_536_010_000_000_000),
            "1971-01-01 00:00:10 +0000 UTC"
        );
        assert_eq!(format_rfc822(AT), "01 Jan 71 00:00 UTC");
        assert_eq!(
            format(AT, "Mon, 02 Jan 2006 15:04:05.000 MST"),
            "Fri, 01 Jan 1971 00:00:10.120 UTC"
        );
        assert_eq!(
            format(AT, "Monday January _2 3:4:5PM 002"),
            "Friday January  1 12:0:10AM 001"
        );
        assert_eq!(format(AT, "Month é"), "Month é");
        assert_eq!(format_rfc3339_nano(i64::MIN), "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn zones_print_offset_and_name() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(format_in(0, RFC3339, &zone), "1970-01-01T02:00:00+02:00");
        assert_eq!(format_in(0, STRING, &zone), "1970-01-01 02:00:00 +0200 +02");
    }

    #[test]
    fn rfc3339_is_read_back() {
        assert_eq!(parse_rfc3339("1971-01-01T00:00:10.12Z"), Some(AT));
        assert_eq!(parse_rfc3339("1971-01-01T02:00:10.12+02:00"), Some(AT));
        assert_eq!(parse_rfc3339("1971-01-01 00:00:10Z"), None);
        assert_eq!(parse_rfc3339("é1971-01-01T00:00:10Z"), None);
        assert_eq!(parse_rfc3339("3000-01-01T00:00:00Z"), None);
    }
}
