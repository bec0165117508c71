//! Requests per second of an Ingress or `RouteGroup`, by skipper's metrics in Prometheus (kube-metrics-adapter,
//! `skipper_collector.go`).
//!
//! The object is read at every collection: its hosts and the share of traffic that a backend gets may change at any
//! time.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::{Format, Quantity};
use capstan_metrics::{GroupResource, Series};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use crate::choose::Order;
use crate::collector::{CollectError, Collected, Collector, ConfigError};
use crate::context::Context;
use crate::prometheus::client::Endpoint;
use crate::prometheus::{self, configured, labels};
use crate::share::Question;
use crate::single;
use crate::target::{self, Target};

const METRIC: &str = "requests-per-second";

/// What skipper serves for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ingress,
    RouteGroup,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::RouteGroup => "RouteGroup",
        }
    }

    fn group(self) -> &'static str {
        match self {
            Self::Ingress => "networking.k8s.io",
            Self::RouteGroup => "zalando.org",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Ingress => "ingresses",
            Self::RouteGroup => "routegroups",
        }
    }
}

#[derive(Debug)]
struct Skipper {
    context: Arc<Context>,
    endpoint: Endpoint,
    kind: Kind,
    namespace: String,
    name: String,
    /// Empty if none is named.
    backend: String,
    /// Divide by its replicas.
    target: Option<Target>,
    series: Series,
    interval: Duration,
}

/// What of an Ingress or `RouteGroup` is used.
#[derive(Debug, Clone, PartialEq)]
struct Routes {
    hosts: Vec<String>,
    weights: Weights,
}

/// Which share of the traffic a backend gets.
#[derive(Debug, Clone, PartialEq)]
enum Weights {
    /// There is one backend.
    Undivided,
    /// The values of the annotations that say it: JSON maps of percents.
    Annotations(Vec<String>),
    /// Percents.
    Backends(Vec<(String, f64)>),
}

/// For Ingresses.
pub(crate) fn ingress(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    make(order, Kind::Ingress)
}

/// For `RouteGroup`s.
pub(crate) fn route_group(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    make(order, Kind::RouteGroup)
}

fn make(order: &Order<'_>, kind: Kind) -> Result<Box<dyn Collector>, ConfigError> {
    let wanted = order.wanted;
    let metric = wanted.name();
    if !metric.starts_with(METRIC) {
        return Err(ConfigError(format!(
            "metric '{metric}' not supported: of {} objects there is {METRIC}",
            kind.name()
        )));
    }
    let object = wanted
        .metric
        .object
        .as_ref()
        .ok_or_else(|| ConfigError::new("the metric has no describedObject"))?;
    let backend = match (order.keys.get("backend"), metric.split_once(',')) {
        (Some(backend), _) => backend,
        // The old way, by the metric's name.
        (None, Some((_, backend))) if !backend.contains(',') => backend,
        _ => "",
    };
    let name = object.described_object.name.clone();
    let average = object.target.average_value.is_some();
    let series = Series::Object {
        metric: metric.to_owned(),
        resource: GroupResource::new(kind.group(), kind.plural()),
        api_version: format!("{}/v1", kind.group()),
        kind: kind.name().to_owned(),
        namespace: wanted.namespace.clone(),
        name: name.clone(),
        labels: labels(wanted),
    };
    Ok(Box::new(Skipper {
        context: Arc::clone(order.context),
        endpoint: configured(order.context.options.prometheus.as_ref(), "--prometheus-server")?,
        kind,
        namespace: wanted.namespace.clone(),
        name,
        backend: backend.to_owned(),
        // Without it the HPA controller divides nothing.
        target: (!average).then(|| Target::of(wanted, order.context)),
        series,
        interval: order.interval,
    }))
}

impl Collector for Skipper {
    fn question(&self) -> String {
        format!(
            "{METRIC} {} {}/{} {}",
            self.kind.name(),
            self.namespace,
            self.name,
            self.backend
        )
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        self.run().boxed()
    }
}

impl Skipper {
    async fn run(&self) -> Result<Collected, CollectError> {
        let routes = self.routes().await?;
        let query = query(&routes, &self.backend).map_err(|why| {
            CollectError::new(format!(
                "{} {}/{}: {why}",
                self.kind.name(),
                self.namespace,
                self.name
            ))
        })?;
        let answered = prometheus::answered(&self.context, &self.endpoint, &query, self.interval).await?;
        let value = match &self.target {
            None => answered.value.clone(),
            Some(target) => {
                let replicas = target.replicas().await?;
                let average = answered.value.milli_value() as f64 / replicas as f64;
                Quantity::from_milli(average as i64, Format::DecimalSI)
            }
        };
        let doubts: Vec<String> = answered.missing.iter().cloned().collect();
        Ok(single::collected(&self.series, value, answered.at, &doubts))
    }

