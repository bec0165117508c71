use proptest::prelude::*;

use super::{Decision, Hold, Limits, LimitsError, REPLICA_LIMIT, State, decide};
use crate::record::{Direction, Source, Target, WriteStatus};

const SECOND: i64 = 1_000_000_000;

fn limits(min: i64, max: i64, increase: i64, decrease: i64) -> Limits {
    Limits {
        min,
        max,
        increase_cooldown: increase * SECOND,
        decrease_cooldown: decrease * SECOND,
    }
}

/// Decides and, as if the write had succeeded, enters the outcome.
fn apply(state: &mut State, current: &mut i64, limits: &Limits, second: i64, raw: i64) -> Decision {
    let decision = decide(state, limits, second * SECOND, *current, raw);
    state.applied(decision.direction, decision.now);
    *current = decision.desired;
    decision
}

#[test]
fn the_maximum_comes_first_and_the_minimum_has_the_last_word() {
    let desired = |limits: Limits, raw| decide(&State::default(), &limits, 0, 3, raw).desired;
    assert_eq!(desired(limits(1, 5, 0, 0), 9), 5);
    assert_eq!(desired(limits(2, 5, 0, 0), 0), 2);
    assert_eq!(desired(limits(0, 5, 0, 0), -4), 0);
    assert_eq!(desired(limits(1, 0, 0, 0), 1_000_000), 1_000_000);
    assert_eq!(desired(limits(7, 5, 0, 0), 6), 7);
    assert_eq!(desired(limits(-5, 0, 0, 0), -4), 0);
    assert_eq!(desired(limits(1, 0, 0, 0), i64::MAX), REPLICA_LIMIT);
    assert_eq!(desired(limits(i64::MAX, 0, 0, 0), 1), REPLICA_LIMIT);
}

#[test]
fn the_first_change_is_never_delayed() {
    let limits = limits(1, 0, 60, 120);
    for now in [i64::MIN, 0, i64::MAX] {
        assert_eq!(decide(&State::default(), &limits, now, 3, 5).hold, None);
        assert_eq!(decide(&State::default(), &limits, now, 3, 2).hold, None);
    }
}

#[test]
fn a_cooldown_ends_exactly_when_it_is_over() {
    let limits = limits(1, 0, 60, 120);
    let (mut state, mut current) = (State::default(), 1);
    assert_eq!(
        apply(&mut state, &mut current, &limits, 100, 2).direction,
        Direction::ScaleUp
    );
    let held = apply(&mut state, &mut current, &limits, 159, 3);
    assert_eq!(held.hold, Some(Hold::IncreaseCooldown { until: 160 * SECOND }));
    assert_eq!(
        (held.desired, held.bounded, held.direction),
        (2, 3, Direction::None)
    );
    assert!(held.hold.unwrap().is_cooldown());
    assert_eq!(apply(&mut state, &mut current, &limits, 160, 3).desired, 3);
}

#[test]
fn directions_do_not_influence_each_other() {
    let limits = limits(1, 0, 60, 120);
    let (mut state, mut current) = (State::default(), 1);
    apply(&mut state, &mut current, &limits, 0, 5);
    assert_eq!(
        apply(&mut state, &mut current, &limits, 1, 2).direction,
        Direction::ScaleDown
    );
    assert_eq!(
        apply(&mut state, &mut current, &limits, 60, 4).direction,
        Direction::ScaleUp
    );
    assert_eq!(
        apply(&mut state, &mut current, &limits, 120, 1).hold,
        Some(Hold::DecreaseCooldown { until: 121 * SECOND })
    );
}

#[test]
fn no_change_touches_nothing() {
    let limits = limits(1, 4, 60, 60);
    let (mut state, mut current) = (State::default(), 4);
    let decision = apply(&mut state, &mut current, &limits, 10, 9);
    assert_eq!(
        (decision.hold, decision.constraints()),
        (Some(Hold::NoChange), vec!["max"])
    );
    assert_eq!(state, State::default());
    assert!(!decision.hold.unwrap().is_cooldown());
    assert!(decision.is_notable(), "the maximum bit");
    assert!(!decide(&state, &limits, 0, 4, 4).is_notable());
}

#[test]
fn a_failed_write_spends_no_cooldown() {
    let limits = limits(1, 0, 60, 60);
    let state = State::default();
    assert_eq!(decide(&state, &limits, 0, 1, 2).hold, None);
    // Nobody called `applied`.
    assert_eq!(decide(&state, &limits, SECOND, 1, 2).hold, None);
}

#[test]
fn late_points_are_held_and_set_the_timer_back() {
    let limits = limits(1, 0, 60, 60);
    let mut state = State {
        last_increase: Some(100 * SECOND),
        last_decrease: None,
    };
    assert!(
        decide(&state, &limits, 50 * SECOND, 1, 2)
            .hold
            .unwrap()
            .is_cooldown()
    );
    state.applied(Direction::ScaleUp, 20 * SECOND);
    assert_eq!(decide(&state, &limits, 80 * SECOND, 1, 2).hold, None);
}

