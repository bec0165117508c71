use serde_json::json;

use super::{Age, Direction, Input, Record, Ring, Source, Target, Write, WriteStatus, timestamp};
use crate::cooldown::{Limits, State, decide};

const SECOND: i64 = 1_000_000_000;

fn record(name: &str, second: i64, current: i64, raw: i64) -> Record {
    let state = State {
        last_increase: Some(0),
        last_decrease: None,
    };
    let limits = Limits {
        min: 1,
        max: 5,
        increase_cooldown: 60 * SECOND,
        decrease_cooldown: 0,
    };
    decide(&state, &limits, second * SECOND, current, raw).record(
        Target::new("apps/v1", "ReplicaSet", "demo", name),
        Source::task("autoscale", "k8s_autoscale6"),
    )
}

#[test]
fn the_json_has_the_agreed_keys() {
    let mut change = record("app", 61, 2, 9);
    change.selected_metric = Some("avg".to_owned());
    change.inputs = vec![
        Input::measured("avg", 812.5, 60 * SECOND, 61 * SECOND),
        Input::missing("max"),
    ];
    change.write = Write::of(WriteStatus::Succeeded);
    let value = serde_json::to_value(&change).unwrap();
    assert_eq!(
        value,
        json!({
            "time": "1970-01-01T00:01:01Z",
            "target": {"apiVersion": "apps/v1", "kind": "ReplicaSet", "namespace": "demo", "name": "app"},
            "source": {"task": "autoscale", "node": "k8s_autoscale6"},
            "currentReplicas": 2,
            "rawDesiredReplicas": 9,
            "finalDesiredReplicas": 5,
            "direction": "ScaleUp",
            "reason": "TooManyReplicas",
            "selectedMetric": "avg",
            "inputs": [
                {"name": "avg", "value": 812.5, "time": "1970-01-01T00:01:00Z", "age": "1s"},
                {"name": "max", "value": null, "time": null, "age": null},
            ],
            "steps": [
                {"name": "replicas", "before": 2, "after": 9, "detail": "the replicas expression asks for 9"},
                {"name": "max", "before": 9, "after": 5, "detail": "at most 5"},
                {"name": "min", "before": 5, "after": 5, "detail": "at least 1"},
                {"name": "increaseCooldown", "before": 5, "after": 5,
                 "detail": "over: last at 1970-01-01T00:00:00Z, cooldown 1m0s"},
            ],
            "constraintsApplied": ["max"],
            "write": {"status": "Succeeded", "message": ""},
        })
    );
    assert_eq!(serde_json::from_value::<Record>(value).unwrap(), change);
}

#[test]
fn a_source_is_a_task_or_an_hpa() {
    assert_eq!(
        serde_json::to_value(Source::hpa("web")).unwrap(),
        json!({"hpa": "web"})
    );
    assert_eq!(
        serde_json::from_value::<Source>(json!({"hpa": "web"})).unwrap(),
        Source::hpa("web")
    );
}

#[test]
fn a_value_that_is_no_number_is_missing() {
    let input = Input::measured("x", f64::NAN, 0, 0);
    assert_eq!(input.value, None);
    let forged = Input {
        value: Some(f64::INFINITY),
        ..Input::missing("x")
    };
    assert_eq!(serde_json::to_value(forged).unwrap()["value"], json!(null));
    assert_eq!(
        Input::measured("x", 1.0, i64::MIN, i64::MAX).age,
        Some(Age(i64::MAX))
    );
}

#[test]
fn equal_holds_in_a_row_are_one_record() {
    let mut ring = Ring::new(10);
    let first = ring.push(record("app", 1, 2, 4));
    assert!(!first.merged);
    // Another object in between does not break the row, another number does.
    ring.push(record("other", 1, 2, 4));
    for second in 2..5 {
        let again = ring.push(record("app", second, 2, 4));
        assert_eq!((again.sequence, again.merged), (first.sequence, true));
    }
    let kept = ring.get(first.sequence).unwrap();
    assert_eq!(
        (kept.count, kept.time, kept.last_time),
        (4, timestamp(SECOND), Some(timestamp(4 * SECOND)))
    );
    let json = serde_json::to_value(kept).unwrap();
    assert_eq!(
        (&json["count"], &json["lastTime"]),
        (&json!(4), &json!("1970-01-01T00:00:04Z"))
    );
    assert_eq!(serde_json::from_value::<Record>(json).unwrap(), *kept);

    assert!(!ring.push(record("app", 5, 2, 5)).merged);
    assert!(!ring.push(record("app", 6, 2, 4)).merged);
    assert_eq!(ring.len(), 4);
    assert_eq!(
        ring.latest(&kept_target("app")).unwrap().time,
        timestamp(6 * SECOND)
    );
}

