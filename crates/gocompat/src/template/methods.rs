//! Methods of `time.Time`, `time.Duration`, `time.Month` and `time.Weekday`, and those that a struct brings.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::time_layout;
use crate::value::{Function, Named, Parameter, Value};

const SECOND: i64 = 1_000_000_000;
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
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// The method of a value, bound to it.
pub(super) fn find(receiver: &Value, name: &str) -> Option<Function> {
    match receiver {
        Value::Time(nanos) => of_time(*nanos, name),
        Value::Duration(nanos) => of_duration(*nanos, name),
        Value::Named(named) if name == "String" => Some(constant(Value::String(Arc::clone(&named.text)))),
        Value::Struct(data) => {
            let (_, method) = data.methods.iter().find(|(method, _)| *method == name)?;
            Some(method.clone())
        }
        _ => None,
    }
}

fn constant(value: Value) -> Function {
    Function::new(&[], move |_| Ok(value.clone()))
}

fn int(value: impl Into<i64>) -> Function {
    constant(Value::NativeInt(value.into()))
}

fn civil(nanos: i64) -> DateTime {
    let timestamp = Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH);
    TimeZone::UTC.to_datetime(timestamp)
}

fn of_time(nanos: i64, name: &str) -> Option<Function> {
    Some(match name {
        "Unix" => constant(Value::Int(nanos.div_euclid(SECOND))),
        "UnixMilli" => constant(Value::Int(nanos.div_euclid(1_000_000))),
        "UnixMicro" => constant(Value::Int(nanos.div_euclid(1_000))),
        "UnixNano" => constant(Value::Int(nanos)),
        "Year" => int(civil(nanos).year()),
        "Month" => {
            let month = civil(nanos).month();
            let text = MONTHS.get((month - 1) as usize).copied().unwrap_or("");
            named("time.Month", i64::from(month), text)
        }
        "Day" => int(civil(nanos).day()),
        "YearDay" => int(civil(nanos).date().day_of_year()),
        "Hour" => int(civil(nanos).hour()),
        "Minute" => int(civil(nanos).minute()),
        "Second" => int(civil(nanos).second()),
        "Nanosecond" => int(nanos.rem_euclid(SECOND)),
        "Weekday" => {
            let day = civil(nanos).weekday().to_sunday_zero_offset();
            let text = DAYS.get(day as usize).copied().unwrap_or("");
            named("time.Weekday", i64::from(day), text)
        }
        // Times here are always UTC, and so is the zone of the process.
        "UTC" | "Local" => constant(Value::Time(nanos)),
        // The zero time is the year 1, which a time in nanoseconds cannot be.
        "IsZero" | "IsDST" => constant(Value::Bool(false)),
        "String" => constant(Value::from(time_layout::format_string(nanos))),
        "Format" => Function::new(&[Parameter::String], move |args| {
            let layout = args.first().and_then(Value::as_text).unwrap_or("");
            Ok(Value::from(time_layout::format(nanos, layout)))
        }),
        "Add" => with_duration(move |delta| Value::Time(nanos.saturating_add(delta))),
        "Round" => with_duration(move |unit| {
            Value::Time(nanos.saturating_add(to_round(since_year_one(nanos), unit)))
        }),
        "Truncate" => with_duration(move |unit| {
            let over = if unit <= 0 {
                0
            } else {
                since_year_one(nanos).rem_euclid(i128::from(unit)) as i64
            };
            Value::Time(nanos.saturating_sub(over))
        }),
        "Sub" => with_time(move |other| Value::Duration(nanos.saturating_sub(other))),
        "Before" => with_time(move |other| Value::Bool(nanos < other)),
        "After" => with_time(move |other| Value::Bool(nanos > other)),
        "Equal" => with_time(move |other| Value::Bool(nanos == other)),
        "AddDate" => {
            let parameter = Parameter::NativeInt;
            Function::new(&[parameter, parameter, parameter], move |args| {
                let number = |index: usize| args.get(index).and_then(Value::as_signed).unwrap_or(0);
                Ok(Value::Time(add_date(nanos, number(0), number(1), number(2))))
            })
        }
        "Date" | "Clock" => Function::uncallable(3),
        "ISOWeek" | "Zone" => Function::uncallable(2),
        _ => return None,
    })
}

