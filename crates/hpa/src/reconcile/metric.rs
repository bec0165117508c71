//! One metric: asking for it, and what it asks for (upstream: `computeReplicasForMetric`).

mod custom;
mod external;
mod resource;

use capstan_gocompat::strconv;
use capstan_kubeapi::{Format, Quantity};

use super::{Answer, ErrorKind, EventType, Found, Request, Syncing};
use crate::api_error::ApiError;
use crate::autoscaling::{
    LabelSelector, MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus, ScalingRules,
    source, target,
};
use crate::metrics::{MetricData, MetricQuery};
use crate::replica_calculator::{Calculation, Samples, Situation, Tolerances};

/// A metric that has an answer.
pub(super) struct Proposal {
    pub(super) calculation: Calculation,
    /// The metric's name in texts.
    pub(super) label: String,
    pub(super) status: MetricStatus,
    /// When the values were measured, the newest.
    pub(super) measured: Option<jiff::Timestamp>,
}

/// A metric that has none.
pub(super) struct Failure {
    /// Reason of the condition and the event.
    pub(super) reason: &'static str,
    /// Text of the event, and of the condition after a preamble.
    pub(super) inner: String,
    /// Text in the error of the whole sync.
    pub(super) wrapped: String,
    pub(super) kind: ErrorKind,
}

impl Failure {
    fn new(reason: &'static str, inner: impl ToString, wrap: impl FnOnce(&str) -> String) -> Self {
        let inner = inner.to_string();
        Self {
            reason,
            wrapped: wrap(&inner),
            inner,
            kind: ErrorKind::Internal,
        }
    }
}

/// A resource's quantity as the status has it (`buildQuantity`): bytes of memory in binary units.
pub fn build_quantity(resource: &str, milli: i64) -> Quantity {
    let format = if resource == "memory" {
        Format::BinarySI
    } else {
        Format::DecimalSI
    };
    Quantity::from_milli(milli, format)
}

fn value(milli: i64) -> MetricValueStatus {
    MetricValueStatus {
        value: Some(Quantity::from_milli(milli, Format::DecimalSI)),
        ..MetricValueStatus::default()
    }
}

fn average_value(milli: i64) -> MetricValueStatus {
    MetricValueStatus {
        average_value: Some(Quantity::from_milli(milli, Format::DecimalSI)),
        ..MetricValueStatus::default()
    }
}

/// Query text of a metric's selector; none selects nothing, which is sent as no parameter.
fn selector_text(selector: Option<&LabelSelector>) -> Result<String, String> {
    selector.map_or(Ok(String::new()), |selector| Ok(selector.selector()?.to_string()))
}

/// The metric's name in texts.
pub(super) fn label(spec: &MetricSpec) -> String {
    let with_selector = |metric: &MetricIdentifier| {
        format!(
            "external metric {}({})",
            metric.name,
            LabelSelector::go_format(metric.selector.as_ref())
        )
    };
    let resource = |name: &str, target: &MetricTarget, what: &str| {
        if target.average_value.is_some() {
            format!("{name} resource")
        } else {
            format!("{name} {what} utilization (percentage of request)")
        }
    };
    let label = match spec.type_.as_str() {
        source::RESOURCE => spec
            .resource
            .as_ref()
            .map(|source| resource(&source.name, &source.target, "resource")),
        source::CONTAINER_RESOURCE => spec
            .container_resource
            .as_ref()
            .map(|source| resource(&source.name, &source.target, "container resource")),
        source::PODS => spec
            .pods
            .as_ref()
            .map(|source| format!("pods metric {}", source.metric.name)),
        source::OBJECT => spec.object.as_ref().map(|source| {
            if source.target.type_ == target::AVERAGE_VALUE {
                with_selector(&source.metric)
            } else {
                format!("{} metric {}", source.described_object.kind, source.metric.name)
            }
        }),
        source::EXTERNAL => spec.external.as_ref().map(|source| with_selector(&source.metric)),
        _ => None,
    };
    label.unwrap_or_else(|| spec.type_.clone())
}

