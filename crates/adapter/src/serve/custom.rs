//! `custom.metrics.k8s.io`: values of objects (upstream `custom-metrics-apiserver`, `pkg/registry/custom_metrics`).

use capstan_kubeapi::negotiate::{Accept, Form};
use capstan_kubeapi::query::Query;
use capstan_kubeapi::{Quantity, Selector, Status, time};
use capstan_metrics::{Absence, GroupResource, Labels, Names, Reading, Refusal, Series};
use serde::Serialize;

use super::answer::{self, Empty, List};
use super::external::{refused, selector};
use super::path::Place;
use super::{Answer, Shared, table};

pub(super) const GROUP: &str = "custom.metrics.k8s.io";
pub(super) const VERSIONS: [&str; 2] = ["v1beta2", "v1beta1"];

/// `ObjectReference`, as far as metrics servers fill it in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Described<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    name: &'a str,
    api_version: String,
}

/// Labels of the metric as a selector that selects it; `null` without any.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MatchLabels<'a> {
    match_labels: &'a Labels,
}

/// `MetricValue` of `v1beta1`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct V1beta1<'a> {
    described_object: Described<'a>,
    metric_name: &'a str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<u64>,
    value: &'a Quantity,
    selector: Option<MatchLabels<'a>>,
}

#[derive(Debug, Serialize)]
struct Metric<'a> {
    name: &'a str,
    selector: Option<MatchLabels<'a>>,
}

/// `MetricValue` of `v1beta2`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct V1beta2<'a> {
    described_object: Described<'a>,
    metric: Metric<'a>,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_seconds: Option<u64>,
    value: &'a Quantity,
}

fn described(series: &Series) -> Described<'_> {
    let Series::Object {
        api_version,
        kind,
        namespace,
        name,
        ..
    } = series
    else {
        return Described {
            kind: "",
            namespace: "",
            name: "",
            api_version: String::new(),
        };
    };
    // Upstream prints group and version with a slash, also for the core group.
    let slash = if api_version.contains('/') { "" } else { "/" };
    Described {
        kind,
        namespace,
        name,
        api_version: format!("{slash}{api_version}"),
    }
}

fn match_labels(series: &Series) -> Option<MatchLabels<'_>> {
    let match_labels = series.labels();
    (!match_labels.is_empty()).then_some(MatchLabels { match_labels })
}

fn list<T: Serialize>(items: &[T], version: &str, accept: &Accept) -> Result<Answer, Status> {
    let list = List {
        kind: "MetricValueList",
        api_version: &format!("{GROUP}/{version}"),
        metadata: Empty {},
        items,
    };
    answer::object(&list, accept)
}

impl Shared {
    pub(super) async fn custom(
        &self,
        place: &Place<'_>,
        query: &str,
        accept: &Accept,
    ) -> Result<Answer, Status> {
        if place.name.is_empty() || place.longer {
            return Ok(answer::page_not_found());
        }
        let query = Query::parse(Some(query));
        let labels = selector(&query, "metricLabelSelector")?;
        let objects = selector(&query, "labelSelector")?;
        let found = if place.subresource.is_empty() {
            if place.namespace.is_empty() || place.resource != "metrics" {
                return Ok(answer::page_not_found());
            }
            self.of_namespace(&place.namespace, &place.name, &labels)?
        } else if place.name == "*" {
            self.of_several(place, &objects, &labels).await?
        } else {
            vec![self.of_one(place, &labels)?]
        };
        if let Form::Table(version) = accept.form() {
            return answer::object(&table::custom(&found, version, self.clock.now()), accept);
        }
        if place.version == "v1beta1" {
            let items: Vec<V1beta1<'_>> = found
                .iter()
                .map(|reading| V1beta1 {
                    described_object: described(&reading.series),
                    metric_name: reading.series.metric(),
                    timestamp: time::rfc3339(reading.sample.at),
                    window: reading.sample.window.map(|window| window.as_secs()),
                    value: &reading.sample.value,
                    selector: match_labels(&reading.series),
                })
                .collect();
            return list(&items, "v1beta1", accept);
        }
        let items: Vec<V1beta2<'_>> = found
            .iter()
            .map(|reading| V1beta2 {
                described_object: described(&reading.series),
                metric: Metric {
                    name: reading.series.metric(),
                    selector: match_labels(&reading.series),
                },
                timestamp: time::rfc3339(reading.sample.at),
                window_seconds: reading.sample.window.map(|window| window.as_secs()),
                value: &reading.sample.value,
            })
            .collect();
        list(&items, "v1beta2", accept)
    }