fn named(type_name: &'static str, value: i64, text: &'static str) -> Function {
    constant(Value::Named(Named {
        type_name,
        value,
        text: text.into(),
    }))
}

fn with_duration(body: impl Fn(i64) -> Value + Send + Sync + 'static) -> Function {
    Function::new(&[Parameter::Duration], move |args| match args {
        [Value::Duration(nanos)] => Ok(body(*nanos)),
        _ => Err("no duration".to_owned()),
    })
}

fn with_time(body: impl Fn(i64) -> Value + Send + Sync + 'static) -> Function {
    Function::new(&[Parameter::Time], move |args| match args {
        [Value::Time(nanos)] => Ok(body(*nanos)),
        _ => Err("no time".to_owned()),
    })
}

/// Go rounds times from the year 1 on.
fn since_year_one(nanos: i64) -> i128 {
    const EPOCH_SECONDS: i128 = 62_135_596_800;
    EPOCH_SECONDS * i128::from(SECOND) + i128::from(nanos)
}

/// What to add to reach the next multiple of `unit`, halves upwards.
fn to_round(value: i128, unit: i64) -> i64 {
    if unit <= 0 {
        return 0;
    }
    let over = value.rem_euclid(i128::from(unit)) as i64;
    if over < unit - over { -over } else { unit - over }
}

/// Calendar arithmetic that carries over, as `time.Date` does: February 30 is March 1 or 2.
fn add_date(nanos: i64, years: i64, months: i64, days: i64) -> i64 {
    let start = civil(nanos);
    let months = i128::from(start.month()) - 1 + i128::from(months);
    let year = i128::from(start.year()) + i128::from(years) + months.div_euclid(12);
    let month = months.rem_euclid(12) + 1;
    let day = days_from_civil(year, month) + i128::from(start.day()) - 1 + i128::from(days);
    let of_day = i128::from(nanos).rem_euclid(i128::from(86_400 * SECOND));
    let result = day
        .saturating_mul(i128::from(86_400 * SECOND))
        .saturating_add(of_day);
    result.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// Days from the Unix epoch to the first of a month of the Gregorian calendar.
fn days_from_civil(year: i128, month: i128) -> i128 {
    // The year is taken to begin in March, so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn of_duration(nanos: i64, name: &str) -> Option<Function> {
    let fraction = |unit: i64| {
        let whole = (nanos / unit) as f64;
        Value::Float(whole + (nanos % unit) as f64 / unit as f64)
    };
    Some(match name {
        "String" => constant(Value::from(crate::duration::format_go(nanos))),
        "Nanoseconds" => constant(Value::Int(nanos)),
        "Microseconds" => constant(Value::Int(nanos / 1_000)),
        "Milliseconds" => constant(Value::Int(nanos / 1_000_000)),
        "Seconds" => constant(fraction(SECOND)),
        "Minutes" => constant(fraction(60 * SECOND)),
        "Hours" => constant(fraction(3_600 * SECOND)),
        "Abs" => constant(Value::Duration(nanos.saturating_abs())),
        "Truncate" => {
            with_duration(move |unit| Value::Duration(if unit <= 0 { nanos } else { nanos - nanos % unit }))
        }
        "Round" => with_duration(move |unit| {
            if unit <= 0 {
                return Value::Duration(nanos);
            }
            let over = (nanos % unit).unsigned_abs();
            let down = over < unit.unsigned_abs() - over;
            let towards_zero = nanos - nanos % unit;
            Value::Duration(if down {
                towards_zero
            } else if nanos < 0 {
                towards_zero.saturating_sub(unit)
            } else {
                towards_zero.saturating_add(unit)
            })
        }),
        _ => return None,
    })
}