impl Syncing {
    /// The HPA's own tolerance per direction, else the controller's.
    pub(super) fn tolerances(&self) -> Tolerances {
        let common = self.options.tolerance;
        let behavior = self
            .hpa
            .spec
            .behavior
            .as_ref()
            .filter(|_| self.options.gates.configurable_tolerance);
        let of = |rules: Option<&ScalingRules>| {
            rules
                .and_then(|rules| rules.tolerance.as_ref())
                .map_or(common, Quantity::approximate)
        };
        Tolerances {
            scale_down: of(behavior.and_then(|behavior| behavior.scale_down.as_ref())),
            scale_up: of(behavior.and_then(|behavior| behavior.scale_up.as_ref())),
        }
    }

    fn situation<'a>(&self, found: &'a Found) -> Situation<'a> {
        Situation {
            pods: &found.pods,
            now: self.now(),
            tolerances: self.tolerances(),
            cpu_initialization_period: self.options.cpu_initialization_period,
            initial_readiness_delay: self.options.initial_readiness_delay,
        }
    }

    /// Evaluates one metric; a failure has sent its event.
    pub(super) async fn metric(&self, spec: &MetricSpec, found: &Found) -> Result<Proposal, Failure> {
        let result = self.evaluate(spec, found).await;
        if let Err(failure) = &result {
            self.event(EventType::Warning, failure.reason, &failure.inner)
                .await;
        }
        result
    }

    async fn evaluate(&self, spec: &MetricSpec, found: &Found) -> Result<Proposal, Failure> {
        match spec.type_.as_str() {
            source::RESOURCE | source::CONTAINER_RESOURCE => self.resource(spec, found).await,
            source::PODS => self.pods(spec.pods.as_deref(), found).await,
            source::OBJECT => self.object(spec.object.as_deref(), found).await,
            source::EXTERNAL => self.external(spec.external.as_deref(), found).await,
            other => {
                let text = format!("unknown metric source type {}", strconv::quote(other));
                Err(Failure {
                    kind: ErrorKind::Spec,
                    ..Failure::new("InvalidMetricSourceType", text, str::to_owned)
                })
            }
        }
        .map(|proposal| Proposal {
            label: label(spec),
            ..proposal
        })
    }

    async fn custom_version(&self) -> Result<String, String> {
        let unable = |error: ApiError| format!("unable to fetch metrics from custom metrics API: {error}");
        match self.port.ask(Request::CustomMetricsVersion).await {
            Answer::Version(version) => Ok(version),
            Answer::Failed(error) => Err(unable(error)),
            other => Err(unable(other.misplaced())),
        }
    }

    async fn samples(&self, query: MetricQuery) -> Result<Samples, String> {
        match self.ask_metric(query).await? {
            MetricData::Pods { samples, .. } => Ok(samples),
            data @ MetricData::Values(_) => Err(format!("the answer does not fit the request: {data:?}")),
        }
    }

    async fn values(&self, query: MetricQuery) -> Result<(Vec<i64>, Option<jiff::Timestamp>), String> {
        match self.ask_metric(query).await? {
            MetricData::Values(values) => Ok((
                values.iter().map(|value| value.value).collect(),
                values.iter().map(|value| value.timestamp).max(),
            )),
            data @ MetricData::Pods { .. } => Err(format!("the answer does not fit the request: {data:?}")),
        }
    }

    async fn ask_metric(&self, query: MetricQuery) -> Result<MetricData, String> {
        let answer = self.port.ask(Request::GetMetric(query.clone())).await;
        let read = query.read(answer.into());
        if let Ok(data) = &read {
            self.port.shorten(|| Answer::Data(data.clone()));
        }
        read
    }
}

fn newest(samples: &Samples) -> Option<jiff::Timestamp> {
    samples.values().map(|sample| sample.timestamp).max()
}

fn proposal(calculation: Calculation, status: MetricStatus, measured: Option<jiff::Timestamp>) -> Proposal {
    Proposal {
        calculation,
        label: String::new(),
        status,
        measured,
    }
}
