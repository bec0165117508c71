//! The collector `nakadi`: how far consumers of a Nakadi subscription are behind (kube-metrics-adapter,
//! `nakadi_collector.go` and `pkg/nakadi`).

mod client;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::{Format, Quantity};
use capstan_metrics::Series;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::choose::Order;
use crate::collector::{CollectError, Collected, Collector, ConfigError};
use crate::context::Context;
use crate::prometheus::client::Endpoint;
use crate::prometheus::configured;
use crate::share::Question;
use crate::single;
use client::{Client, Filter, Stats};

const LAG: &str = "consumer-lag-seconds";
const UNCONSUMED: &str = "unconsumed-events";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// The longest of all partitions.
    Lag,
    /// Of all partitions together.
    Unconsumed,
}

#[derive(Debug)]
struct Nakadi {
    context: Arc<Context>,
    endpoint: Endpoint,
    filter: Filter,
    measure: Measure,
    series: Series,
    interval: Duration,
}

/// For External metrics.
pub(crate) fn external(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    let keys = order.keys;
    if order.wanted.selector().is_none() {
        return Err(ConfigError::new("selector for nakadi is not specified"));
    }
    let measure = match keys.get("metric-type") {
        None => return Err(ConfigError::new("metric-type not specified on metric")),
        Some(LAG) => Measure::Lag,
        Some(UNCONSUMED) => Measure::Unconsumed,
        Some(other) => {
            return Err(ConfigError(format!(
                "metric-type must be either '{LAG}' or '{UNCONSUMED}', was '{other}'"
            )));
        }
    };
    Ok(Box::new(Nakadi {
        context: Arc::clone(order.context),
        endpoint: configured(order.context.options.nakadi.as_ref(), "--nakadi-endpoint")?,
        filter: filter(order)?,
        measure,
        series: single::external(order.wanted),
        interval: order.interval,
    }))
}

/// A subscription by its id, or all that meet three conditions.
fn filter(order: &Order<'_>) -> Result<Filter, ConfigError> {
    let text = |key: &str| order.keys.get(key).unwrap_or_default().to_owned();
    let (subscription, owning_application, consumer_group) = (
        text("subscription-id"),
        text("owning-application"),
        text("consumer-group"),
    );
    let event_types: Vec<String> = text("event-types")
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if !subscription.is_empty() {
        return Ok(Filter::Subscription(subscription));
    }
    if owning_application.is_empty() || event_types.is_empty() || consumer_group.is_empty() {
        return Err(ConfigError::new(
            "either subscription-id or all of [owning-application, event-types, consumer-group] must be specified on \
             the metric",
        ));
    }
    Ok(Filter::All {
        owning_application,
        event_types,
        consumer_group,
    })
}

impl Collector for Nakadi {
    fn question(&self) -> String {
        format!("{} {}", self.endpoint, self.filter)
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        self.run().boxed()
    }
}

impl Nakadi {
    async fn run(&self) -> Result<Collected, CollectError> {
        let question = Question {
            server: self.endpoint.identity(),
            text: self.filter.to_string(),
            interval: self.interval,
        };
        let client = Client {
            context: Arc::clone(&self.context),
            endpoint: self.endpoint.clone(),
        };
        let filter = self.filter.clone();
        let asked = async move { client.stats(&filter).await };
        let stats: Arc<Stats> = self.context.share.ask(question, asked).await?;
        let (name, found, told) = match self.measure {
            Measure::Lag => ("consumer_lag_seconds", stats.longest_lag, stats.with_lag),
            Measure::Unconsumed => ("unconsumed_events", stats.unconsumed, stats.with_unconsumed),
        };
        let silent = stats.partitions - told;
        // kube-metrics-adapter takes what a partition does not tell as 0.
        let found = match found {
            None if self.context.options.compatible => 0,
            found => found.ok_or_else(|| {
                CollectError::new(format!(
                    "[nakadi stats] none of {} partitions tells its {name}: {}",
                    stats.partitions, self.filter
                ))
            })?,
        };
        let mut doubts = Vec::new();
        if silent > 0 {
            doubts.push(format!(
                "{silent} of {} partitions do not tell their {name}",
                stats.partitions
            ));
        }
        let value = Quantity::from_value(found, Format::DecimalSI);
        Ok(single::collected(&self.series, value, stats.at, &doubts))
    }
}
