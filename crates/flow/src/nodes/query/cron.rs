//! Cron expressions as batch tasks write them: five fields, a year behind them as a sixth, seconds before them as well
//! with seven. Lists, ranges, steps, names, `L`, `W`, `LW` and `#` are understood, `?` is `*`, and a day is a hit when
//! either of day of month and day of week is, if both are restricted (N-112).

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];
/// Years in which a time is looked for.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2099;

/// A field of the expression.
#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    min: i16,
    max: i16,
    /// Words for values, from `min` on.
    words: &'static [&'static str],
}

const SECOND: Kind = Kind {
    name: "second",
    min: 0,
    max: 59,
    words: &[],
};
const MINUTE: Kind = Kind {
    name: "minute",
    ..SECOND
};
const HOUR: Kind = Kind {
    name: "hour",
    max: 23,
    ..SECOND
};
const DAY: Kind = Kind {
    name: "day-of-month",
    min: 1,
    max: 31,
    ..SECOND
};
const MONTH: Kind = Kind {
    name: "month",
    min: 1,
    max: 12,
    words: &MONTHS,
};
const WEEKDAY: Kind = Kind {
    name: "day-of-week",
    max: 6,
    words: &DAYS,
    ..SECOND
};
const YEAR: Kind = Kind {
    name: "year",
    min: 1970,
    max: 2099,
    words: &[],
};

/// Days chosen by other means than their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Special {
    /// `L`: the last day of the month.
    Last,
    /// `LW`: the last working day.
    LastWorking,
    /// `15W`: the working day nearest to a day.
    Working(i16),
    /// `5L`: the last such weekday.
    LastWeekday(i16),
    /// `5#3`: the third such weekday.
    Nth(i16, i16),
}

/// A schedule.
#[derive(Debug, Clone)]
pub(super) struct Cron {
    seconds: Vec<i16>,
    minutes: Vec<i16>,
    hours: Vec<i16>,
    months: Vec<i16>,
    years: Vec<i16>,
    /// `None`: any.
    days: Option<Vec<i16>>,
    weekdays: Option<Vec<i16>>,
    special_days: Vec<Special>,
    special_weekdays: Vec<Special>,
}

impl Cron {
    /// Reads an expression; errors are those of the library that Kapacitor uses.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = [
            ("@yearly", "0 0 0 1 1 * *"),
            ("@annually", "0 0 0 1 1 * *"),
            ("@monthly", "0 0 0 1 * * *"),
            ("@weekly", "0 0 0 * * 0 *"),
            ("@daily", "0 0 0 * * * *"),
            ("@hourly", "0 0 * * * * *"),
        ]
        .iter()
        .fold(text.to_owned(), |text, (alias, fields)| {
            text.replace(alias, fields)
        });
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if fields.len() < 5 {
            return Err("missing field(s)".to_owned());
        }
        let (seconds, rest) = match fields.len() {
            7.. => (plain(fields[0], SECOND)?, &fields[1..7]),
            _ => (vec![0], &fields[..]),
        };
        let minutes = plain(rest[0], MINUTE)?;
        let hours = plain(rest[1], HOUR)?;
        let (days, special_days) = days(rest[2], DAY, month_day)?;
        let months = plain(rest[3], MONTH)?;
        let (weekdays, special_weekdays) = self::days(rest[4], WEEKDAY, week_day)?;
        let years = match rest.get(5) {
            Some(field) => plain(field, YEAR)?,
            None => YEARS.collect(),
        };
        Ok(Self {
            seconds,
            minutes,
            hours,
            months,
            years,
            days,
            weekdays,
            special_days,
            special_weekdays,
        })
    }

    /// The first time after `after` (nanoseconds since the Unix epoch), on the clocks of `zone`.
    pub(super) fn next(&self, after: i64, zone: &TimeZone) -> Option<i64> {
        let after = Timestamp::from_nanosecond(i128::from(after)).ok()?;
        let local = zone.to_datetime(after);
        let mut date = local.date();
        let mut time = Some(local.time());
        // A time that clocks skip or repeat may lie before `after`: look on until one is really later.
        loop {
            let (found, at) = self.next_local(date, time)?;
            let instant = zone
                .to_ambiguous_zoned(DateTime::from_parts(found, at))
                .compatible()
                .ok()?;
            if instant.timestamp() > after {
                return i64::try_from(instant.timestamp().as_nanosecond()).ok();
            }
            date = found;
            time = Some(at);
        }
    }

    /// The first local time after `date` and `time`, or on `date` at all.
    fn next_local(&self, mut date: Date, mut after: Option<Time>) -> Option<(Date, Time)> {
        while date.year() <= *YEARS.end() {
            if !self.years.contains(&date.year()) {
                date = Date::new(date.year().checked_add(1)?, 1, 1).ok()?;
                after = None;
                continue;
            }
            if !self.months.contains(&i16::from(date.month())) {
                date = date.first_of_month().checked_add(1.month()).ok()?;
                after = None;
                continue;
            }
            if self.is_day(date)
                && let Some(time) = self.next_time(after)
            {
                return Some((date, time));
            }
            date = date.tomorrow().ok()?;
            after = None;
        }
        None
    }

    fn next_time(&self, after: Option<Time>) -> Option<Time> {
        let floor = after.map(|time| {
            (
                i16::from(time.hour()),
                i16::from(time.minute()),
                i16::from(time.second()),
            )
        });
        for &hour in &self.hours {
            for &minute in &self.minutes {
                if floor.is_some_and(|floor| (hour, minute, 59) < floor) {
                    continue;
                }
                for &second in &self.seconds {
                    if floor.is_none_or(|floor| (hour, minute, second) > floor) {
                        return Time::new(hour as i8, minute as i8, second as i8, 0).ok();
                    }
                }
            }
        }
        None
    }

    fn is_day(&self, date: Date) -> bool {
        let special = |special: &Special| special.is(date);
        let by_day =
            |days: &Vec<i16>| days.contains(&i16::from(date.day())) || self.special_days.iter().any(special);
        let by_weekday =
            |days: &Vec<i16>| days.contains(&weekday(date)) || self.special_weekdays.iter().any(special);
        match (&self.days, &self.weekdays) {
            (None, None) => true,
            (Some(days), None) => by_day(days),
            (None, Some(days)) => by_weekday(days),
            (Some(days), Some(weekdays)) => by_day(days) || by_weekday(weekdays),
        }
    }
}