    /// Read once for all backends of the object.
    async fn routes(&self) -> Result<Arc<Routes>, CollectError> {
        let path = format!(
            "/apis/{}/v1/namespaces/{}/{}/{}",
            self.kind.group(),
            self.namespace,
            self.kind.plural(),
            self.name
        );
        let question = Question {
            server: "the API server".to_owned(),
            text: path.clone(),
            interval: self.interval,
        };
        let (context, kind) = (Arc::clone(&self.context), self.kind);
        let request = async move {
            let object = target::read(&context, &path).await?;
            Ok(match kind {
                Kind::Ingress => of_ingress(&object, &context.options.skipper_backends_annotations),
                Kind::RouteGroup => of_route_group(&object),
            })
        };
        self.context.share.ask(question, request).await
    }
}

fn of_ingress(object: &Value, annotations: &[String]) -> Routes {
    let rules = object["spec"]["rules"].as_array().into_iter().flatten();
    let of = &object["metadata"]["annotations"];
    let found: Vec<String> = annotations
        .iter()
        .filter_map(|name| Some(of[name.as_str()].as_str()?.to_owned()))
        .collect();
    Routes {
        hosts: rules
            .filter_map(|rule| Some(rule["host"].as_str()?.to_owned()))
            .collect(),
        weights: if found.is_empty() {
            Weights::Undivided
        } else {
            Weights::Annotations(found)
        },
    }
}

fn of_route_group(object: &Value) -> Routes {
    let hosts = object["spec"]["hosts"].as_array().into_iter().flatten();
    let backends = object["spec"]["defaultBackends"].as_array();
    let weights = match backends {
        Some(backends) if backends.len() > 1 => {
            let each = backends.iter().map(|backend| {
                let name = backend["backendName"].as_str().unwrap_or_default();
                (name.to_owned(), backend["weight"].as_f64().unwrap_or(0.0))
            });
            Weights::Backends(each.collect())
        }
        _ => Weights::Undivided,
    };
    Routes {
        hosts: hosts.filter_map(|host| Some(host.as_str()?.to_owned())).collect(),
        weights,
    }
}

/// kube-metrics-adapter's query, with its words for what is wrong.
fn query(routes: &Routes, backend: &str) -> Result<String, String> {
    let weight = weight(&routes.weights, backend)?;
    let hosts: Vec<String> = routes
        .hosts
        .iter()
        .filter(|host| !host.is_empty())
        .map(|host| quoted(&host.replace('.', "_")))
        .collect();
    if hosts.is_empty() {
        return Err("no hosts defined, unable to create collector".to_owned());
    }
    let hosts = hosts.join("|");
    Ok(format!(
        "scalar(sum(rate(skipper_serve_host_duration_seconds_count{{host=~\"{hosts}\"}}[1m])) * {weight:.4})"
    ))
}

fn weight(weights: &Weights, backend: &str) -> Result<f64, String> {
    let need_backend = || {
        if backend.is_empty() {
            let text =
                "backend name must be specified for requests-per-second when traffic switching is used";
            return Err(format!(
                "{text}; name it by the label backend of the metric's selector"
            ));
        }
        Ok(())
    };
    match weights {
        Weights::Undivided => Ok(1.0),
        Weights::Annotations(texts) => {
            let mut highest: f64 = 0.0;
            for text in texts {
                let map: Option<Map<String, Value>> = serde_json::from_str(text)
                    .map_err(|error| format!("the weights of backends {text:?} cannot be read: {error}"))?;
                let map = map.unwrap_or_default();
                if let Some((name, other)) = map.iter().find(|(_, weight)| !weight.is_number()) {
                    return Err(format!(
                        "the weight of backend {name} is {other}, which is no number"
                    ));
                }
                let percent = map.get(backend).and_then(Value::as_f64).unwrap_or(0.0);
                highest = highest.max(percent / 100.0);
            }
            need_backend()?;
            Ok(highest)
        }
        Weights::Backends(all) => {
            need_backend()?;
            let found = all.iter().find(|(name, _)| name == backend);
            Ok(found.map_or(0.0, |(_, percent)| percent / 100.0))
        }
    }
}

/// A text as a regular expression in a PromQL string: what Go's `regexp.QuoteMeta` gives, its backslashes doubled.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\\\"),
            '"' => quoted.push('\\'),
            '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => {
                quoted.push_str("\\\\");
            }
            _ => {}
        }
        quoted.push(c);
    }
    quoted
}
