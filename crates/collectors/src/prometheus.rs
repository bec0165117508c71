//! The collector `prometheus`: the result of a PromQL query (kube-metrics-adapter, prometheus_collector.go).
//!
//! Of a vector the first sample counts, as in kube-metrics-adapter, and it is said when there are more. What is no number
//! is an error and not a zero.

pub mod client;
mod lint;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::Quantity;
use capstan_metrics::{GroupResource, Labels, Sample, Series};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use crate::allow::server_url;
use crate::choose::Order;
use crate::collector::{CollectError, Collected, Collector, ConfigError, Wanted};
use crate::context::Context;
use crate::fetch::Token;
use crate::options::Server;
use crate::share::Question;
use crate::target::Target;
use crate::value::quantity;
use client::{Endpoint, Outcome};

const QUERY: &str = "query";
const QUERY_NAME: &str = "query-name";
const SERVER: &str = "prometheus-server";
const SERVER_ALIAS: &str = "prometheus-server-alias";

/// A query and who is asked.
#[derive(Debug)]
struct Prometheus {
    context: Arc<Context>,
    endpoint: Endpoint,
    query: String,
    interval: Duration,
    of: Of,
}

/// What the result is a metric of.
#[derive(Debug)]
enum Of {
    External(Series),
    Object {
        described: Described,
        /// Divide by the target's replicas.
        target: Option<Target>,
    },
}

/// The object that an Object metric describes.
#[derive(Debug)]
struct Described {
    metric: String,
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
    labels: Labels,
}

/// What of a query's result is used.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) value: Quantity,
    number: f64,
    pub(crate) at: Timestamp,
    pub(crate) missing: Option<String>,
}

/// For External metrics.
pub(crate) fn external(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    let keys = order.keys;
    if order.wanted.selector().is_none() {
        return Err(ConfigError::new("selector for prometheus query is not specified"));
    }
    let name = keys.get(QUERY_NAME);
    if let Some(query) = keys.get(QUERY) {
        return external_of(order, query);
    }
    let name = name.ok_or_else(|| ConfigError::new("query or query name not specified on metric"))?;
    // The other keys may be queries of other metrics with the same name.
    keys.with_prefix("");
    let query = keys.get(name).ok_or_else(|| {
        ConfigError(format!(
            "no prometheus query defined for metric: {QUERY_NAME} is {name:?}, and no annotation \
             metric-config.external.{}.prometheus/{name} holds the query",
            order.wanted.name()
        ))
    })?;
    external_of(order, query)
}

/// For Object metrics of any kind.
pub(crate) fn object(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    let query = order
        .keys
        .get(QUERY)
        .ok_or_else(|| ConfigError::new("no prometheus query defined"))?;
    let target = order
        .wanted
        .config
        .per_replica
        .then(|| Target::of(order.wanted, order.context));
    object_of(order, query, target)
}

/// For an External metric whose query another collector made. The server is chosen as for all.
pub(crate) fn external_of(order: &Order<'_>, query: &str) -> Result<Box<dyn Collector>, ConfigError> {
    let series = Series::External {
        metric: order.wanted.name().to_owned(),
        namespace: order.wanted.namespace.clone(),
        labels: labels(order.wanted),
    };
    make(order, endpoint(order)?, query, Of::External(series))
}

/// For an Object metric whose query another collector may have made; divided by the replicas of `target`, if there is
/// one.
pub(crate) fn object_of(
    order: &Order<'_>,
    query: &str,
    target: Option<Target>,
) -> Result<Box<dyn Collector>, ConfigError> {
    let wanted = order.wanted;
    let object = wanted
        .metric
        .object
        .as_ref()
        .ok_or_else(|| ConfigError::new("the metric has no describedObject"))?;
    let described = Described {
        metric: wanted.name().to_owned(),
        api_version: object.described_object.api_version.clone(),
        kind: object.described_object.kind.clone(),
        namespace: wanted.namespace.clone(),
        name: object.described_object.name.clone(),
        labels: labels(wanted),
    };
    let endpoint = configured(order.context.options.prometheus.as_ref(), "--prometheus-server")?;
    make(order, endpoint, query, Of::Object { described, target })
}

fn make(
    order: &Order<'_>,
    endpoint: Endpoint,
    query: &str,
    of: Of,
) -> Result<Box<dyn Collector>, ConfigError> {
    if query.trim().is_empty() {
        return Err(ConfigError::new("the prometheus query is empty"));
    }
    for doubt in lint::doubts(query) {
        order.remark(format!(
            "query {query:?}: {doubt}; Prometheus is asked all the same"
        ));
    }
    Ok(Box::new(Prometheus {
        context: Arc::clone(order.context),
        endpoint,
        query: query.to_owned(),
        interval: order.interval,
        of,
    }))
}

/// The labels that values of the metric have: those its selector asks for.
pub(crate) fn labels(wanted: &Wanted) -> Labels {
    wanted
        .selector()
        .iter()
        .flat_map(|selector| &selector.match_labels)
        .map(|(key, value)| (key.clone(), Value::String(value.clone())))
        .collect()
}

