//! `oracle/trajectories.jsonl`: many syncs of one HPA in a row, which share its memory.
//!
//! Each step is computed twice: by the functions alone, which show every condition, and by a whole sync whose one
//! metric asks for the wanted number.

use std::sync::Arc;

use capstan_hpa::autoscaling::{Behavior, HorizontalPodAutoscaler, condition};
use capstan_hpa::behavior::{self, Bounds};
use capstan_hpa::limits::{self, ScaleUpLimit};
use capstan_hpa::memory::Memory;
use capstan_hpa::metrics::{Measured, MetricData};
use capstan_hpa::options::Options;
use capstan_hpa::pod::Pod;
use capstan_hpa::reconcile::{Answer, Mapping, Request, Start, run};
use capstan_hpa::stabilize;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::input::{items, number};
use super::{Case, equal};

/// Seconds of `--horizontal-pod-autoscaler-downscale-stabilization`.
const WINDOW: i32 = 300;

struct Setting {
    behavior: Option<Behavior>,
    min: i32,
    max: i32,
    limit: ScaleUpLimit,
}

pub(super) fn trajectory(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let setting = Setting {
        behavior: serde_json::from_value(case["behavior"].clone()).map_err(|error| error.to_string())?,
        min: number(&case["minReplicas"])?,
        max: number(&case["maxReplicas"])?,
        limit: ScaleUpLimit {
            factor: case["scaleUpLimitFactor"].as_f64().unwrap_or(2.0),
            minimum: 4.0,
        },
    };
    let step = SignedDuration::from_millis(case["stepMilliseconds"].as_i64().ok_or("no stepMilliseconds")?);
    let mut now = Timestamp::UNIX_EPOCH;
    let mut memory = Memory::default();
    memory.begin(number(&case["initialReplicas"])?, now);
    for (index, expected) in items(&case["steps"]).iter().enumerate() {
        let (current, proposed) = (number(&expected["current"])?, number(&expected["proposed"])?);
        let before = memory.clone();
        let found = normalize(&setting, &mut memory, current, proposed, now);
        let desired = found["desired"].clone();
        let what = format!("step {index}");
        let wanted = json!({"conditions": expected["conditions"], "desired": expected["desired"]});
        equal(&what, &wanted, &found)?;
        let desired = number(&desired)?;
        if desired != current {
            memory.store_scale_event(setting.behavior.as_ref(), current, desired, now);
        }
        if current >= setting.min.max(1) && current <= setting.max {
            whole_sync(&setting, before, current, proposed, now, &memory, expected)
                .map_err(|error| format!("{what}, whole sync: {error}"))?;
        }
        now += step;
    }
    Ok(())
}

fn normalize(setting: &Setting, memory: &mut Memory, current: i32, proposed: i32, now: Timestamp) -> Json {
    let (stabilized, upwards, limited) = match &setting.behavior {
        None => {
            let window = i64::from(WINDOW) * 1_000_000_000;
            let stabilized = stabilize::stabilize(memory, proposed, window, now).replicas;
            let limited = limits::convert_desired_replicas(
                current,
                stabilized,
                setting.min,
                setting.max,
                setting.limit,
            );
            (stabilized, false, limited)
        }
        Some(rules) => {
            let (up, down) = (
                rules.scale_up.clone().unwrap_or_default(),
                rules.scale_down.clone().unwrap_or_default(),
            );
            let up_window = up.stabilization_window_seconds.unwrap_or(0);
            let down_window = down.stabilization_window_seconds.unwrap_or(WINDOW);
            let stabilized =
                stabilize::stabilize_with_behavior(memory, current, proposed, up_window, down_window, now)
                    .replicas;
            let bounds = Bounds {
                min: setting.min,
                max: setting.max,
                up: &up,
                down: &down,
            };
            let (limited, _) = behavior::convert_desired_replicas(
                current,
                stabilized,
                bounds,
                memory.ups(),
                memory.downs(),
                now,
            );
            (stabilized, proposed >= current, limited)
        }
    };
    let (reason, message) = if stabilized == proposed {
        ("ReadyForNewScale", "recommended size matches current size")
    } else {
        stabilize::held_text(upwards)
    };
    let is_limited = if limited.replicas == stabilized {
        "False"
    } else {
        "True"
    };
    json!({
        "conditions": {
            "AbleToScale": ["True", reason, message],
            "ScalingLimited": [is_limited, limited.limit.reason(), limited.limit.message()],
        },
        "desired": limited.replicas,
    })
}

fn whole_sync(
    setting: &Setting,
    memory: Memory,
    current: i32,
    proposed: i32,
    now: Timestamp,
    after: &Memory,
    expected: &Json,
) -> Result<(), String> {
    let hpa: HorizontalPodAutoscaler = serde_json::from_value(json!({
        "metadata": {"name": "h", "namespace": "n"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
            "minReplicas": setting.min,
            "maxReplicas": setting.max,
            "metrics": [{"type": "External", "external": {
                "metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}}}],
            "behavior": setting.behavior,
        },
    }))
    .map_err(|error| error.to_string())?;
    let start = Start {
        hpa: Arc::new(hpa),
        memory,
        options: Arc::new(Options {
            // No ratio is within it, so that the metric asks for exactly its value.
            tolerance: -1.0,
            scale_up_limit: setting.limit,
            ..Options::default()
        }),
        keep_inputs: false,
    };
    let scale = json!({"spec": {"replicas": current}, "status": {"replicas": current, "selector": "a=b"}});
    let outcome = run(start, now, |request| {
        let answer = match request {
            Request::MapKind { group, .. } => Answer::Mappings(vec![Mapping {
                group,
                version: "v1".to_owned(),
                resource: "deployments".to_owned(),
            }]),
            Request::GetScale { .. } => Answer::Object(scale.clone()),
            Request::ListPods { .. } => Answer::Pods {
                pods: Arc::new([Pod::default()]),
                rivals: Vec::new(),
            },
            Request::GetMetric(_) => Answer::Data(MetricData::Values(vec![Measured {
                value: i64::from(proposed) * 1000,
                timestamp: now,
            }])),
            _ => Answer::Done,
        };
        (answer, now)
    });
    equal("desired", &expected["desired"], &json!(outcome.desired))?;
    let conditions = &outcome.hpa.status.conditions;
    let limited = conditions
        .iter()
        .find(|found| found.type_ == condition::SCALING_LIMITED);
    let limited = limited.map(|found| [&found.status, &found.reason, &found.message]);
    equal(
        "ScalingLimited",
        &expected["conditions"]["ScalingLimited"],
        &json!(limited),
    )?;
    if outcome.desired == Some(current) {
        let able = conditions
            .iter()
            .find(|found| found.type_ == condition::ABLE_TO_SCALE);
        let able = able.map(|found| [&found.status, &found.reason, &found.message]);
        equal(
            "AbleToScale",
            &expected["conditions"]["AbleToScale"],
            &json!(able),
        )?;
    }
    equal("memory", after, &outcome.memory)
}
