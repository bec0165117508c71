use serde_json::{Value, json};

use super::*;

fn hpa(name: &str, created: &str, annotations: &Value, metrics: &Value) -> HorizontalPodAutoscaler {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": created, "annotations": annotations},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "maxReplicas": 10,
            "metrics": metrics,
        },
    }))
    .unwrap()
}

fn external(name: &str, labels: &Value, target: &str) -> Value {
    json!({"type": "External", "external": {
        "metric": {"name": name, "selector": {"matchLabels": labels}},
        "target": {"type": "AverageValue", "averageValue": target},
    }})
}

fn started(changes: &[Change]) -> Vec<(Owner, String)> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Start(owner, wanted) => Some((*owner, format!("{}/{}", wanted.hpa, wanted.name()))),
            Change::Stop(_) => None,
        })
        .collect()
}

fn stopped(changes: &[Change]) -> Vec<Owner> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Stop(owner) => Some(*owner),
            Change::Start(..) => None,
        })
        .collect()
}

#[test]
fn a_change_of_one_metric_leaves_the_others_alone() {
    let mut index = Index::new(false);
    let labels = json!({"type": "prometheus"});
    let two = json!([external("a", &labels, "1"), external("b", &labels, "1"),
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]);
    let annotations = json!({"metric-config.external.a.prometheus/query": "one",
        "metric-config.external.b.prometheus/query": "two"});
    let first = index.set(&hpa("web", "1", &annotations, &two));
    assert_eq!(started(&first).len(), 2);
    assert_eq!(index.set(&hpa("web", "1", &annotations, &two)), []);

    let annotations = json!({"metric-config.external.a.prometheus/query": "one",
        "metric-config.external.b.prometheus/query": "three"});
    let changes = index.set(&hpa("web", "1", &annotations, &two));
    assert_eq!(started(&changes), [(Owner(3), "web/b".to_owned())]);
    assert_eq!(stopped(&changes), [Owner(2)]);

    assert_eq!(stopped(&index.complete(&BTreeSet::new())), [Owner(1), Owner(3)]);
    assert_eq!(index.entries().count(), 0);
}

#[test]
fn the_older_of_two_that_disagree_keeps_the_series() {
    let mut index = Index::new(false);
    let metric = json!([external("rps", &json!({"type": "prometheus"}), "1")]);
    let query = |text: &str| json!({"metric-config.external.rps.prometheus/query": text});
    assert_eq!(
        started(&index.set(&hpa("new", "2026-02", &query("b"), &metric))).len(),
        1
    );
    // The older one is seen later, as in a list.
    let changes = index.set(&hpa("old", "2026-01", &query("a"), &metric));
    assert_eq!(started(&changes), [(Owner(2), "old/rps".to_owned())]);
    assert_eq!(stopped(&changes), [Owner(1)]);
    let key = |name: &str| Key {
        namespace: "default".into(),
        name: name.into(),
    };
    assert_eq!(index.entry(&key("new")).unwrap().slots[0].rival, Some(key("old")));
    // One that agrees shares.
    let other_target = json!([external("rps", &json!({"type": "prometheus"}), "7")]);
    assert_eq!(
        started(&index.set(&hpa("third", "2026-03", &query("a"), &other_target))).len(),
        1
    );
    // Until the older one goes, and the one that shared with it is no longer the oldest.
    assert_eq!(
        started(&index.remove(&key("old"))),
        [(Owner(1), "new/rps".to_owned())]
    );
    assert_eq!(
        index.entry(&key("third")).unwrap().slots[0].rival,
        Some(key("new"))
    );
}

#[test]
fn other_labels_are_another_series_and_compatibility_shares() {
    let metric = |label: &str| json!([external("prometheus-query", &json!({"query-name": label}), "1")]);
    let mut index = Index::new(false);
    index.set(&hpa("a", "1", &json!({}), &metric("a")));
    assert_eq!(
        started(&index.set(&hpa("b", "1", &json!({}), &metric("b")))).len(),
        1
    );
    let mut index = Index::new(true);
    let query = |text: &str| json!({"metric-config.external.prometheus-query.prometheus/a": text});
    index.set(&hpa("a", "1", &query("1"), &metric("a")));
    assert_eq!(
        started(&index.set(&hpa("b", "2", &query("2"), &metric("a")))).len(),
        1
    );
}

#[test]
fn what_configures_nothing_is_remarked_and_a_bad_duration_fails_its_metric_only() {
    let mut index = Index::new(false);
    let annotations = json!({"metric-config.external.a.prometheus/interval": "soon",
        "metric-config.external.c.prometheus/query": "x"});
    let metrics = json!([external("a", &json!({}), "1"), external("b", &json!({}), "1")]);
    let changes = index.set(&hpa("web", "1", &annotations, &metrics));
    assert_eq!(started(&changes), [(Owner(2), "web/b".to_owned())]);
    let (_, entry) = index.entries().next().unwrap();
    assert!(entry.slots[0].error.as_ref().unwrap().contains("soon"));
    assert!(entry.remarks[0].contains("External/c"), "{:?}", entry.remarks);
}