/// Who an External metric's query goes to. An address from an annotation never gets a token of ours.
fn endpoint(order: &Order<'_>) -> Result<Endpoint, ConfigError> {
    let options = &order.context.options;
    let (address, alias) = (order.keys.get(SERVER), order.keys.get(SERVER_ALIAS));
    if let Some(address) = address {
        if alias.is_some() {
            order.remark(format!("{SERVER_ALIAS} is ignored, since {SERVER} is there"));
        }
        let allowed = order.context.allow.check(address, SERVER)?;
        return Ok(Endpoint {
            base: allowed.url,
            guarded: allowed.guarded,
            token: Token::None,
        });
    }
    let Some(alias) = alias else {
        return configured(options.prometheus.as_ref(), "--prometheus-server");
    };
    let server = options.additional_prometheus.get(alias);
    let server = server.ok_or_else(|| {
        let known: Vec<&str> = options.additional_prometheus.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        ConfigError(format!(
            "no additional prometheus server found for alias {alias}; --additional-prometheus-server names {known}"
        ))
    })?;
    configured(Some(server), "--additional-prometheus-server")
}

/// A server of the configuration.
///
/// # Errors
/// When it is not configured, or its address is no URL.
pub fn configured(server: Option<&Server>, flag: &str) -> Result<Endpoint, ConfigError> {
    let server = server.ok_or_else(|| ConfigError(format!("{flag} is not set")))?;
    Ok(Endpoint {
        base: server_url(&server.url, flag)?,
        guarded: false,
        token: Token::file(server.token_file.as_deref()),
    })
}

impl Collector for Prometheus {
    fn question(&self) -> String {
        format!("{} {}", self.endpoint, self.query)
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        self.run().boxed()
    }
}

impl Prometheus {
    async fn run(&self) -> Result<Collected, CollectError> {
        let answered = answered(&self.context, &self.endpoint, &self.query, self.interval).await?;
        let mut value = answered.value.clone();
        let series = match &self.of {
            Of::External(series) => series.clone(),
            Of::Object { described, target } => {
                if let Some(target) = target {
                    let replicas = target.replicas().await?;
                    value = quantity(answered.number / replicas as f64).unwrap_or(value);
                }
                self.object_series(described).await?
            }
        };
        let sample = Sample {
            value,
            at: answered.at,
            window: None,
        };
        Ok(Collected {
            samples: vec![(series, sample)],
            missing: answered.missing.clone(),
        })
    }

    async fn object_series(&self, of: &Described) -> Result<Series, CollectError> {
        let kinds = &self.context.kinds;
        let kind = kinds
            .find(&self.context.cluster, &of.api_version, &of.kind)
            .await?;
        Ok(Series::Object {
            metric: of.metric.clone(),
            resource: GroupResource::clone(&kind.resource),
            api_version: kind.api_version,
            kind: of.kind.clone(),
            // Also for objects that are in none: readers ask within the HPA's namespace.
            namespace: of.namespace.clone(),
            name: of.name.clone(),
            labels: of.labels.clone(),
        })
    }
}

/// What counts of the answer to a query, asked once for all who ask it at about the same time.
pub(crate) async fn answered(
    context: &Arc<Context>,
    endpoint: &Endpoint,
    query: &str,
    interval: Duration,
) -> Result<Arc<Answered>, CollectError> {
    let question = Question {
        server: endpoint.identity(),
        text: query.to_owned(),
        interval,
    };
    let (asked, endpoint, query) = (Arc::clone(context), endpoint.clone(), query.to_owned());
    let request = async move { ask(&asked, &endpoint, &query).await };
    context.share.ask(question, request).await
}

/// Sends a query and takes what counts of the answer.
async fn ask(context: &Context, endpoint: &Endpoint, query: &str) -> Result<Answered, CollectError> {
    let now = context.clock.now();
    let answer = client::first(&context.fetcher, endpoint, query, now, context.options.timeout, 1).await?;
    // kube-metrics-adapter's words.
    let no_result =
        |why: &str| CollectError::new(format!("query '{query}' did not result a valid response: {why}"));
    let mut remarks = answer.warnings;
    let (number, at) = match answer.outcome {
        Outcome::Scalar(point) => (point.value, point.at),
        Outcome::Vector(mut samples) => {
            if answer.elements > 1 {
                remarks.insert(
                    0,
                    format!(
                        "the query has {} results and the first is taken; aggregate them, as by sum(…)",
                        answer.elements
                    ),
                );
            }
            if samples.is_empty() {
                return Err(no_result("it is empty"));
            }
            let first = samples.swap_remove(0);
            let point = first
                .point
                .ok_or_else(|| no_result("it is a histogram and no number"))?;
            (point.value, point.at)
        }
        Outcome::Matrix => {
            return Err(no_result(
                "it is a range of values; use a function over the range, as rate(…[1m])",
            ));
        }
        Outcome::Text => return Err(no_result("it is a text")),
    };
    let value = quantity(number).ok_or_else(|| no_result(&format!("it is {number}")))?;
    Ok(Answered {
        value,
        number,
        at,
        missing: (!remarks.is_empty()).then(|| remarks.join("; ")),
    })
}
