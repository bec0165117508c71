//! What holds for any HPA, any metrics and any history.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Answer, World, cpu_metric, external};
use crate::api_error::ApiError;
use crate::metrics::{Measured, MetricData};

#[derive(Debug, Clone)]
struct Policy {
    percent: bool,
    value: i32,
    period: i32,
}

#[derive(Debug, Clone)]
struct Rules {
    policies: Vec<Policy>,
    select: &'static str,
    window: i32,
}

impl Rules {
    fn json(&self) -> Value {
        let policies: Vec<Value> = self
            .policies
            .iter()
            .map(|policy| {
                let type_ = if policy.percent { "Percent" } else { "Pods" };
                json!({"type": type_, "value": policy.value, "periodSeconds": policy.period})
            })
            .collect();
        json!({"stabilizationWindowSeconds": self.window, "selectPolicy": self.select, "policies": policies})
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    let policy = (any::<bool>(), 1..150, 1..300).prop_map(|(percent, value, period)| Policy {
        percent,
        value,
        period,
    });
    let select = prop_oneof![Just("Max"), Just("Min"), Just("Disabled")];
    (
        prop::collection::vec(policy, 1..4),
        select,
        prop_oneof![Just(0), 0..120],
    )
        .prop_map(|(policies, select, window)| Rules {
            policies,
            select,
            window,
        })
}

fn behavior() -> impl Strategy<Value = Option<(Rules, Rules)>> {
    prop::option::of((rules(), rules()))
}

fn with_behavior(world: World, behavior: Option<&(Rules, Rules)>) -> World {
    match behavior {
        Some((up, down)) => world.spec(
            "behavior",
            json!({"scaleUp": up.json(), "scaleDown": down.json()}),
        ),
        None => world,
    }
}

/// Pods of a target of this size, all ready, each using this much.
fn resized(world: &mut World, used: i64) {
    let fresh = World::new(&vec![used; world.replicas as usize]);
    world.pods = fresh.pods;
    world.cpu = fresh.cpu;
}

/// Replicas at a time: after each change.
type History = VecDeque<(Timestamp, i32)>;

/// What the policies of one direction allow in a window that ends now: computed from the history alone.
fn allowed(rules: &Rules, history: &History, now: Timestamp, current: i32, up: bool) -> i32 {
    if rules.select == "Disabled" {
        return current;
    }
    let limits = rules.policies.iter().map(|policy| {
        let begin = now - SignedDuration::from_secs(policy.period.into());
        // The size that the last change at or before the beginning left.
        let start = history
            .iter()
            .rev()
            .find(|(time, _)| *time <= begin)
            .map_or(history[0].1, |(_, replicas)| *replicas);
        let share = f64::from(policy.value) / 100.0;
        match (policy.percent, up) {
            (false, true) => start + policy.value,
            (false, false) => start - policy.value,
            (true, true) => (f64::from(start) * (1.0 + share)).ceil() as i32,
            (true, false) => (f64::from(start) * (1.0 - share)) as i32,
        }
    });
    let limit = if (rules.select == "Min") == up {
        limits.min()
    } else {
        limits.max()
    };
    // For scale-downs the largest change is the smallest number.
    limit.unwrap_or(current)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn desired_is_within_the_bounds(
        loads in prop::collection::vec(0i64..2000, 1..25),
        start in 1usize..40,
        min in 1..20,
        span in 0..40,
        behavior in behavior(),
    ) {
        let max = min + span;
        let world = World::new(&vec![50; start]).spec("minReplicas", json!(min)).spec("maxReplicas", json!(max));
        let mut world = with_behavior(world, behavior.as_ref());
        for load in loads {
            resized(&mut world, load);
            let outcome = world.sync();
            let desired = outcome.desired.unwrap();
            prop_assert!((min..=max).contains(&desired), "{desired} of {min}..={max}");
            world.pass(15);
        }
    }

    #[test]
    fn nothing_shrinks_while_a_metric_is_missing(
        loads in prop::collection::vec((0i64..2000, any::<bool>()), 1..25),
        start in 1usize..40,
        behavior in behavior(),
    ) {
        let target = json!({"type": "AverageValue", "averageValue": "10"});
        let world = World::new(&vec![50; start]).spec("metrics", json!([cpu_metric(50), external(&target)]));
        let mut world = with_behavior(world, behavior.as_ref()).settled();
        for (load, missing) in loads {
            resized(&mut world, load);
            world.metric = if missing {
                Answer::Failed(ApiError::text("gone"))
            } else {
                Answer::Data(MetricData::Values(vec![Measured { value: load * 100, timestamp: world.now }]))
            };
            let before = world.replicas;
            world.sync();
            prop_assert!(!missing || world.replicas >= before, "{before} became {}", world.replicas);
            world.pass(15);
        }
    }

    #[test]
    fn no_window_sees_more_change_than_its_policies_allow(
        loads in prop::collection::vec((0i64..1000, 1i64..60), 1..40),
        start in 1usize..60,
        up in rules(),
        down in rules(),
    ) {
        let mut world = World::new(&vec![50; start]).spec("maxReplicas", json!(1000));
        world = with_behavior(world, Some(&(up.clone(), down.clone())));
        let mut history: History = [(world.now, world.replicas)].into();
        for (load, seconds) in loads {
            world.pass(seconds);
            resized(&mut world, load);
            let before = world.replicas;
            world.sync();
            let now = world.now;
            if world.replicas > before {
                let limit = allowed(&up, &history, now, before, true);
                prop_assert!(world.replicas <= limit, "{before} became {}, {limit} are allowed", world.replicas);
            } else if world.replicas < before {
                let limit = allowed(&down, &history, now, before, false);
                prop_assert!(world.replicas >= limit, "{before} became {}, {limit} are allowed", world.replicas);
            }
            if world.replicas != before {
                history.push_back((now, world.replicas));
            }
        }
    }

    #[test]
    fn more_load_never_means_fewer_replicas(
        low in 0i64..2000,
        more in 0i64..2000,
        start in 1usize..40,
        missing in 0usize..5,
        history in prop::collection::vec((0i64..600, 1..80), 0..6),
        behavior in behavior(),
    ) {
        let answer = |load: i64| {
            let mut world = with_behavior(World::new(&vec![load; start]), behavior.as_ref());
            for pod in world.cpu.iter_mut().take(missing.min(start - 1)) {
                *pod = None;
            }
            let list = history
                .iter()
                .map(|(age, replicas)| crate::memory::Recommendation {
                    replicas: *replicas,
                    time: world.now - SignedDuration::from_secs(*age),
                })
                .collect();
            world.memory.recommendations = Some(list);
            world.sync().desired.unwrap()
        };
        let (fewer, many) = (answer(low), answer(low + more));
        prop_assert!(fewer <= many, "{low} -> {fewer}, {} -> {many}", low + more);
    }

    #[test]
    fn forgetting_what_cannot_matter_changes_no_decision(
        loads in prop::collection::vec((0i64..300, 1i64..40), 1..60),
        start in 1usize..40,
        behavior in behavior(),
    ) {
        let world = || with_behavior(World::new(&vec![50; start]), behavior.as_ref());
        let (mut all, mut few) = (world(), world());
        for (load, seconds) in loads {
            for world in [&mut all, &mut few] {
                world.pass(seconds);
                resized(world, load);
            }
            let (expected, found) = (all.sync(), few.sync());
            prop_assert_eq!(expected.desired, found.desired);
            prop_assert_eq!(&expected.hpa.status, &found.hpa.status);
            few.memory.compact();
            prop_assert!(few.memory.recommendations().len() <= all.memory.recommendations().len());
        }
    }
}
