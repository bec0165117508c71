//! Reading answers of the metrics APIs.

use capstan_gocompat::duration;
use capstan_kubeapi::{Quantity, time};
use jiff::Timestamp;
use serde_json::Value;

use super::{Measured, MetricData, MetricQuery};
use crate::go;
use crate::replica_calculator::{Sample, Samples};

/// Nanoseconds of a custom metric's window when it has none.
const DEFAULT_WINDOW: i64 = 60_000_000_000;

pub(super) fn data(query: &MetricQuery, body: &Value) -> Result<MetricData, String> {
    let items = match &body["items"] {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        _ => return Err("items is no list".to_owned()),
    };
    let mut samples = Samples::new();
    match query {
        MetricQuery::Resource {
            resource, container, ..
        } => {
            for item in items {
                if let Some(value) = usage(item, resource, container)? {
                    let window = match item["window"].as_str() {
                        Some(text) => duration::parse_go(text).map_err(|error| error.to_string())?,
                        None => 0,
                    };
                    let timestamp = timestamp(item)?;
                    samples.insert(
                        text(&item["metadata"]["name"]),
                        Sample {
                            value,
                            timestamp,
                            window,
                        },
                    );
                }
            }
        }
        MetricQuery::Pods { .. } => {
            for item in items {
                let seconds = item["windowSeconds"].as_i64().or_else(|| item["window"].as_i64());
                let sample = Sample {
                    value: quantity(&item["value"])?,
                    timestamp: timestamp(item)?,
                    window: seconds.map_or(DEFAULT_WINDOW, |seconds| seconds.wrapping_mul(1_000_000_000)),
                };
                samples.insert(text(&item["describedObject"]["name"]), sample);
            }
        }
        MetricQuery::Object { .. } | MetricQuery::External { .. } => {
            let measured = |item: &Value| {
                Ok(Measured {
                    value: quantity(&item["value"])?,
                    timestamp: timestamp(item)?,
                })
            };
            return Ok(MetricData::Values(
                items.iter().map(measured).collect::<Result<_, String>>()?,
            ));
        }
    }
    Ok(MetricData::Pods {
        items: items.len(),
        samples,
    })
}

/// A pod's sum, or one container's value; `None` when a container lacks it.
fn usage(item: &Value, resource: &str, container: &str) -> Result<Option<i64>, String> {
    let containers = item["containers"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let value = |of: &Value| match &of["usage"][resource] {
        Value::Null => Ok(None),
        value => quantity(value).map(Some),
    };
    if !container.is_empty() {
        return match containers.iter().find(|of| of["name"] == container) {
            Some(of) => value(of),
            None => Ok(None),
        };
    }
    let mut sum = None;
    for of in containers {
        match value(of)? {
            Some(value) => sum = Some(sum.unwrap_or(0i64).wrapping_add(value)),
            None => return Ok(None),
        }
    }
    Ok(sum)
}

fn quantity(value: &Value) -> Result<i64, String> {
    if value.is_null() {
        return Ok(0);
    }
    serde_json::from_value::<Quantity>(value.clone())
        .map(|quantity| quantity.milli_value())
        .map_err(|error| error.to_string())
}

fn timestamp(item: &Value) -> Result<Timestamp, String> {
    match item["timestamp"].as_str() {
        Some(text) => time::parse(text).ok_or_else(|| format!("{text:?} is no time")),
        None => Ok(go::zero_time()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}
