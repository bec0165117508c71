//! Metrics of something outside the cluster (upstream: `computeStatusForExternalMetric`).

use capstan_kubeapi::Quantity;

use super::{Failure, Proposal, average_value, proposal, selector_text, value};
use crate::autoscaling::{
    ExternalMetricSource, ExternalMetricStatus, LabelSelector, MetricStatus, MetricTarget, source,
};
use crate::metrics::MetricQuery;
use crate::reconcile::{Found, Syncing};
use crate::replica_calculator::{external_per_pod, external_sum, external_sum_per_pod, total};

const NO_EXTERNAL_TARGET: &str =
    "invalid external metric source: neither a value target nor an average value target was set";

impl Syncing {
    pub(super) async fn external(
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
            external: Some(Box::new(ExternalMetricStatus {
                metric: spec.metric.clone(),
                current,
            })),
            ..MetricStatus::default()
        };
        Ok(proposal(calculation, status, measured))
    }
}