#[test]
fn times_at_the_edge_do_not_overflow() {
    let limits = Limits {
        increase_cooldown: i64::MAX,
        decrease_cooldown: i64::MAX,
        ..Limits::default()
    };
    let state = State {
        last_increase: Some(i64::MAX - 1),
        last_decrease: Some(i64::MAX - 1),
    };
    let held = decide(&state, &limits, 0, 1, 2);
    assert_eq!(held.hold, Some(Hold::IncreaseCooldown { until: i64::MAX }));
    assert!(held.steps().last().unwrap().detail.contains("held until 2262-"));
}

#[test]
fn limits_that_cannot_be_meant() {
    assert_eq!(limits(0, 0, 0, 0).check(), Ok(()));
    assert_eq!(limits(-1, 0, 0, 0).check(), Err(LimitsError::Min(-1)));
    assert_eq!(limits(1, -1, 0, 0).check(), Err(LimitsError::Max(-1)));
    assert_eq!(
        limits(5, 2, 0, 0).check().unwrap_err().to_string(),
        "min must be <= max, got min 5 and max 2"
    );
}

#[test]
fn the_steps_show_the_arithmetic() {
    let state = State {
        last_increase: Some(0),
        last_decrease: None,
    };
    let decision = decide(&state, &limits(1, 5, 60, 0), 30 * SECOND, 3, 9);
    let steps: Vec<_> = decision
        .steps()
        .into_iter()
        .map(|s| (s.name, s.before, s.after, s.detail))
        .collect();
    let step = |name: &str, before, after, detail: &str| (name.to_owned(), before, after, detail.to_owned());
    assert_eq!(
        steps,
        [
            step("replicas", 3, 9, "the replicas expression asks for 9"),
            step("max", 9, 5, "at most 5"),
            step("min", 5, 5, "at least 1"),
            step(
                "increaseCooldown",
                5,
                3,
                "held until 1970-01-01T00:01:00Z: last at 1970-01-01T00:00:00Z, cooldown 1m0s"
            ),
        ]
    );
    assert_eq!(decision.constraints(), ["max", "increaseCooldown"]);
}

#[test]
fn a_record_says_what_was_decided() {
    let target = || Target::new("apps/v1", "ReplicaSet", "demo", "app");
    let source = || Source::task("autoscale", "k8s_autoscale6");
    let up = decide(&State::default(), &limits(1, 5, 60, 0), SECOND, 3, 9).record(target(), source());
    assert_eq!(
        (up.reason.as_str(), up.write.status),
        ("TooManyReplicas", WriteStatus::Pending)
    );
    assert_eq!(up.final_desired_replicas, 5);
    let same = decide(&State::default(), &limits(1, 5, 60, 0), SECOND, 3, 3).record(target(), source());
    assert_eq!(
        (same.reason.as_str(), same.write.status),
        ("NoChange", WriteStatus::NotNeeded)
    );
    assert!(same.is_hold() && !up.is_hold());
}

proptest! {
    #[test]
    fn whatever_comes_the_outcome_is_sane(
        min in any::<i64>(), max in any::<i64>(), increase in any::<i64>(), decrease in any::<i64>(),
        last_increase in any::<Option<i64>>(), last_decrease in any::<Option<i64>>(),
        now in any::<i64>(), current in 0..=REPLICA_LIMIT, raw in any::<i64>(),
    ) {
        let limits = Limits { min, max, increase_cooldown: increase, decrease_cooldown: decrease };
        let state = State { last_increase, last_decrease };
        let decision = decide(&state, &limits, now, current, raw);
        prop_assert!((0..=REPLICA_LIMIT).contains(&decision.desired));
        prop_assert_eq!(decision.direction, Direction::between(current, decision.desired));
        prop_assert_eq!(decision.hold.is_some(), decision.desired == current);

        // The steps are a chain from the current number to the decided one.
        let steps = decision.steps();
        prop_assert_eq!(steps.first().unwrap().before, current);
        prop_assert_eq!(steps.last().unwrap().after, decision.desired);
        prop_assert!(steps.windows(2).all(|w| w[0].after == w[1].before));
        for name in decision.constraints() {
            prop_assert!(steps.iter().any(|step| step.name == name && step.bit()), "{}", name);
        }
    }

    #[test]
    fn changes_of_one_direction_keep_their_distance(
        raws in prop::collection::vec((0_i64..20, 0_i64..12), 1..80), increase in 0_i64..30, decrease in 0_i64..30,
    ) {
        let limits = limits(0, 10, increase, decrease);
        let (mut state, mut current, mut now) = (State::default(), 1, 0);
        let mut last = [None::<i64>; 2];
        for (pause, raw) in raws {
            now += pause;
            let direction = apply(&mut state, &mut current, &limits, now, raw).direction;
            prop_assert!((0..=10).contains(&current));
            let (slot, cooldown) = match direction {
                Direction::ScaleUp => (&mut last[0], increase),
                Direction::ScaleDown => (&mut last[1], decrease),
                Direction::None => continue,
            };
            prop_assert!(slot.is_none_or(|then| now - then >= cooldown));
            *slot = Some(now);
        }
    }
}
