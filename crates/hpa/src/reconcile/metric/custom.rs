//! Custom metrics, of pods and of one object (upstream: `computeStatusForPodsMetric`, `…ObjectMetric`).

use super::{Failure, Proposal, average_value, newest, proposal, selector_text, value};
use crate::api_error::ApiError;
use crate::autoscaling::{
    CrossVersionObjectReference, MetricStatus, MetricTarget, ObjectMetricSource, ObjectMetricStatus,
    PodsMetricSource, PodsMetricStatus, source, target,
};
use crate::metrics::{MetricData, MetricQuery};
use crate::reconcile::target::parse_group_version;
use crate::reconcile::{Answer, Found, Request, Syncing};
use crate::replica_calculator::{object_per_pod, plain, total};

impl Syncing {
    pub(super) async fn pods(
        &self,
        spec: Option<&PodsMetricSource>,
        found: &Found,
    ) -> Result<Proposal, Failure> {
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
            pods: Some(Box::new(PodsMetricStatus {
                metric: spec.metric.clone(),
                current: average_value(calculation.usage),
            })),
            ..MetricStatus::default()
        };
        Ok(proposal(calculation, status, measured))
    }

    pub(super) async fn object(
        &self,
        spec: Option<&ObjectMetricSource>,
        found: &Found,
    ) -> Result<Proposal, Failure> {
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
            object: Some(Box::new(ObjectMetricStatus {
                metric: spec.metric.clone(),
                current,
                described_object: described.clone(),
            })),
            ..MetricStatus::default()
        };
        Ok(proposal(calculation, status, Some(measured)))
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
}