fn weekday(date: Date) -> i16 {
    i16::from(date.weekday().to_sunday_zero_offset())
}

impl Special {
    fn is(self, date: Date) -> bool {
        let day = i16::from(date.day());
        let last = i16::from(date.days_in_month());
        match self {
            Self::Last => day == last,
            Self::LastWorking => day == working(date, last),
            Self::Working(near) => near <= last && day == working(date, near),
            Self::LastWeekday(wanted) => weekday(date) == wanted && day + 7 > last,
            Self::Nth(wanted, nth) => weekday(date) == wanted && (day - 1) / 7 + 1 == nth,
        }
    }
}

/// The working day nearest to day `near` of the month of `date`, within that month.
fn working(date: Date, near: i16) -> i16 {
    let last = i16::from(date.days_in_month());
    let Ok(target) = Date::new(date.year(), date.month(), near as i8) else {
        return near;
    };
    match target.weekday() {
        Weekday::Saturday if near > 1 => near - 1,
        Weekday::Saturday => near + 2,
        Weekday::Sunday if near < last => near + 1,
        Weekday::Sunday => near - 2,
        _ => near,
    }
}

/// What one entry of a list chooses.
enum Entry {
    All,
    Values(Vec<i16>),
    /// Not a plain entry.
    Other,
}

fn value(text: &str, kind: Kind) -> Option<i16> {
    let word = |known: &&str| text == *known || text == &known[..3];
    if let Some(at) = kind.words.iter().position(word) {
        return Some(kind.min + at as i16);
    }
    let digits = if kind.max > 99 { 4 } else { 2 };
    if text.is_empty() || text.len() > digits || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i16 = text.parse().ok()?;
    // Sunday is 7 as well.
    if kind.name == WEEKDAY.name && number == 7 {
        return Some(0);
    }
    (kind.min..=kind.max).contains(&number).then_some(number)
}

fn entry(text: &str, kind: Kind) -> Result<Entry, String> {
    if text == "*" || text == "?" {
        return Ok(Entry::All);
    }
    let (range, step) = match text.split_once('/') {
        Some((range, step)) if !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()) => {
            (range, Some(step))
        }
        Some(_) => return Ok(Entry::Other),
        None => (text, None),
    };
    let bounds = match range.split_once('-') {
        Some((first, last)) => value(first, kind).zip(value(last, kind)),
        None if range == "*" => Some((kind.min, kind.max)),
        None => value(range, kind).map(|first| (first, if step.is_some() { kind.max } else { first })),
    };
    let Some((first, last)) = bounds else {
        return Ok(Entry::Other);
    };
    let step = match step {
        None => 1,
        Some(step) => match step.parse::<i16>() {
            Ok(step) if (1..=kind.max).contains(&step) => step,
            _ => return Err(format!("invalid interval {text}")),
        },
    };
    Ok(Entry::Values((first..=last).step_by(step as usize).collect()))
}

/// The entries of a field in lower case, with their own spelling.
fn entries(field: &str, kind: Kind) -> Result<Vec<(&str, String)>, String> {
    let entries: Vec<_> = field
        .split(',')
        .filter(|entry| !entry.is_empty())
        .map(|entry| (entry, entry.to_ascii_lowercase()))
        .collect();
    if entries.is_empty() {
        return Err(format!("{} field: missing directive", kind.name));
    }
    Ok(entries)
}

fn syntax(kind: Kind, entry: &str) -> String {
    format!("syntax error in {} field: '{entry}'", kind.name)
}