    /// A metric of a namespace itself: stored as an object without a namespace, or by whoever keeps everything below
    /// the HPA's.
    fn of_namespace(&self, namespace: &str, metric: &str, labels: &Selector) -> Result<Vec<Reading>, Status> {
        let resource = GroupResource::new("", "namespaces");
        let of = |inside: &str| {
            self.store
                .objects(&resource, inside, metric, Names::One(namespace), labels)
        };
        let found = of("").or_else(|refusal| other_place(refusal, of(namespace)));
        let mut found = found.map_err(|refusal| missing(&refusal, &resource, namespace, metric, ""))?;
        // The controller takes exactly one.
        found.truncate(1);
        Ok(found)
    }

    /// A metric of one object. A controller asks for all kinds as if they were in its namespace.
    fn of_one(&self, place: &Place<'_>, labels: &Selector) -> Result<Reading, Status> {
        let resource = parsed(&place.resource);
        let of = |inside: &str| {
            self.store.objects(
                &resource,
                inside,
                &place.subresource,
                Names::One(&place.name),
                labels,
            )
        };
        let mut found = of(&place.namespace);
        if !place.namespace.is_empty() {
            found = found.or_else(|refusal| other_place(refusal, of("")));
        }
        let found =
            found.map_err(|refusal| missing(&refusal, &resource, &place.name, &place.subresource, ""))?;
        // Several label sets of one object: the first in order, always the same one.
        found.into_iter().next().ok_or_else(|| {
            let message = format!(
                "the server could not find the metric {} for {resource} {}",
                place.subresource, place.name
            );
            answer::plain(404, "NotFound", message)
        })
    }

    /// A metric of all objects with some labels.
    async fn of_several(
        &self,
        place: &Place<'_>,
        objects: &Selector,
        labels: &Selector,
    ) -> Result<Vec<Reading>, Status> {
        let resource = parsed(&place.resource);
        let metric = &*place.subresource;
        let failed = |refusal: Refusal| missing(&refusal, &resource, "", metric, &objects.to_string());
        if objects.is_everything() {
            let found = self
                .store
                .objects(&resource, &place.namespace, metric, Names::All, labels);
            return found.map_err(failed);
        }
        let Some(api_version) = self.store.api_version(&resource, &place.namespace, metric) else {
            // Nobody has a value: the store says why.
            let found = self
                .store
                .objects(&resource, &place.namespace, metric, Names::All, labels);
            return found.map_err(|refusal| missing(&refusal, &resource, "", metric, ""));
        };
        let names = self
            .names
            .selected(&api_version, &place.namespace, &resource, objects)
            .await?;
        self.store
            .objects(&resource, &place.namespace, metric, Names::Among(&names), labels)
            .map_err(failed)
    }
}

/// The other place's values; the first refusal, if it knows more.
fn other_place(refusal: Refusal, other: Result<Vec<Reading>, Refusal>) -> Result<Vec<Reading>, Refusal> {
    match other {
        Ok(found) => Ok(found),
        Err(other) if refusal.absence == Absence::Unknown => Err(other),
        Err(_) => Err(refusal),
    }
}

/// `ingresses.networking.k8s.io`.
fn parsed(text: &str) -> GroupResource {
    match text.split_once('.') {
        Some((resource, group)) => GroupResource::new(group, resource),
        None => GroupResource::new("", text),
    }
}

/// Upstream's words for what is not there (`pkg/provider/errors.go`), ours for what is too old.
fn missing(refusal: &Refusal, resource: &GroupResource, name: &str, metric: &str, selector: &str) -> Status {
    if refusal.absence == Absence::Unavailable {
        return refused(refusal);
    }
    let mut message = format!("the server could not find the metric {metric} for {resource}");
    if !name.is_empty() {
        message = format!("{message} {name}");
    } else if !selector.is_empty() {
        message = format!("{message} * with selector {selector}");
    }
    answer::plain(404, "NotFound", message)
}
