//! "Why did it not scale?": that the named step was the one, and that the change it names unblocks it.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::World;
use crate::record::{Blocked, Change};

/// What held the sync back, with the replicas it left.
fn blocked(world: &mut World) -> (Blocked, i32) {
    let outcome = world.sync();
    let blocked = outcome.record.blocked();
    (
        blocked.unwrap_or_else(|| panic!("{}", outcome.record.explain())),
        world.replicas,
    )
}

fn up(policies: &Value, select: &str) -> Value {
    json!({
        "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": select, "policies": policies},
        "scaleDown": {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
    })
}

#[test]
fn a_full_change_and_a_metric_at_its_target_are_not_blocked() {
    assert_eq!(World::new(&[70, 70]).sync().record.blocked(), None);
    assert_eq!(World::new(&[50, 50]).sync().record.blocked(), None);
}

#[test]
fn tolerance_names_the_nearest_value_that_would_do() {
    for (used, direction) in [(53, 1), (47, -1)] {
        let mut world = World::new(&[used; 20]).settled();
        let (found, replicas) = blocked(&mut world);
        assert_eq!((found.step.as_str(), replicas), ("tolerance", 20));
        let [Change::Metric { value, .. }] = found.changes[..] else {
            panic!("{found:?}");
        };
        for (needed, moves) in [(value - direction, false), (value, true)] {
            let mut world = World::new(&[needed; 20]).settled();
            world.sync();
            assert_eq!(world.replicas != 20, moves, "{needed} of 50");
        }
    }
}

#[test]
fn tolerance_of_a_target_per_pod_counts_the_pods() {
    let world = |value: i64| {
        World::new(&[50; 4])
            .settled()
            .external(json!({"type": "AverageValue", "averageValue": "10"}), value)
    };
    let (found, replicas) = blocked(&mut world(43_000));
    assert_eq!((found.step.as_str(), replicas), ("tolerance", 4));
    let [Change::Metric { value, .. }] = found.changes[..] else {
        panic!("{found:?}");
    };
    let mut before = world(value - 1);
    before.sync();
    let mut after = world(value);
    after.sync();
    assert_eq!((before.replicas, after.replicas), (4, 5));
}

#[test]
fn pods_without_values_are_named() {
    let mut world = World::new(&[60, 60, 60, 60]).settled();
    world.cpu[2] = None;
    let (found, replicas) = blocked(&mut world);
    assert_eq!((found.step.as_str(), replicas), ("pods", 4));
    assert_eq!(
        found.changes,
        [Change::Pods {
            pods: vec!["web-2".to_owned()]
        }]
    );
    world.cpu[2] = Some(60);
    world.sync();
    assert_eq!(world.replicas, 5);
}

#[test]
fn stabilization_says_until_when() {
    let mut world = World::new(&[25; 8]);
    let (found, replicas) = blocked(&mut world);
    assert_eq!((found.step.as_str(), replicas), ("stabilization", 8));
    let [Change::Wait { until: Some(until) }] = found.changes[..] else {
        panic!("{found:?}");
    };
    assert_eq!(until, world.now + SignedDuration::from_mins(5));
    world.now = until;
    world.sync();
    assert_eq!(world.replicas, 8, "the edge belongs to the window");
    world.now = until + SignedDuration::from_nanos(1);
    world.sync();
    assert_eq!(world.replicas, 4);
}

#[test]
fn policies_say_which_value_they_need() {
    for (policies, select, replicas) in [
        (
            json!([{"type": "Pods", "value": 1, "periodSeconds": 60}]),
            "Max",
            11,
        ),
        (
            json!([{"type": "Percent", "value": 10, "periodSeconds": 60}]),
            "Max",
            11,
        ),
        (
            json!([{"type": "Pods", "value": 1, "periodSeconds": 60}, {"type": "Percent", "value": 10, "periodSeconds": 15}]),
            "Min",
            11,
        ),
        (
            json!([{"type": "Pods", "value": 3, "periodSeconds": 60}, {"type": "Percent", "value": 10, "periodSeconds": 15}]),
            "Max",
            13,
        ),
    ] {
        let mut world = World::new(&[100; 10]).spec("behavior", up(&policies, select));
        let (found, reached) = blocked(&mut world);
        assert_eq!((found.step.as_str(), reached), ("policy", replicas), "{found:?}");
        let mut changed = policies.clone();
        for change in &found.changes {
            let Change::Policy { type_, value, .. } = change else {
                panic!("{found:?}");
            };
            for policy in changed.as_array_mut().unwrap() {
                if policy["type"] == type_.as_str() {
                    policy["value"] = json!(value);
                }
            }
        }
        let mut world = World::new(&[100; 10]).spec("behavior", up(&changed, select));
        world.sync();
        assert_eq!(world.replicas, replicas + 1, "{policies} became {changed}");
    }
}

#[test]
fn a_disabled_direction_is_named() {
    let mut world = World::new(&[100; 10]).spec("behavior", up(&json!([]), "Disabled"));
    let (found, replicas) = blocked(&mut world);
    assert_eq!((found.step.as_str(), replicas), ("policy", 10));
    assert_eq!(found.changes, [Change::EnablePolicy]);
}

#[test]
fn bounds_say_how_far_they_have_to_move() {
    let (found, replicas) = blocked(&mut World::new(&[100; 10]).spec("maxReplicas", json!(12)));
    assert_eq!((found.step.as_str(), replicas), ("max", 12));
    assert_eq!(found.changes, [Change::RaiseMax { to: 13 }]);

    // Bound and policy in the same place: both have to move.
    let policies = json!([{"type": "Pods", "value": 2, "periodSeconds": 60}]);
    let world = World::new(&[100; 10]).spec("maxReplicas", json!(12));
    let (found, _) = blocked(&mut world.spec("behavior", up(&policies, "Max")));
    assert_eq!(found.changes.len(), 2, "{found:?}");

    let world = World::new(&[1; 10]).settled().spec("minReplicas", json!(4));
    let (found, replicas) = blocked(&mut { world });
    assert_eq!((found.step.as_str(), replicas), ("min", 4));
    assert_eq!(found.changes, [Change::LowerMin { to: 3 }]);
}

#[test]
fn without_behavior_the_next_sync_goes_on() {
    let mut world = World::new(&[500; 3]);
    let (found, replicas) = blocked(&mut world);
    assert_eq!((found.step.as_str(), replicas), ("policy", 6));
    assert_eq!(found.changes, [Change::Wait { until: None }]);
}

#[test]
fn a_target_without_replicas_waits_for_a_hand() {
    let mut world = World::new(&[]);
    let (found, _) = blocked(&mut world);
    assert_eq!(found.step, "scale");
    assert_eq!(found.changes, [Change::SetReplicas { replicas: 1 }]);
}
