use serde_json::json;

use super::*;

fn round_trip(text: &str) -> String {
    let object: HorizontalPodAutoscaler = serde_json::from_str(text).unwrap();
    serde_json::to_string(&object).unwrap()
}

#[test]
fn fields_come_out_in_upstreams_order() {
    let text = concat!(
        r#"{"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v2","metadata":{"name":"a","namespace":"b"},"#,
        r#""spec":{"scaleTargetRef":{"kind":"Deployment","name":"x","apiVersion":"apps/v1"},"minReplicas":1,"maxReplicas":3,"#,
        r#""metrics":[{"type":"External","external":{"metric":{"name":"q","selector":{"matchLabels":{"a":"b"},"#,
        r#""matchExpressions":[{"key":"k","operator":"In","values":["x","y"]}]}},"target":{"type":"Value","value":"1500m"}}}],"#,
        r#""behavior":{"scaleUp":{"stabilizationWindowSeconds":0,"selectPolicy":"Max","#,
        r#""policies":[{"type":"Pods","value":4,"periodSeconds":15}],"tolerance":"50m"}}},"#,
        r#""status":{"lastScaleTime":"2026-01-01T12:00:00Z","currentReplicas":1,"desiredReplicas":2,"#,
        r#""currentMetrics":[{"type":""}],"conditions":[{"type":"AbleToScale","status":"True","#,
        r#""lastTransitionTime":"2026-01-01T12:00:00Z","reason":"R","message":"m"}]}}"#
    );
    assert_eq!(round_trip(text), text);
}

#[test]
fn zeroes_are_left_out_as_upstream_does() {
    let text = r#"{"metadata":{},"spec":{"scaleTargetRef":{"kind":"","name":""},"maxReplicas":0},"status":{"desiredReplicas":0,"currentMetrics":null}}"#;
    assert_eq!(round_trip("{}"), text);
    assert_eq!(round_trip(text), text);
    assert_eq!(
        round_trip(r#"{"metadata":null,"spec":{"metrics":null,"maxReplicas":null},"status":null}"#),
        text
    );
}

#[test]
fn the_zero_time_is_null() {
    let condition: Condition = serde_json::from_value(
        json!({"type": "A", "status": "True", "lastTransitionTime": "0001-01-01T00:00:00Z"}),
    )
    .unwrap();
    assert_eq!(condition.last_transition_time, None);
    assert_eq!(
        serde_json::to_value(&condition).unwrap(),
        json!({"type": "A", "status": "True", "lastTransitionTime": null})
    );
}

#[test]
fn absent_policies_are_not_empty_ones() {
    let rules: ScalingRules = serde_json::from_value(json!({"policies": []})).unwrap();
    assert_eq!(rules.policies, Some(Vec::new()));
    let rules: ScalingRules = serde_json::from_value(json!({})).unwrap();
    assert_eq!(rules.policies, None);
}

#[test]
fn selectors_print_as_upstream_prints_them() {
    let selector: LabelSelector = serde_json::from_value(
        json!({"matchLabels": {"b": "2", "a": "1"}, "matchExpressions": [{"key": "k", "operator": "Exists"}]}),
    )
    .unwrap();
    assert_eq!(selector.selector().unwrap().to_string(), "a=1,b=2,k");
    assert_eq!(
        LabelSelector::go_format(Some(&selector)),
        "&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:Exists,Values:[],},},}"
    );
    assert_eq!(LabelSelector::go_format(None), "nil");
    let empty = LabelSelector::default();
    assert!(empty.selector().unwrap().is_everything());
}
