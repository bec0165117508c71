//! The metrics APIs as the controller asks them (upstream: `metrics/client.go`, `k8s.io/metrics`).

mod decode;

use std::fmt::Write;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api_error::ApiError;
use crate::go;
use crate::replica_calculator::Samples;

/// What is wanted of a metrics API. Selectors are query text, empty for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "api")]
pub enum MetricQuery {
    /// CPU or memory of pods, or of one container of them.
    Resource {
        /// Namespace of the pods.
        namespace: String,
        /// Which pods.
        selector: String,
        /// `cpu`, `memory`, …
        resource: String,
        /// Empty for all containers.
        container: String,
    },
    /// A custom metric of pods.
    Pods {
        /// Version of `custom.metrics.k8s.io`.
        version: String,
        /// Namespace of the pods.
        namespace: String,
        /// Which pods.
        selector: String,
        /// Name of the metric.
        metric: String,
        /// Which series.
        metric_selector: String,
    },
    /// A custom metric of one object.
    Object {
        /// Version of `custom.metrics.k8s.io`.
        version: String,
        /// Namespace of the object.
        namespace: String,
        /// `ingresses.networking.k8s.io`; empty for the namespace itself.
        resource: String,
        /// Name of the object.
        name: String,
        /// Name of the metric.
        metric: String,
        /// Which series.
        metric_selector: String,
    },
    /// A metric of something outside the cluster.
    External {
        /// Namespace of the HPA.
        namespace: String,
        /// Name of the metric.
        metric: String,
        /// Which series.
        metric_selector: String,
    },
}

impl MetricQuery {
    /// The path to GET, with its query.
    pub fn path(&self) -> String {
        let segment = |text: &str| go::escape_path(text);
        let (path, parameters): (String, [(&str, &str); 2]) = match self {
            Self::Resource {
                namespace, selector, ..
            } => (
                format!(
                    "/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods",
                    segment(namespace)
                ),
                [("labelSelector", selector), ("", "")],
            ),
            Self::Pods {
                version,
                namespace,
                selector,
                metric,
                metric_selector,
            } => (
                format!(
                    "/apis/custom.metrics.k8s.io/{version}/namespaces/{}/pods/{}/{}",
                    segment(namespace),
                    segment("*"),
                    segment(metric)
                ),
                [
                    ("labelSelector", selector),
                    ("metricLabelSelector", metric_selector),
                ],
            ),
            Self::Object {
                version,
                namespace,
                resource,
                name,
                metric,
                metric_selector,
            } => {
                let object = if resource.is_empty() {
                    "metrics".to_owned()
                } else {
                    format!("{}/{}", segment(resource), segment(name))
                };
                (
                    format!(
                        "/apis/custom.metrics.k8s.io/{version}/namespaces/{}/{object}/{}",
                        segment(namespace),
                        segment(metric)
                    ),
                    [("metricLabelSelector", metric_selector), ("", "")],
                )
            }
            Self::External {
                namespace,
                metric,
                metric_selector,
            } => (
                format!(
                    "/apis/external.metrics.k8s.io/v1beta1/namespaces/{}/{}",
                    segment(namespace),
                    segment(metric)
                ),
                [("labelSelector", metric_selector), ("", "")],
            ),
        };
        let mut path = path;
        let mut separator = '?';
        for (name, value) in parameters {
            if !value.is_empty() {
                let _ = write!(path, "{separator}{name}={}", go::escape_query(value));
                separator = '&';
            }
        }
        path
    }

    /// What client-go names in errors of its own.
    fn subject(&self) -> String {
        match self {
            Self::Resource { .. } => "pods.metrics.k8s.io".to_owned(),
            Self::Pods { .. } => "pods.custom.metrics.k8s.io *".to_owned(),
            Self::Object { resource, metric, .. } if resource.is_empty() => {
                format!("metrics.custom.metrics.k8s.io {metric}")
            }
            Self::Object { resource, name, .. } => format!("{resource}.custom.metrics.k8s.io {name}"),
            Self::External { metric, .. } => format!("{metric}.external.metrics.k8s.io"),
        }
    }

    /// The API's name in upstream's texts.
    fn api(&self) -> &'static str {
        match self {
            Self::Resource { .. } => "resource",
            Self::Pods { .. } | Self::Object { .. } => "custom",
            Self::External { .. } => "external",
        }
    }

    /// What an answer says, or upstream's text for why it says nothing.
    pub fn read(&self, answer: MetricAnswer) -> Result<MetricData, String> {
        let unable = |error: &dyn std::fmt::Display| {
            format!("unable to fetch metrics from {} metrics API: {error}", self.api())
        };
        let data = match answer {
            MetricAnswer::Failed(error) => return Err(unable(&error)),
            MetricAnswer::Http { code, body } if !(200..300).contains(&code) => {
                return Err(unable(&ApiError::of_response(
                    code,
                    &body,
                    "get",
                    &self.subject(),
                )));
            }
            MetricAnswer::Http { body, .. } => {
                let body = serde_json::from_str(&body).map_err(|error| unable(&error))?;
                decode::data(self, &body).map_err(|error| unable(&error))?
            }
            MetricAnswer::Body(body) => decode::data(self, &body).map_err(|error| unable(&error))?,
            MetricAnswer::Data(data) => data,
        };
        match &data {
            MetricData::Values(values) if matches!(self, Self::Object { .. }) => {
                if values.len() != 1 {
                    return Err(unable(&format!(
                        "the custom metrics API server returned {} results when we asked for exactly one",
                        values.len()
                    )));
                }
            }
            MetricData::Values(values) if values.is_empty() => {
                return Err(format!("no metrics returned from {} metrics API", self.api()));
            }
            MetricData::Pods { items: 0, .. } => {
                return Err(format!("no metrics returned from {} metrics API", self.api()));
            }
            MetricData::Pods { .. } | MetricData::Values(_) => {}
        }
        Ok(data)
    }
}

/// The answer to a [`MetricQuery`], in whatever form its source has it.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricAnswer {
    /// As it came over HTTP.
    Http {
        /// HTTP status.
        code: u16,
        /// The body as it is.
        body: String,
    },
    /// The body of a successful answer.
    Body(Value),
    /// Read already, by a source in the process.
    Data(MetricData),
    /// No answer, or an error that was read already.
    Failed(ApiError),
}

/// What a metrics API says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MetricData {
    /// Of `Resource` and `Pods`.
    Pods {
        /// How many items came back, with or without the wanted value.
        items: usize,
        /// Values by pod.
        samples: Samples,
    },
    /// Of `External`, and one of `Object`.
    Values(Vec<Measured>),
}

/// A value that belongs to no pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Thousandths.
    pub value: i64,
    /// When it was measured; Go's zero time when nobody said.
    pub timestamp: Timestamp,
}
