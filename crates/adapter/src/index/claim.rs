//! Which series a metric asks for, and in which way it is collected.

use capstan_collectors::{MetricConfig, Wanted};
use capstan_hpa::autoscaling::{CrossVersionObjectReference, MetricSpec, MetricTarget};

/// A series, as readers name it. Labels of the selector tell series apart that share a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    namespace: String,
    /// `External`, or the kind of the object; for Pods also which object owns them.
    of: String,
    metric: String,
    labels: Vec<(String, String)>,
}

impl Claim {
    /// The series that a metric asks for.
    pub fn of(wanted: &Wanted) -> Self {
        let metric = &wanted.metric;
        let of = match (&metric.object, &metric.pods) {
            (Some(object), _) if metric.type_ == "Object" => {
                let described = &object.described_object;
                format!("{}/{}", described.kind, described.name)
            }
            // Pods of different targets are different series.
            (_, Some(_)) if metric.type_ == "Pods" => {
                format!("Pods of {}/{}", wanted.target.kind, wanted.target.name)
            }
            _ => metric.type_.clone(),
        };
        let labels = wanted
            .selector()
            .into_iter()
            .flat_map(|selector| selector.match_labels.clone())
            .collect();
        Self {
            namespace: wanted.namespace.clone(),
            of,
            metric: wanted.name().to_owned(),
            labels,
        }
    }
}

/// In which way a metric is collected: what must be equal for two HPAs to share a series.
#[derive(Debug, PartialEq)]
pub(super) struct Way {
    config: MetricConfig,
    metric: MetricSpec,
    target: CrossVersionObjectReference,
}

pub(super) fn way(wanted: &Wanted) -> Way {
    let mut metric = wanted.metric.clone();
    let mut target = wanted.target.clone();
    // What the value should be is the HPA's business. Object metrics may be divided by the target's replicas.
    if let Some(external) = &mut metric.external {
        external.target = MetricTarget::default();
        target = CrossVersionObjectReference::default();
    }
    if let Some(pods) = &mut metric.pods {
        pods.target = MetricTarget::default();
    }
    Way {
        config: wanted.config.clone(),
        metric,
        target,
    }
}
