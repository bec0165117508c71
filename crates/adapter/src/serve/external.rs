//! `external.metrics.k8s.io`: values of nothing in the cluster.

use capstan_kubeapi::negotiate::{Accept, Form};
use capstan_kubeapi::query::Query;
use capstan_kubeapi::{Quantity, Selector, Status, time};
use capstan_metrics::{Absence, Labels, Reading, Refusal};
use serde::Serialize;

use super::answer::{self, Empty, List};
use super::path::Place;
use super::{Answer, Shared, table};

pub(super) const GROUP: &str = "external.metrics.k8s.io";
pub(super) const VERSIONS: [&str; 1] = ["v1beta1"];

/// `ExternalMetricValue`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalValue<'a> {
    metric_name: &'a str,
    metric_labels: &'a Labels,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<u64>,
    value: &'a Quantity,
}

impl<'a> ExternalValue<'a> {
    fn of(reading: &'a Reading) -> Self {
        Self {
            metric_name: reading.series.metric(),
            metric_labels: reading.series.labels(),
            timestamp: time::rfc3339(reading.sample.at),
            window: reading.sample.window.map(|window| window.as_secs()),
            value: &reading.sample.value,
        }
    }
}

impl Shared {
    pub(super) fn external(&self, place: &Place<'_>, query: &str, accept: &Accept) -> Result<Answer, Status> {
        if place.namespace.is_empty() || !place.name.is_empty() || place.longer {
            return Ok(answer::page_not_found());
        }
        let query = Query::parse(Some(query));
        let selector = selector(&query, "labelSelector")?;
        let found = self
            .store
            .external(&place.namespace, &place.resource, &selector)
            .map_err(|refusal| refused(&refusal))?;
        if let Form::Table(version) = accept.form() {
            return answer::object(&table::external(&found, version, self.clock.now()), accept);
        }
        let items: Vec<ExternalValue<'_>> = found.iter().map(ExternalValue::of).collect();
        let list = List {
            kind: "ExternalMetricValueList",
            api_version: "external.metrics.k8s.io/v1beta1",
            metadata: Empty {},
            items: &items,
        };
        answer::object(&list, accept)
    }
}

/// A selector of the query; without one, everything is selected.
pub(super) fn selector(query: &Query, parameter: &str) -> Result<Selector, Status> {
    match query.get(parameter) {
        Some(text) => Selector::parse(text).map_err(Status::bad_request),
        None => Ok(Selector::everything()),
    }
}

/// No value is an error, and never an empty list or a zero: whoever scales on it keeps what there is.
pub(super) fn refused(refusal: &Refusal) -> Status {
    match refusal.absence {
        Absence::Unknown => answer::plain(404, "NotFound", refusal.message.clone()),
        Absence::Unavailable => Status::unavailable(refusal.message.clone()),
    }
}
