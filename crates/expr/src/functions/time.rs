//! Functions of time (E-56, E-57). Calendar fields are read in the environment's zone (E-07).

use jiff::{Timestamp, Zoned};

use super::{Body, Function, Signature, unexpected};
use crate::environment::Environment;
use crate::error::CallError;
use crate::value::{Datum, Type};

const OF_TIME: &[Signature] = &[Signature::new(&[Type::Time], Type::Int)];

macro_rules! calendar {
    ($name:literal, $doc:literal, $field:expr) => {
        Function {
            name: $name,
            signatures: OF_TIME,
            doc: $doc,
            body: Body::World(|environment, args| {
                let field: fn(&Zoned) -> i64 = $field;
                Ok(Datum::Int(field(&zoned(environment, args)?)))
            }),
        }
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "unixNano",
        signatures: OF_TIME,
        doc: "Nanoseconds since the Unix epoch.",
        body: Body::Pure(unix_nano),
    },
    calendar!("minute", "The minute of the hour, 0 to 59.", |t| t
        .minute()
        .into()),
    calendar!(
        "hour",
        "The hour of the day, 0 to 23, in the server's time zone.",
        |t| t.hour().into()
    ),
    calendar!(
        "weekday",
        "The day of the week, 0 for Sunday to 6, in the server's time zone.",
        |t| { t.weekday().to_sunday_zero_offset().into() }
    ),
    calendar!(
        "day",
        "The day of the month, 1 to 31, in the server's time zone.",
        |t| t.day().into()
    ),
    calendar!("month", "The month, 1 to 12, in the server's time zone.", |t| t
        .month()
        .into()),
    calendar!("year", "The year, in the server's time zone.", |t| t
        .year()
        .into()),
    Function {
        name: "now",
        signatures: &[Signature::new(&[], Type::Time)],
        doc: "The time of the clock, which is not the time of the point.",
        body: Body::World(now),
    },
];

fn unix_nano<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    match args {
        [Datum::Time(nanos)] => Ok(Datum::Int(*nanos)),
        _ => Err(unexpected(args)),
    }
}

#[allow(clippy::unnecessary_wraps)] // every body has this type
fn now<'a>(environment: &Environment, _args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    Ok(Datum::Time(environment.clock.now_nanos()))
}

fn zoned(environment: &Environment, args: &[Datum<'_>]) -> Result<Zoned, CallError> {
    match args {
        // Every i64 of nanoseconds lies between the years 1677 and 2262, well within what jiff knows.
        [Datum::Time(nanos)] => Timestamp::from_nanosecond(i128::from(*nanos))
            .map(|timestamp| timestamp.to_zoned(environment.zone.clone()))
            .map_err(|error| CallError::Other(error.to_string())),
        _ => Err(unexpected(args)),
    }
}
