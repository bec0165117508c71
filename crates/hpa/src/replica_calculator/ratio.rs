//! Value divided by target (upstream: `pkg/controller/podautoscaler/metrics/utilization.go`).

use std::collections::BTreeMap;

use super::{CalculationError, Samples};

/// Value divided by target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Value divided by target.
    pub ratio: f64,
    /// Whole percent of the requests, cut off.
    pub utilization: Option<i32>,
    /// The average, thousandths, cut off.
    pub average: i64,
}

/// Percent of the requests against a target in percent (`GetResourceUtilizationRatio`). Samples of strangers do not
/// count.
pub fn utilization_ratio(
    samples: &Samples,
    requests: &BTreeMap<String, i64>,
    target: i32,
) -> Result<Ratio, CalculationError> {
    let (mut used, mut requested, mut count) = (0i64, 0i64, 0i64);
    for (pod, sample) in samples {
        if let Some(request) = requests.get(pod) {
            used = used.wrapping_add(sample.value);
            requested = requested.wrapping_add(*request);
            count += 1;
        }
    }
    if requested == 0 {
        return Err(CalculationError::NothingMatches);
    }
    let utilization = used.wrapping_mul(100).wrapping_div(requested) as i32;
    Ok(Ratio {
        ratio: f64::from(utilization) / f64::from(target),
        utilization: Some(utilization),
        average: used.wrapping_div(count),
    })
}

/// The average against a target in thousandths (`GetMetricUsageRatio`); `samples` must not be empty.
pub fn usage_ratio(samples: &Samples, target: i64) -> Ratio {
    let used = samples
        .values()
        .fold(0i64, |sum, sample| sum.wrapping_add(sample.value));
    let average = used.checked_div(samples.len() as i64).unwrap_or(0);
    Ratio {
        ratio: average as f64 / target as f64,
        utilization: None,
        average,
    }
}
