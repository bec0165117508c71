//! `horizontal.json` without whole reconciles: limits, stabilization, scale events, quantities.

use std::path::Path;

use capstan_hpa::autoscaling::{Behavior, ScalingRules};
use capstan_hpa::behavior::{self, Bounds};
use capstan_hpa::limits::{self, Limited, ScaleUpLimit};
use capstan_hpa::memory::{Memory, Recommendation, change_per_period};
use capstan_hpa::reconcile::build_quantity;
use capstan_hpa::stabilize;
use capstan_kubeapi::Format;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::input::{big_number, events, nanos, number, recommendations, time};
use super::text;
use super::{Case, Run, equal, reconcile, sections};
use crate::report::CaseResult;

/// Runs every case of a file.
pub(super) fn run_file(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    sections(file, section)
}

fn section(name: &str) -> Option<Run> {
    Some(match name {
        "reconcile" => reconcile::run,
        "convertDesiredReplicasWithRules" => with_rules,
        "convertDesiredReplicasWithBehaviorRate" => with_behavior,
        "scaleUpLimitWithRules" => up_limit,
        "scaleDownLimitWithRules" => down_limit,
        "stabilizeRecommendation" => stabilized,
        "stabilizeRecommendationWithBehaviors" => stabilized_with_behavior,
        "storeScaleEvent" => store,
        "buildQuantity" => quantity,
        _ => return None,
    })
}

fn rules(value: &Json) -> Result<ScalingRules, String> {
    serde_json::from_value(value.clone()).map_err(|error| error.to_string())
}

fn limited(case: &Json, found: Limited) -> Result<(), String> {
    let observed = &case["observed"];
    equal("replicas", &observed["replicas"], &json!(found.replicas))?;
    equal("reason", &text(observed, "reason"), &found.limit.reason())?;
    equal("message", &text(observed, "message"), &found.limit.message())
}

fn with_rules(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let limit = ScaleUpLimit {
        factor: case["scaleUpLimitFactor"].as_f64().unwrap_or(2.0),
        minimum: case["scaleUpLimitMinimum"].as_f64().unwrap_or(4.0),
    };
    let found = limits::convert_desired_replicas(
        number(&case["currentReplicas"])?,
        number(&case["desiredReplicas"])?,
        number(&case["minReplicas"])?,
        number(&case["maxReplicas"])?,
        limit,
    );
    limited(case, found)
}

fn with_behavior(Case { file, case }: &Case<'_>) -> Result<(), String> {
    let now = time(&file["now"]);
    let (up, down) = (rules(&case["scaleUp"])?, rules(&case["scaleDown"])?);
    let bounds = Bounds {
        min: number(&case["minReplicas"])?,
        max: number(&case["maxReplicas"])?,
        up: &up,
        down: &down,
    };
    let (found, _) = behavior::convert_desired_replicas(
        number(&case["currentReplicas"])?,
        number(&case["desiredReplicas"])?,
        bounds,
        &events(&case["scaleUpEvents"], now)?.unwrap_or_default(),
        &events(&case["scaleDownEvents"], now)?.unwrap_or_default(),
        now,
    );
    limited(case, found)
}

fn up_limit(case: &Case<'_>) -> Result<(), String> {
    rate_limit(case, behavior::scale_up_limit)
}

fn down_limit(case: &Case<'_>) -> Result<(), String> {
    rate_limit(case, behavior::scale_down_limit)
}

type RateLimit = fn(
    i32,
    &[capstan_hpa::memory::ScaleEvent],
    &[capstan_hpa::memory::ScaleEvent],
    &ScalingRules,
    Timestamp,
) -> behavior::RateLimit;

fn rate_limit(Case { file, case }: &Case<'_>, limit: RateLimit) -> Result<(), String> {
    let now = time(&file["now"]);
    let found = limit(
        number(&case["currentReplicas"])?,
        &events(&case["scaleUpEvents"], now)?.unwrap_or_default(),
        &events(&case["scaleDownEvents"], now)?.unwrap_or_default(),
        &rules(&case["rules"])?,
        now,
    );
    equal("limit", &case["observed"], &json!(found.limit))
}

fn remembered(case: &Json, memory: &Memory, now: Timestamp) -> Result<(), String> {
    let expected: Vec<Recommendation> =
        recommendations(&case["observed"]["recommendations"], now)?.unwrap_or_default();
    equal("recommendations", &expected.as_slice(), &memory.recommendations())
}

fn stabilized(Case { file, case }: &Case<'_>) -> Result<(), String> {
    let now = time(&file["now"]);
    let mut memory = Memory {
        recommendations: recommendations(&case["recommendations"], now)?,
        ..Memory::default()
    };
    let window = nanos(&case["downscaleStabilizationWindow"])?;
    let found = stabilize::stabilize(&mut memory, number(&case["desiredReplicas"])?, window, now);
    equal("replicas", &case["observed"]["replicas"], &json!(found.replicas))?;
    remembered(case, &memory, now)
}

fn stabilized_with_behavior(Case { file, case }: &Case<'_>) -> Result<(), String> {
    let now = time(&file["now"]);
    let mut memory = Memory {
        recommendations: recommendations(&case["recommendations"], now)?,
        ..Memory::default()
    };
    let (current, desired) = (
        number(&case["currentReplicas"])?,
        number(&case["desiredReplicas"])?,
    );
    let found = stabilize::stabilize_with_behavior(
        &mut memory,
        current,
        desired,
        number(&case["scaleUpStabilizationWindowSeconds"])?,
        number(&case["scaleDownStabilizationWindowSeconds"])?,
        now,
    );
    let observed = &case["observed"];
    equal("replicas", &observed["replicas"], &json!(found.replicas))?;
    let (reason, message) = stabilize::held_text(desired >= current);
    equal("reason", &text(observed, "reason"), &reason)?;
    equal("message", &text(observed, "message"), &message)?;
    remembered(case, &memory, now)
}

fn store(Case { file, case }: &Case<'_>) -> Result<(), String> {
    let now = time(&file["now"]);
    let behavior: Option<Behavior> =
        serde_json::from_value(case["behavior"].clone()).map_err(|error| error.to_string())?;
    let before = events(&case["events"], now)?;
    let observed = &case["observed"];
    let change = change_per_period(
        number(&case["periodSeconds"])?,
        before.as_deref().unwrap_or_default(),
        now,
    );
    equal(
        "changeInPeriodBefore",
        &observed["changeInPeriodBefore"],
        &json!(change),
    )?;
    let up = text(case, "direction") == "up";
    let mut memory = Memory::default();
    if up {
        memory.scale_up_events = before;
    } else {
        memory.scale_down_events = before;
    }
    memory.store_scale_event(
        behavior.as_ref(),
        number(&case["previousReplicas"])?,
        number(&case["newReplicas"])?,
        now,
    );
    let expected = events(&observed["events"], now)?.unwrap_or_default();
    equal(
        "events",
        &expected.as_slice(),
        &if up { memory.ups() } else { memory.downs() },
    )
}

fn quantity(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let found = build_quantity(text(case, "resource"), big_number(&case["milliValue"])?);
    let observed = &case["observed"];
    let format = match found.format() {
        Format::BinarySI => "BinarySI",
        Format::DecimalExponent => "DecimalExponent",
        Format::DecimalSI => "DecimalSI",
    };
    equal("string", &text(observed, "string"), &found.to_string().as_str())?;
    equal("format", &text(observed, "format"), &format)
}
