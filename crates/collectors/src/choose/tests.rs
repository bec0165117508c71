use capstan_hpa::autoscaling::{LabelSelector, MetricSpec};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::collector::{CollectError, Collected};

#[derive(Debug)]
struct Nothing;

impl Collector for Nothing {
    fn question(&self) -> String {
        String::new()
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        async { Ok(Collected::default()) }.boxed()
    }
}

const fn plugin(name: &'static str, serves: Serves) -> Plugin {
    Plugin {
        name,
        serves,
        flag: "",
        configured: |_| true,
        make: |_| Ok(Box::new(Nothing)),
    }
}

const SOME: &[Plugin] = &[
    plugin("pods", Serves::Pods),
    plugin("prometheus", Serves::AnyObject),
    plugin("skipper", Serves::Object("Ingress")),
    plugin("external-1", Serves::External(&["external-1"])),
    plugin("external-2", Serves::External(&["external-2"])),
    Plugin {
        name: "nakadi",
        serves: Serves::External(&["nakadi"]),
        flag: "--nakadi-endpoint",
        configured: |options| options.nakadi.is_some(),
        make: |_| Ok(Box::new(Nothing)),
    },
];

fn wanted(metric: Value, collector: &str) -> Wanted {
    Wanted {
        namespace: "default".to_owned(),
        hpa: "app".to_owned(),
        target: capstan_hpa::autoscaling::CrossVersionObjectReference::default(),
        metric: serde_json::from_value::<MetricSpec>(metric).unwrap(),
        config: crate::MetricConfig {
            collector: collector.to_owned(),
            ..crate::MetricConfig::default()
        },
    }
}

fn external(name: &str, labels: Value) -> Wanted {
    let metric = json!({"type": "External", "external": {
        "metric": {"name": name, "selector": {"matchLabels": labels}}, "target": {"type": "Value", "value": "1"}}});
    wanted(metric, "")
}

fn object(kind: &str, collector: &str) -> Wanted {
    let metric = json!({"type": "Object", "object": {"describedObject": {"kind": kind, "name": "x"},
        "metric": {"name": "m"}, "target": {"type": "Value", "value": "1"}}});
    wanted(metric, collector)
}

fn chosen(wanted: &Wanted) -> Result<&'static str, String> {
    choose(SOME, wanted, &Options::default())
        .map(|plugin| plugin.name)
        .map_err(|error| error.to_string())
}

#[test]
fn external_metrics_go_by_their_label_or_else_their_name() {
    assert_eq!(
        chosen(&external("external-1", json!({"x": "y"}))),
        Ok("external-1")
    );
    assert_eq!(
        chosen(&external("external-1", json!({"type": "external-2"}))),
        Ok("external-2")
    );
    assert_eq!(
        chosen(&external("external-3", json!({}))),
        Err("no plugin found for External/external-3".to_owned())
    );
    assert_eq!(
        chosen(&external("external-1", json!({"type": "external-3"}))),
        Err("no plugin found for External/external-1{type=external-3}".to_owned())
    );
    assert_eq!(
        chosen(&external("lag", json!({"type": "nakadi"}))),
        Err(
            "no plugin found for External/lag{type=nakadi}: its collector needs --nakadi-endpoint".to_owned()
        )
    );
}

#[test]
fn object_metrics_go_by_the_kind_and_then_by_the_collector() {
    assert_eq!(chosen(&object("Ingress", "whatever")), Ok("skipper"));
    assert_eq!(chosen(&object("Ingress", "prometheus")), Ok("skipper"));
    assert_eq!(chosen(&object("Service", "prometheus")), Ok("prometheus"));
    assert_eq!(
        chosen(&object("Service", "skipper")),
        Err("no plugin found for Object/m".to_owned())
    );
}

#[test]
fn pods_metrics_have_one_collector() {
    let metric =
        json!({"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue"}}});
    assert_eq!(chosen(&wanted(metric, "")), Ok("pods"));
}

#[test]
fn types_and_names_are_written_like_this() {
    let mut metric = external("metric-name", json!({"key1": "val1", "key2": "val2"}));
    assert_eq!(
        type_and_name(&metric),
        "External/metric-name{key1=val1,key2=val2}"
    );
    metric.metric.external.as_mut().unwrap().metric.selector = Some(LabelSelector::default());
    assert_eq!(type_and_name(&metric), "External/metric-name");
    metric.metric.external.as_mut().unwrap().metric.selector = None;
    assert_eq!(type_and_name(&metric), "External/metric-name");
}

#[test]
fn what_has_no_effect_is_said() {
    let mut metric = external("external-1", json!({}));
    metric.config.min_pod_ready_age = Some(Duration::from_secs(1));
    metric.config.per_replica = true;
    let selector = json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]});
    metric.metric.external.as_mut().unwrap().metric.selector = serde_json::from_value(selector).unwrap();
    let remarks = general_remarks(&SOME[3], &metric);
    assert_eq!(
        deprecated(&metric).as_deref(),
        Some("HPA default/app is using deprecated metric type identifier 'external-1'")
    );
    assert!(remarks[0].contains("min-pod-ready-age"), "{remarks:?}");
    assert!(remarks[1].contains("per-replica"), "{remarks:?}");
    assert!(remarks[2].contains("matchExpressions"), "{remarks:?}");
    assert_eq!(remarks.len(), 3);
}
