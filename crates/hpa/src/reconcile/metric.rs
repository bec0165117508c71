//! One metric: asking for it, and what it asks for (upstream: `computeReplicasForMetric`).

use capstan_gocompat::strconv;
use capstan_kubeapi::{Format, Quantity};

use super::target::parse_group_version;
use super::{Answer, ErrorKind, EventType, Found, Request, Syncing};
use crate::api_error::ApiError;
use crate::autoscaling::{
    ContainerResourceMetricStatus, CrossVersionObjectReference, ExternalMetricSource, ExternalMetricStatus,
    LabelSelector, MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus,
    ObjectMetricSource, ObjectMetricStatus, PodsMetricSource, PodsMetricStatus, ResourceMetricStatus,
    ScalingRules, source, target,
};
use crate::metrics::{MetricData, MetricQuery};
use crate::replica_calculator::{
    Calculation, Samples, Situation, Tolerances, external_per_pod, external_sum, external_sum_per_pod,
    object_per_pod, plain, total, utilization,
};

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
            source::PODS => self.pods(spec.pods.as_ref(), found).await,
            source::OBJECT => self.object(spec.object.as_ref(), found).await,
            source::EXTERNAL => self.external(spec.external.as_ref(), found).await,
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

    async fn resource(&self, spec: &MetricSpec, found: &Found) -> Result<Proposal, Failure> {
        let (name, target, container) = match (&spec.resource, &spec.container_resource) {
            (Some(source), _) if spec.type_ == source::RESOURCE => (&source.name, &source.target, None),
            (_, Some(source)) if spec.type_ == source::CONTAINER_RESOURCE => {
                (&source.name, &source.target, Some(source.container.as_str()))
            }
            _ => return Err(no_source(spec)),
        };
        let (reason, wrapping) = match container {
            None => (
                "FailedGetResourceMetric",
                format!("failed to get {name} resource metric value: "),
            ),
            Some(container) => (
                "FailedGetContainerResourceMetric",
                format!("failed to get {container} container metric value: "),
            ),
        };
        let fail = |inner: String| Failure::new(reason, inner, |inner| format!("{wrapping}{inner}"));
        let container_name = container.unwrap_or("");
        let what = if target.average_value.is_some() {
            "usage"
        } else if target.average_utilization.is_some() {
            "utilization"
        } else {
            return Err(fail(
                "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
                    .to_owned(),
            ));
        };
        let query = MetricQuery::Resource {
            namespace: self.hpa.namespace().to_owned(),
            selector: found.selector.clone(),
            resource: name.clone(),
            container: container_name.to_owned(),
        };
        let samples = self.samples(query).await.map_err(|error| {
            fail(format!(
                "failed to get {name} {what}: unable to get metrics for resource {name}: {error}"
            ))
        })?;
        let measured = newest(&samples);
        let situation = self.situation(found);
        let calculation = match (&target.average_value, target.average_utilization) {
            (Some(average), _) => plain(&situation, found.current, average.milli_value(), name, samples),
            (None, percent) => utilization(
                &situation,
                found.current,
                percent.unwrap_or(0),
                name,
                container_name,
                self.options.gates.pod_level_resources,
                samples,
            ),
        }
        .map_err(|error| fail(format!("failed to get {name} {what}: {error}")))?;
        let current = MetricValueStatus {
            value: None,
            average_value: Some(build_quantity(name, calculation.usage)),
            average_utilization: calculation.utilization,
        };
        let mut status = MetricStatus {
            type_: spec.type_.clone(),
            ..MetricStatus::default()
        };
        match container {
            None => {
                status.resource = Some(ResourceMetricStatus {
                    name: name.clone(),
                    current,
                });
            }
            Some(container) => {
                status.container_resource = Some(ContainerResourceMetricStatus {
                    name: name.clone(),
                    current,
                    container: container.to_owned(),
                });
            }
        }
        Ok(proposal(calculation, status, measured))
    }

    async fn pods(&self, spec: Option<&PodsMetricSource>, found: &Found) -> Result<Proposal, Failure> {
        let fail = |inner: String| {
            Failure::new("FailedGetPodsMetric", inner, |inner| {
                format!("failed to get pods metric value: {inner}")
            })
        };
        let Some((spec, target)) = spec.and_then(|spec| Some((spec, spec.target.average_value.as_ref()?)))
        else {
            return Err(fail(
                "invalid pods metric source: no average value target was set".to_owned(),
            ));
        };
        let name = &spec.metric.name;
        let metric_selector = selector_text(spec.metric.selector.as_ref()).map_err(&fail)?;
        let unable = |error: &dyn std::fmt::Display| fail(format!("unable to get metric {name}: {error}"));
        let version = self.custom_version().await.map_err(|error| unable(&error))?;
        let query = MetricQuery::Pods {
            version,
            namespace: self.hpa.namespace().to_owned(),
            selector: found.selector.clone(),
            metric: name.clone(),
            metric_selector,
        };
        let samples = self.samples(query).await.map_err(|error| unable(&error))?;
        let measured = newest(&samples);
        let calculation = plain(
            &self.situation(found),
            found.current,
            target.milli_value(),
            "",
            samples,
        )
        .map_err(|error| fail(error.to_string()))?;
        let status = MetricStatus {
            type_: source::PODS.to_owned(),
            pods: Some(PodsMetricStatus {
                metric: spec.metric.clone(),
                current: average_value(calculation.usage),
            }),
            ..MetricStatus::default()
        };
        Ok(proposal(calculation, status, measured))
    }

    async fn object(&self, spec: Option<&ObjectMetricSource>, found: &Found) -> Result<Proposal, Failure> {
        let fail = |inner: String| {
            Failure::new("FailedGetObjectMetric", inner, |inner| {
                format!("failed to get object metric value: {inner}")
            })
        };
        let nothing =
            "invalid object metric source: neither a value target nor an average value target was set";
        let Some(spec) = spec else {
            return Err(fail(nothing.to_owned()));
        };
        let name = &spec.metric.name;
        let metric_selector = selector_text(spec.metric.selector.as_ref()).map_err(&fail)?;
        let fail_average = |inner: String| {
            Failure::new("FailedGetObjectMetric", inner, |inner| {
                format!("failed to get object metric value: failed to get {name} object metric: {inner}")
            })
        };
        let described = &spec.described_object;
        // The arguments are swapped upstream too.
        let unable = |error: String| {
            format!(
                "unable to get metric {name}: {} on {} {}/{error}",
                described.kind,
                self.hpa.namespace(),
                described.name
            )
        };
        let (calculation, current, measured) = match (spec.target.type_.as_str(), &spec.target) {
            (
                target::VALUE,
                MetricTarget {
                    value: Some(target), ..
                },
            ) => {
                let (usage, measured) = self
                    .object_value(described, name, metric_selector)
                    .await
                    .map_err(|error| fail(unable(error)))?;
                let calculation = total(&self.situation(found), found.current, usage, target.milli_value())
                    .map_err(|error| fail(error.to_string()))?;
                let current = value(calculation.usage);
                (calculation, current, measured)
            }
            (
                target::AVERAGE_VALUE,
                MetricTarget {
                    average_value: Some(target),
                    ..
                },
            ) => {
                let (usage, measured) = self
                    .object_value(described, name, metric_selector)
                    .await
                    .map_err(|error| fail_average(unable(error)))?;
                let calculation = object_per_pod(
                    self.tolerances(),
                    found.status_replicas,
                    usage,
                    target.milli_value(),
                );
                let current = average_value(calculation.usage);
                (calculation, current, measured)
            }
            _ => return Err(fail(nothing.to_owned())),
        };
        let status = MetricStatus {
            type_: source::OBJECT.to_owned(),
            object: Some(ObjectMetricStatus {
                metric: spec.metric.clone(),
                current,
                described_object: described.clone(),
            }),
            ..MetricStatus::default()
        };
        Ok(proposal(calculation, status, Some(measured)))
    }

    async fn external(
        &self,
        spec: Option<&ExternalMetricSource>,
        found: &Found,
    ) -> Result<Proposal, Failure> {
        let Some(spec) = spec else {
            return Err(Failure::new(
                "FailedGetExternalMetric",
                NO_EXTERNAL_TARGET,
                str::to_owned,
            ));
        };
        let name = &spec.metric.name;
        let fail_as = |what: &str, inner: String| {
            Failure::new("FailedGetExternalMetric", inner, |inner| {
                format!("failed to get {name} external metric value: {what}{inner}")
            })
        };
        let what = match &spec.target {
            MetricTarget {
                average_value: Some(_),
                ..
            } => format!("failed to get {name} external metric: "),
            MetricTarget { value: Some(_), .. } => format!("failed to get external metric {name}: "),
            _ => return Err(fail_as("", NO_EXTERNAL_TARGET.to_owned())),
        };
        let fail = |inner: String| fail_as(&what, inner);
        let metric_selector = selector_text(spec.metric.selector.as_ref()).map_err(&fail)?;
        let query = MetricQuery::External {
            namespace: self.hpa.namespace().to_owned(),
            metric: name.clone(),
            metric_selector,
        };
        let (values, measured) = self.values(query).await.map_err(|error| {
            fail(format!(
                "unable to get external metric {}/{name}/{}: {error}",
                self.hpa.namespace(),
                LabelSelector::go_format(spec.metric.selector.as_ref())
            ))
        })?;
        let (calculation, current) = match (&spec.target.average_value, &spec.target.value) {
            (Some(target), _) => {
                let usage = external_sum_per_pod(&values);
                let calculation = external_per_pod(
                    self.tolerances(),
                    found.status_replicas,
                    usage,
                    target.milli_value(),
                );
                let current = average_value(calculation.usage);
                (calculation, current)
            }
            (None, target) => {
                let target = target.as_ref().map_or(0, Quantity::milli_value);
                let usage = external_sum(&values);
                let calculation = total(&self.situation(found), found.current, usage, target)
                    .map_err(|error| fail(error.to_string()))?;
                let current = value(calculation.usage);
                (calculation, current)
            }
        };
        let status = MetricStatus {
            type_: source::EXTERNAL.to_owned(),
            external: Some(ExternalMetricStatus {
                metric: spec.metric.clone(),
                current,
            }),
            ..MetricStatus::default()
        };
        Ok(proposal(calculation, status, measured))
    }

    async fn custom_version(&self) -> Result<String, String> {
        let unable = |error: ApiError| format!("unable to fetch metrics from custom metrics API: {error}");
        match self.port.ask(Request::CustomMetricsVersion).await {
            Answer::Version(version) => Ok(version),
            Answer::Failed(error) => Err(unable(error)),
            other => Err(unable(other.misplaced())),
        }
    }

    /// A metric of one object; a Namespace is always the HPA's own.
    async fn object_value(
        &self,
        object: &CrossVersionObjectReference,
        metric: &str,
        metric_selector: String,
    ) -> Result<(i64, jiff::Timestamp), String> {
        let version = self.custom_version().await?;
        let group = parse_group_version(&object.api_version).map_or("", |(group, _)| group);
        let resource = if object.kind == "Namespace" && group.is_empty() {
            String::new()
        } else {
            let request = Request::MapKind {
                group: group.to_owned(),
                kind: object.kind.clone(),
            };
            let error = match self.port.ask(request).await {
                Answer::Mappings(mappings) => match mappings.first() {
                    Some(mapping) => Ok(mapping.qualified()),
                    None => Err(ApiError::text(format!(
                        "no matches for kind \"{}\" in group \"{group}\"",
                        object.kind
                    ))),
                },
                Answer::Failed(error) => Err(error),
                other => Err(other.misplaced()),
            };
            error.map_err(|error| {
                let dot = if group.is_empty() { "" } else { "." };
                format!(
                    "unable to fetch metrics from custom metrics API: unable to map kind {}{dot}{group} to resource: {error}",
                    object.kind
                )
            })?
        };
        let query = MetricQuery::Object {
            version,
            namespace: self.hpa.namespace().to_owned(),
            resource,
            name: object.name.clone(),
            metric: metric.to_owned(),
            metric_selector,
        };
        match self.ask_metric(query).await? {
            MetricData::Values(values) if values.len() == 1 => Ok((values[0].value, values[0].timestamp)),
            data => Err(format!("the answer does not fit the request: {data:?}")),
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

const NO_EXTERNAL_TARGET: &str =
    "invalid external metric source: neither a value target nor an average value target was set";

/// An object whose type says one thing and whose fields another; validation refuses it.
fn no_source(spec: &MetricSpec) -> Failure {
    let text = format!("metric source of type {} is missing", spec.type_);
    Failure::new("InvalidMetricSourceType", text, str::to_owned)
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
