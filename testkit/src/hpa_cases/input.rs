//! Reading the parts that the data files have in common.

use capstan_gocompat::duration;
use capstan_hpa::go;
use capstan_hpa::memory::{Memory, Recommendation, ScaleEvent};
use capstan_hpa::pod::{self, Container, Pod, Ready};
use capstan_hpa::replica_calculator::{Sample, Samples, Tolerances};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::text;

/// A time; absent is Go's zero time.
pub(super) fn time(value: &Json) -> Timestamp {
    optional_time(value).unwrap_or_else(go::zero_time)
}

pub(super) fn optional_time(value: &Json) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// A Go duration as nanoseconds; absent is 0.
pub(super) fn nanos(value: &Json) -> Result<i64, String> {
    match value.as_str() {
        Some(text) => duration::parse_go(text).map_err(|error| error.to_string()),
        None => Ok(0),
    }
}

pub(super) fn number(value: &Json) -> Result<i32, String> {
    let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| format!("{value} is no int32"))
}

pub(super) fn big_number(value: &Json) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| format!("{value} is no int64"))
}

pub(super) fn items(value: &Json) -> &[Json] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn tolerances(value: &Json) -> Tolerances {
    Tolerances {
        scale_down: value["scaleDown"].as_f64().unwrap_or(0.0),
        scale_up: value["scaleUp"].as_f64().unwrap_or(0.0),
    }
}

/// Pods in the data's own short form.
pub(super) fn pods(value: &Json) -> Vec<Pod> {
    items(value).iter().map(short_pod).collect()
}

fn short_pod(value: &Json) -> Pod {
    let container = |name: &str, requests: &Json, restartable: bool| Container {
        name: name.to_owned(),
        requests: pod::requests(Some(requests)),
        restartable,
    };
    let containers = value["requests"].as_object().into_iter().flatten();
    Pod {
        name: text(value, "name").to_owned(),
        phase: text(value, "phase").to_owned(),
        start_time: optional_time(&value["startTime"]),
        ready: value["ready"].is_object().then(|| Ready {
            status: text(&value["ready"], "status").to_owned(),
            last_transition_time: time(&value["ready"]["lastTransitionTime"]),
        }),
        deleting: !value["deletionTimestamp"].is_null(),
        containers: containers
            .map(|(name, requests)| container(name, requests, false))
            .collect(),
        init_containers: items(&value["initContainers"])
            .iter()
            .map(|init| {
                let restartable = init["restartPolicy"] == "Always";
                container(text(init, "name"), &init["requests"], restartable)
            })
            .collect(),
        requests: pod::requests(Some(&value["podRequests"])),
        overhead: pod::requests(Some(&value["overhead"])),
    }
}

/// Samples by pod, `{valueMilli, timestamp, window}` each.
pub(super) fn samples(value: &Json) -> Result<Samples, String> {
    let mut samples = Samples::new();
    for (pod, sample) in value.as_object().into_iter().flatten() {
        let sample = Sample {
            value: big_number(&sample["valueMilli"])?,
            timestamp: time(&sample["timestamp"]),
            window: nanos(&sample["window"])?,
        };
        samples.insert(pod.clone(), sample);
    }
    Ok(samples)
}

/// The time an entry was made, from its age.
fn made(value: &Json, now: Timestamp) -> Result<Timestamp, String> {
    let age = value["ageSeconds"].as_f64().unwrap_or(0.0);
    now.checked_sub(SignedDuration::from_nanos((age * 1e9).round() as i64))
        .map_err(|error| error.to_string())
}

/// Recommendations; null is a list that was never begun.
pub(super) fn recommendations(value: &Json, now: Timestamp) -> Result<Option<Vec<Recommendation>>, String> {
    let read = |entry: &Json| {
        Ok(Recommendation {
            replicas: number(&entry["replicas"])?,
            time: made(entry, now)?,
        })
    };
    value
        .as_array()
        .map(|list| list.iter().map(read).collect())
        .transpose()
}

/// Scale events; null is a list that was never begun.
pub(super) fn events(value: &Json, now: Timestamp) -> Result<Option<Vec<ScaleEvent>>, String> {
    let read = |entry: &Json| {
        Ok(ScaleEvent {
            change: number(&entry["change"])?,
            time: made(entry, now)?,
            outdated: entry["outdated"].as_bool().unwrap_or(false),
        })
    };
    value
        .as_array()
        .map(|list| list.iter().map(read).collect())
        .transpose()
}

pub(super) fn memory(value: &Json, now: Timestamp) -> Result<Memory, String> {
    Ok(Memory {
        recommendations: recommendations(&value["recommendations"], now)?,
        scale_up_events: events(&value["scaleUpEvents"], now)?,
        scale_down_events: events(&value["scaleDownEvents"], now)?,
    })
}
