//! The collector `zmon`: data of ZMON checks, asked of its `KairosDB` (kube-metrics-adapter, `zmon_collector.go` and
//! `pkg/zmon`).

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_metrics::Series;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::choose::Order;
use crate::collector::{CollectError, Collected, Collector, ConfigError};
use crate::context::Context;
use crate::fetch::{Answer, Request};
use crate::prometheus::client::Endpoint;
use crate::prometheus::configured;
use crate::share::Question;
use crate::single;
use crate::value::quantity;

/// How far back data is looked for, unless `duration` says it.
const DURATION: Duration = Duration::from_mins(10);
/// What ZMON allows at most.
const LIMIT: u32 = 10_000;
const AGGREGATORS: [&str; 7] = ["avg", "count", "last", "max", "min", "sum", "diff"];
/// `KairosDB`'s units, the largest first, in milliseconds.
const UNITS: [(&str, u128); 8] = [
    ("years", 365 * DAY),
    ("months", 30 * DAY),
    ("weeks", 7 * DAY),
    ("days", DAY),
    ("hours", 3_600_000),
    ("minutes", 60_000),
    ("seconds", 1000),
    ("milliseconds", 1),
];
const DAY: u128 = 24 * 3_600_000;

#[derive(Debug)]
struct Zmon {
    context: Arc<Context>,
    endpoint: Endpoint,
    check: i64,
    /// As JSON.
    query: String,
    series: Series,
    interval: Duration,
}

/// The last point of the answer; `None` if it has none.
type Last = Option<(Timestamp, f64)>;

/// For External metrics.
pub(crate) fn external(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    let keys = order.keys;
    if order.wanted.selector().is_none() {
        return Err(ConfigError::new("selector for zmon-check is not specified"));
    }
    if keys.get("check-id").is_none() {
        return Err(ConfigError::new(
            "ZMON check ID not specified on metric: the key check-id",
        ));
    }
    let check: i64 = keys.parse("check-id", "a number")?.unwrap_or_default();
    let duration = keys.duration("duration")?.unwrap_or(DURATION);
    let tags: BTreeMap<&str, &str> = keys.with_prefix("tag-").into_iter().collect();
    let aggregators: Vec<&str> = keys.get("aggregators").unwrap_or("last").split(',').collect();
    if let Some(wrong) = aggregators.iter().find(|name| !AGGREGATORS.contains(name)) {
        return Err(ConfigError(format!(
            "invalid aggregator '{wrong}'; there are {}",
            AGGREGATORS.join(", ")
        )));
    }
    let key = keys.get("key").filter(|key| !key.is_empty());
    Ok(Box::new(Zmon {
        context: Arc::clone(order.context),
        endpoint: configured(order.context.options.zmon.as_ref(), "--zmon-kariosdb-endpoint")?,
        check,
        query: query(check, key, &tags, &aggregators, duration).to_string(),
        series: single::external(order.wanted),
        interval: order.interval,
    }))
}

/// `KairosDB`'s query (<https://kairosdb.github.io/docs/restapi/QueryMetrics.html>).
fn query(
    check: i64,
    key: Option<&str>,
    tags: &BTreeMap<&str, &str>,
    aggregators: &[&str],
    duration: Duration,
) -> Value {
    let sampling = sampling(duration);
    let mut tags: BTreeMap<&str, [&str; 1]> = tags.iter().map(|(name, value)| (*name, [*value])).collect();
    let mut group_by = Vec::new();
    if let Some(key) = key {
        tags.insert("key", [key]);
        group_by.push(json!({"name": "tag", "tags": ["key"]}));
    }
    let aggregators: Vec<Value> = aggregators
        .iter()
        .map(|name| json!({"name": name, "sampling": sampling}))
        .collect();
    json!({
        "start_relative": sampling,
        "metrics": [{
            "name": format!("zmon.check.{check}"),
            "limit": LIMIT,
            "tags": tags,
            "group_by": group_by,
            "aggregators": aggregators,
        }],
    })
}

/// A duration in the largest unit that fits into it, rounded.
fn sampling(duration: Duration) -> Value {
    let millis = duration.as_millis();
    let unit = UNITS.iter().find(|(_, length)| millis >= *length);
    match unit {
        // Halves of a millisecond do not matter to the larger units, and are no whole one to it.
        Some((unit, length)) => json!({"value": ((millis + length / 2) / length) as u64, "unit": unit}),
        None => json!({"value": 0, "unit": "milliseconds"}),
    }
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default, deserialize_with = "nullable")]
    queries: Vec<Queried>,
}

#[derive(Deserialize)]
struct Queried {
    #[serde(default, deserialize_with = "nullable")]
    results: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default, deserialize_with = "nullable")]
    values: Vec<Vec<f64>>,
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The last point. Errors are kube-metrics-adapter's, with what the server said.
fn last(answer: &Answer) -> Result<Last, String> {
    if answer.status != 200 {
        let said = answer.excerpt();
        let separator = if said.is_empty() { "" } else { ": " };
        return Err(format!(
            "[kariosdb query] unexpected response code: {}{separator}{said}",
            answer.status
        ));
    }
    let unexpected = |why: &str| format!("[kariosdb query] unexpected response data: {why}");
    let reply: Reply =
        serde_json::from_slice(&answer.body).map_err(|error| unexpected(&error.to_string()))?;
    let result = reply
        .queries
        .into_iter()
        .next()
        .and_then(|query| query.results.into_iter().next());
    let values = result.map(|found| found.values).unwrap_or_default();
    let mut last = None;
    for value in &values {
        let [millis, value] = value[..] else {
            return Err(unexpected(&format!("a point has {} parts, not 2", value.len())));
        };
        let at = Timestamp::from_millisecond(millis as i64)
            .map_err(|_| unexpected(&format!("{millis} is no time")))?;
        last = Some((at, value));
    }
    Ok(last)
}

impl Collector for Zmon {
    fn question(&self) -> String {
        format!("{} {}", self.endpoint, self.query)
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        self.run().boxed()
    }
}

impl Zmon {
    async fn run(&self) -> Result<Collected, CollectError> {
        let question = Question {
            server: self.endpoint.identity(),
            text: self.query.clone(),
            interval: self.interval,
        };
        let mut url = self.endpoint.base.clone();
        let path = format!("{}/api/v1/datapoints/query", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let request = Request::get(url, self.context.options.timeout)
            .post("application/json", self.query.clone().into_bytes())
            .with_header("Accept", "application/json")
            .with_header("X-Attribution", format!("capstan/{}", self.check))
            .with_token(self.endpoint.token.clone());
        let context = Arc::clone(&self.context);
        let asked = async move {
            let answer = context.fetcher.fetch(&request).await?;
            last(&answer).map_err(|message| CollectError {
                message,
                retry_after: answer.retry_after,
            })
        };
        let last: Arc<Last> = self.context.share.ask(question, asked).await?;
        let Some((at, number)) = *last else {
            if self.context.options.compatible {
                return Ok(Collected::default());
            }
            return Err(CollectError::new(format!(
                "ZMON has no data of check {} for this: {}",
                self.check, self.query
            )));
        };
        let value = quantity(number)
            .ok_or_else(|| CollectError::new(format!("the value of check {} is {number}", self.check)))?;
        Ok(single::collected(&self.series, value, at, &[]))
    }
}
