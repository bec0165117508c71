//! Which HPAs need help to reach the replicas that a schedule wants (kube-metrics-adapter,
//! `pkg/controller/scheduledscaling`).
//!
//! The HPA controller ignores a change within its tolerance. Then a schedule that wants 100 replicas gets 95, though
//! its value is exact and no measurement; that case, and no other, is ours.

use std::collections::HashMap;

use capstan_collectors::schedule::objects::Kind;
use capstan_hpa::autoscaling::HorizontalPodAutoscaler;

/// The highest value of every schedule that is active, by kind and identifier.
pub(super) type Active = HashMap<(Kind, String), i64>;

/// A change that the HPA controller would not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Adjustment {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) kind: Kind,
    /// `namespace/name`, or the name of a cluster-wide one.
    pub(super) schedule: String,
}

impl Adjustment {
    /// kube-metrics-adapter's words.
    pub(super) fn message(&self) -> String {
        format!(
            "Scaling schedule '{}' adjusted replicas {} -> {} based on metric: {}",
            self.kind.kind(),
            self.from,
            self.to,
            self.schedule
        )
    }
}

/// The change to make if there are `current` replicas.
pub(super) fn adjustment(
    hpa: &HorizontalPodAutoscaler,
    active: &Active,
    current: i64,
    tolerance: f64,
) -> Option<Adjustment> {
    if current <= 0 {
        return None;
    }
    let mut highest: Option<(i64, f64, Kind, String)> = None;
    for object in hpa
        .spec
        .metrics
        .iter()
        .filter_map(|metric| metric.object.as_ref())
    {
        let Some(kind) = Kind::of(&object.described_object.kind) else {
            continue;
        };
        let Some(target) = &object.target.average_value else {
            continue;
        };
        let target = target.milli_value() as f64 / 1000.0;
        if target <= 0.0 {
            continue;
        }
        let name = &object.described_object.name;
        let schedule = match kind {
            Kind::Namespaced => format!("{}/{name}", hpa.namespace()),
            Kind::Cluster => name.clone(),
        };
        let Some(&value) = active.get(&(kind, schedule.clone())) else {
            continue;
        };
        let expected = (value as f64 / target).ceil() as i64;
        if highest.as_ref().is_none_or(|(most, ..)| expected > *most) {
            highest = Some((expected, value as f64 / (target * current as f64), kind, schedule));
        }
    }
    let (expected, ratio, kind, schedule) = highest?;
    let to = expected.min(i64::from(hpa.spec.max_replicas));
    let change = (1.0 - ratio).abs();
    (to > current && change > 0.0 && change <= tolerance).then_some(Adjustment {
        from: current,
        to,
        kind,
        schedule,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn hpa(targets: &[Value], max: i32) -> HorizontalPodAutoscaler {
        let metrics: Vec<Value> = targets
            .iter()
            .map(|target| {
                json!({"type": "Object", "object": {
                    "describedObject": {"apiVersion": "zalando.org/v1", "kind": "ClusterScalingSchedule",
                        "name": "schedule-1"},
                    "metric": {"name": "schedule-1"}, "target": target}})
            })
            .collect();
        serde_json::from_value(json!({
            "metadata": {"name": "app", "namespace": "default"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "app"}, "maxReplicas": max, "metrics": metrics},
        }))
        .unwrap()
    }

    fn average(value: &str) -> Value {
        json!({"type": "AverageValue", "averageValue": value})
    }

    fn to(hpa: &HorizontalPodAutoscaler, value: i64, current: i64) -> Option<i64> {
        let active = Active::from([((Kind::Cluster, "schedule-1".to_owned()), value)]);
        adjustment(hpa, &active, current, 0.1).map(|adjustment| adjustment.to)
    }

    /// `TestAdjustScaling`.
    #[test]
    fn only_what_is_within_tolerance_is_adjusted() {
        assert_eq!(to(&hpa(&[average("333")], 1000), 10_000, 28), Some(31));
        assert_eq!(to(&hpa(&[average("10")], 1000), 1000, 95), Some(100));
        assert_eq!(
            to(&hpa(&[average("10")], 1000), 1000, 90),
            None,
            "the HPA controller does that"
        );
        assert_eq!(
            to(&hpa(&[json!({"type": "Value", "value": "10"})], 1000), 1000, 95),
            None
        );
        assert_eq!(to(&hpa(&[average("10500m")], 1000), 1000, 90), Some(96));
        assert_eq!(to(&hpa(&[average("10")], 1000), 1000, 100), None);
        assert_eq!(to(&hpa(&[average("10")], 1000), 1000, 105), None, "never down");
        assert_eq!(to(&hpa(&[average("10")], 98), 1000, 95), Some(98));
        assert_eq!(to(&hpa(&[average("10")], 95), 1000, 95), None);
        assert_eq!(to(&hpa(&[average("0")], 1000), 1000, 95), None);
        assert_eq!(to(&hpa(&[average("10")], 1000), 1000, 0), None, "switched off");
        assert_eq!(
            to(&hpa(&[average("20"), average("10")], 1000), 1000, 95),
            Some(100)
        );
    }

    #[test]
    fn schedules_of_other_namespaces_and_kinds_are_others() {
        let hpa = hpa(&[average("10")], 1000);
        let of = |kind, name: &str| {
            let active = Active::from([((kind, name.to_owned()), 1000)]);
            adjustment(&hpa, &active, 95, 0.1).map(|adjustment| adjustment.message())
        };
        assert_eq!(
            of(Kind::Cluster, "schedule-1").unwrap(),
            "Scaling schedule 'ClusterScalingSchedule' adjusted replicas 95 -> 100 based on metric: schedule-1"
        );
        assert_eq!(of(Kind::Namespaced, "default/schedule-1"), None);
        assert_eq!(of(Kind::Cluster, "schedule-2"), None);
    }
}
