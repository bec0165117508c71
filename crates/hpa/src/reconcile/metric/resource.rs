//! CPU and memory of pods (upstream: `computeStatusForResourceMetricGeneric`).

use super::{Failure, Proposal, build_quantity, newest, proposal};
use crate::autoscaling::{
    ContainerResourceMetricStatus, MetricSpec, MetricStatus, MetricValueStatus, ResourceMetricStatus, source,
};
use crate::metrics::MetricQuery;
use crate::reconcile::{Found, Syncing};
use crate::replica_calculator::{plain, utilization};

impl Syncing {
    pub(super) async fn resource(&self, spec: &MetricSpec, found: &Found) -> Result<Proposal, Failure> {
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
                status.resource = Some(Box::new(ResourceMetricStatus {
                    name: name.clone(),
                    current,
                }));
            }
            Some(container) => {
                status.container_resource = Some(Box::new(ContainerResourceMetricStatus {
                    name: name.clone(),
                    current,
                    container: container.to_owned(),
                }));
            }
        }
        Ok(proposal(calculation, status, measured))
    }
}

/// An object whose type says one thing and whose fields another; validation refuses it.
fn no_source(spec: &MetricSpec) -> Failure {
    let text = format!("metric source of type {} is missing", spec.type_);
    Failure::new("InvalidMetricSourceType", text, str::to_owned)
}
