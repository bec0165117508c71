//! Replicas for one value that all pods have in common (upstream: `Get{Object,External}[PerPod]MetricReplicas`).

use super::{Calculation, CalculationError, Counted, Rule, Situation, Tolerances};
use crate::go;

/// Replicas for a target of the whole value (`GetObjectMetricReplicas`, `GetExternalMetricReplicas`).
pub fn total(
    situation: &Situation<'_>,
    current: i32,
    usage: i64,
    target: i64,
) -> Result<Calculation, CalculationError> {
    let ratio = usage as f64 / target as f64;
    let mut answer = Calculation {
        replicas: current,
        utilization: None,
        usage,
        value: usage,
        ratio,
        filled_ratio: None,
        divisor: 1,
        factor: 1,
        unheld: go::to_i32(ratio.ceil()),
        rule: Rule::FromZero,
        pods: None,
    };
    if current == 0 {
        answer.replicas = answer.unheld;
        return Ok(answer);
    }
    let ready = situation
        .pods
        .iter()
        .filter(|pod| pod.phase == "Running" && pod.is_ready())
        .count();
    answer.factor = ready as i64;
    answer.unheld = clamped(ratio * ready as f64);
    if situation.tolerances.is_within(ratio) {
        answer.rule = Rule::Tolerance;
        return Ok(answer);
    }
    if situation.pods.is_empty() {
        return Err(CalculationError::NoReadyPods);
    }
    answer.rule = Rule::Ratio;
    answer.replicas = answer.unheld;
    answer.pods = Some(Counted {
        ready,
        ..Counted::default()
    });
    Ok(answer)
}

/// Replicas for a target of the value divided by the pods (`GetObjectPerPodMetricReplicas`). `status_replicas` is what
/// the scale's status says; 0 divides by zero as Go does.
pub fn object_per_pod(tolerances: Tolerances, status_replicas: i32, usage: i64, target: i64) -> Calculation {
    per_pod(tolerances, status_replicas, usage, target, |count| {
        go::to_i32(count.ceil())
    })
}

/// The same for external metrics, where numbers too large are cut (`GetExternalPerPodMetricReplicas`).
pub fn external_per_pod(
    tolerances: Tolerances,
    status_replicas: i32,
    usage: i64,
    target: i64,
) -> Calculation {
    let mut answer = per_pod(tolerances, status_replicas, usage, target, clamped);
    if usage as f64 >= i64::MAX as f64 {
        answer.usage = i64::MAX;
    }
    answer
}

fn per_pod(
    tolerances: Tolerances,
    status_replicas: i32,
    usage: i64,
    target: i64,
    convert: impl Fn(f64) -> i32,
) -> Calculation {
    let ratio = usage as f64 / (target as f64 * f64::from(status_replicas));
    let within = tolerances.is_within(ratio);
    let unheld = convert(usage as f64 / target as f64);
    Calculation {
        replicas: if within { status_replicas } else { unheld },
        unheld,
        utilization: None,
        value: usage,
        usage: go::to_i64((usage as f64 / f64::from(status_replicas)).ceil()),
        ratio,
        filled_ratio: None,
        divisor: i64::from(status_replicas),
        factor: i64::from(status_replicas),
        rule: if within { Rule::Tolerance } else { Rule::PerPod },
        pods: None,
    }
}

/// Rounded up, at most the largest `int32`.
fn clamped(count: f64) -> i32 {
    if count > f64::from(i32::MAX) {
        i32::MAX
    } else {
        go::to_i32(count.ceil())
    }
}

/// The sum of an external metric's values for a `Value` target: it ends at the largest `int64`.
pub fn external_sum(values: &[i64]) -> i64 {
    let mut sum = 0i64;
    for &value in values {
        if value > 0 && sum > i64::MAX - value {
            return i64::MAX;
        }
        sum = sum.wrapping_add(value);
    }
    sum
}

/// The same for an `AverageValue` target, where upstream takes any negative sum on the way for an overflow.
pub fn external_sum_per_pod(values: &[i64]) -> i64 {
    let mut sum = 0i64;
    for &value in values {
        sum = sum.wrapping_add(value);
        if sum < 0 {
            return i64::MAX;
        }
    }
    sum
}
