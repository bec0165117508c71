//! Durations as Kapacitor's file writes them: Go's form, or InfluxQL's with days and weeks (S-01).

use std::time::Duration;

use capstan_gocompat::duration::{format_go, parse_go, parse_influx};
use serde::{Deserialize as _, Deserializer, Serializer};

/// Reads a duration that is not negative.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let nanos = parse_go(text).or_else(|_| parse_influx(text)).ok()?;
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_go(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a duration")))
}