fn kept_target(name: &str) -> Target {
    Target::new("apps/v1", "ReplicaSet", "demo", name)
}

#[test]
fn changes_are_never_merged() {
    let mut ring = Ring::new(10);
    let change = record("app", 70, 2, 4);
    assert_eq!(change.direction, Direction::ScaleUp);
    ring.push(change.clone());
    assert!(!ring.push(change).merged);
    assert_eq!((ring.len(), ring.pending()), (2, 2));
}

#[test]
fn the_ring_is_bounded_and_numbers_are_never_reused() {
    let mut ring = Ring::new(3);
    for number in 0..10_u64 {
        let pushed = ring.push(record(&format!("app{number}"), 1, 2, 4));
        assert_eq!(pushed.sequence, number);
    }
    assert_eq!(
        ring.iter().map(|(sequence, _)| sequence).collect::<Vec<_>>(),
        [7, 8, 9]
    );
    assert_eq!(ring.since(9).count(), 1);
    assert_eq!(ring.since(0).count(), 3);
    assert_eq!(ring.since(50).count(), 0);
    assert!(ring.get(2).is_none());
    assert!(!ring.set_write(2, Write::failed("gone")));
    // The hold of an object whose record has gone starts a new one.
    assert!(!ring.push(record("app0", 2, 2, 4)).merged);
    assert_eq!(Ring::new(0).push(record("app", 1, 2, 4)).sequence, 0);
}

#[test]
fn the_result_of_a_write_comes_later() {
    let mut ring = Ring::new(3);
    let pushed = ring.push(record("app", 70, 2, 4));
    assert!(ring.set_write(
        pushed.sequence,
        Write::failed("403 Forbidden:\nno right to patch")
    ));
    assert_eq!(
        ring.get(pushed.sequence).unwrap().summary(),
        "ReplicaSet demo/app: 2 -> 4; write failed: 403 Forbidden: no right to patch"
    );
    assert_eq!(ring.pending(), 0);
}

#[test]
fn a_summary_is_one_bounded_line() {
    let held = record("app", 30, 2, 9);
    assert_eq!(
        held.summary(),
        "ReplicaSet demo/app: stays at 2 (asked for 9, limited by max, increaseCooldown): \
         held until 1970-01-01T00:01:00Z: last at 1970-01-01T00:00:00Z, cooldown 1m0s"
    );
    assert_eq!(
        record("app", 30, 2, 2).summary(),
        "ReplicaSet demo/app: stays at 2"
    );
    let mut long = record("app", 70, 2, 4);
    long.write = Write::failed("é".repeat(4000));
    assert!(long.summary().len() <= 1003 && long.summary().ends_with("..."));
}

#[test]
fn an_explanation_shows_inputs_and_steps() {
    let mut held = record("app", 30, 2, 9);
    held.inputs = vec![
        Input::measured("avg", 812.5, 29 * SECOND, 30 * SECOND),
        Input::missing("errors"),
    ];
    held.count = 3;
    held.last_time = Some(timestamp(32 * SECOND));
    assert_eq!(
        held.explain(),
        "\
1970-01-01T00:00:30Z  ReplicaSet demo/app
  decided by   task autoscale, node k8s_autoscale6 (apps/v1)
  outcome      stays at 2, reason IncreaseCooldown
  inputs       avg    = 812.5  at 1970-01-01T00:00:29Z, 1s old
               errors = missing
  steps        replicas         2 -> 9     the replicas expression asks for 9
               max              9 -> 5     at most 5
               min              5 -> 5     at least 1
               increaseCooldown 5 -> 2     held until 1970-01-01T00:01:00Z: last at 1970-01-01T00:00:00Z, cooldown 1m0s
  limited by   max, increaseCooldown
  write        nothing to write
  repeated     3 times, last at 1970-01-01T00:00:32Z"
    );
}
