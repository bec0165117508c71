use serde_json::json;

use super::plan::{Limits, SetView, rolling};
use super::sets::template_hash;

fn view(replicas: i64, available: i64) -> SetView {
    SetView { replicas, available }
}

#[test]
fn percentages_round_surge_up_and_unavailable_down() {
    let limits = Limits::of(&json!({"spec": {"replicas": 10}}));
    assert_eq!((limits.max_surge, limits.max_unavailable), (3, 2));
    let stuck = json!({"spec": {"replicas": 3, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}}});
    let limits = Limits::of(&stuck);
    assert_eq!((limits.max_surge, limits.max_unavailable), (0, 1));
}

#[test]
fn a_rollout_never_leaves_its_limits_and_ends() {
    for (surge, unavailable) in [(1, 0), (0, 1), (2, 2), (5, 0), (1, 3)] {
        let limits = Limits {
            replicas: 5,
            max_surge: surge,
            max_unavailable: unavailable,
        };
        let (mut new, mut old) = (view(0, 0), vec![view(2, 2), view(3, 3)]);
        let mut passes = 0;
        while new.replicas != 5 || old.iter().any(|set| set.replicas > 0) {
            let steps = rolling(&limits, &new, &old);
            new.replicas = steps.new;
            for (index, replicas) in steps.old {
                old[index].replicas = replicas;
                old[index].available = old[index].available.min(replicas);
            }
            let total = new.replicas + old.iter().map(|set| set.replicas).sum::<i64>();
            let available = new.available + old.iter().map(|set| set.available).sum::<i64>();
            assert!(total <= 5 + surge, "surge {surge}: {total} pods");
            assert!(
                available >= 5 - unavailable,
                "unavailable {unavailable}: {available} available"
            );
            // One pod becomes available at a time.
            new.available = (new.available + 1).min(new.replicas);
            passes += 1;
            assert!(
                passes < 50,
                "surge {surge}, unavailable {unavailable} does not end"
            );
        }
    }
}

#[test]
fn broken_old_pods_go_first() {
    let limits = Limits {
        replicas: 4,
        max_surge: 1,
        max_unavailable: 1,
    };
    let steps = rolling(&limits, &view(1, 0), &[view(4, 2)]);
    assert_eq!(
        steps.old,
        [(0, 3)],
        "one unready old pod is spared, the other is not needed"
    );
}

#[test]
fn the_hash_does_not_depend_on_field_order_but_on_values() {
    let one = json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"x": 1, "y": 2}}}});
    let two = json!({"spec": {"template": {"spec": {"y": 2, "x": 1}, "metadata": {"labels": {"a": "b"}}}}});
    let three = json!({"spec": {"template": {"spec": {"y": 3, "x": 1}, "metadata": {"labels": {"a": "b"}}}}});
    assert_eq!(template_hash(&one), template_hash(&two));
    assert_ne!(template_hash(&one), template_hash(&three));
}