/// A field without special entries: its values in order.
fn plain(field: &str, kind: Kind) -> Result<Vec<i16>, String> {
    let mut values = Vec::new();
    for (own, text) in entries(field, kind)? {
        match entry(&text, kind)? {
            Entry::All => return Ok((kind.min..=kind.max).collect()),
            Entry::Values(more) => values.extend(more),
            Entry::Other => return Err(syntax(kind, own)),
        }
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// A field of days: which, `None` for any, and the special ones.
fn days(
    field: &str,
    kind: Kind,
    special: fn(&str) -> Option<Special>,
) -> Result<(Option<Vec<i16>>, Vec<Special>), String> {
    let (mut values, mut specials, mut all) = (Vec::new(), Vec::new(), false);
    for (own, text) in entries(field, kind)? {
        match entry(&text, kind)? {
            Entry::All => all = true,
            Entry::Values(more) => values.extend(more),
            Entry::Other => specials.push(special(&text).ok_or_else(|| syntax(kind, own))?),
        }
    }
    Ok((if all { None } else { Some(values) }, specials))
}

fn month_day(text: &str) -> Option<Special> {
    match text {
        "l" => Some(Special::Last),
        "lw" => Some(Special::LastWorking),
        _ => value(text.strip_suffix('w')?, DAY).map(Special::Working),
    }
}

fn week_day(text: &str) -> Option<Special> {
    if let Some((day, nth)) = text.split_once('#') {
        let nth = value(nth, DAY).filter(|nth| *nth <= 5)?;
        return Some(Special::Nth(value(day, WEEKDAY)?, nth));
    }
    value(text.strip_suffix('l')?, WEEKDAY).map(Special::LastWeekday)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        let timestamp: Timestamp = text.parse().expect("a time");
        i64::try_from(timestamp.as_nanosecond()).expect("in range")
    }

    fn next(cron: &str, after: &str) -> Option<String> {
        let cron = Cron::parse(cron).expect(cron);
        let next = cron.next(at(after), &TimeZone::UTC)?;
        Some(
            Timestamp::from_nanosecond(i128::from(next))
                .expect("in range")
                .to_string(),
        )
    }

    #[test]
    fn the_next_time_is_found() {
        for (cron, after, wanted) in [
            ("*/5 * * * *", "2024-01-01T00:03:20Z", "2024-01-01T00:05:00Z"),
            ("*/5 * * * *", "2024-01-01T00:05:00Z", "2024-01-01T00:10:00Z"),
            (
                "*/10 * * * * * *",
                "2024-01-01T00:00:55.5Z",
                "2024-01-01T00:01:00Z",
            ),
            ("0 0 29 2 *", "2023-01-01T00:00:00Z", "2024-02-29T00:00:00Z"),
            ("30 9 * * mon-fri", "2024-03-01T10:00:00Z", "2024-03-04T09:30:00Z"),
            ("0 12 1 * 0", "2024-03-01T12:00:00Z", "2024-03-03T12:00:00Z"),
            ("0 0 l * *", "2024-02-01T00:00:00Z", "2024-02-29T00:00:00Z"),
            ("0 0 LW * ?", "2024-03-01T00:00:00Z", "2024-03-29T00:00:00Z"),
            ("0 0 15W * *", "2024-06-01T00:00:00Z", "2024-06-14T00:00:00Z"),
            ("0 0 * * 5L", "2024-03-01T00:00:00Z", "2024-03-29T00:00:00Z"),
            ("0 0 * * 1#2", "2024-03-01T00:00:00Z", "2024-03-11T00:00:00Z"),
            ("0 0 1 jan * 2030", "2024-03-01T00:00:00Z", "2030-01-01T00:00:00Z"),
            ("@hourly", "2024-03-01T00:00:00Z", "2024-03-01T01:00:00Z"),
            (
                "5-10/5,50 3 * * *",
                "2024-03-01T03:05:00Z",
                "2024-03-01T03:10:00Z",
            ),
        ] {
            assert_eq!(next(cron, after).as_deref(), Some(wanted), "{cron}");
        }
        assert_eq!(next("0 0 30 2 *", "2024-01-01T00:00:00Z"), None);
        assert_eq!(next("0 0 1 1 * 2020", "2024-01-01T00:00:00Z"), None);
    }

    #[test]
    fn times_are_those_of_the_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let cron = Cron::parse("0 1 * * *").expect("a schedule");
        assert_eq!(
            cron.next(at("2024-01-01T00:00:00Z"), &zone),
            Some(at("2024-01-01T23:00:00Z"))
        );
    }

    #[test]
    fn errors_are_those_people_know() {
        for (cron, error) in [
            ("bad", "missing field(s)"),
            ("a * * * *", "syntax error in minute field: 'a'"),
            ("60 * * * *", "syntax error in minute field: '60'"),
            ("* * * * 9", "syntax error in day-of-week field: '9'"),
            ("*/99 * * * *", "invalid interval */99"),
            ("* * , * *", "day-of-month field: missing directive"),
        ] {
            assert_eq!(Cron::parse(cron).map(|_| ()), Err(error.to_owned()), "{cron}");
        }
    }
}
