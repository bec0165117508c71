//! `oracle/replica_calc.jsonl`: random calculations.

use capstan_hpa::replica_calculator::{
    CalculationError, Situation, external_per_pod, external_sum, external_sum_per_pod, object_per_pod, plain,
    total, utilization,
};
use serde_json::Value as Json;

use super::Case;
use super::input::{big_number, items, nanos, number, pods, samples, time, tolerances};
use super::replica_calculator::compare;
use super::text;

pub(super) fn replica_calc(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let pods = pods(&case["pods"]);
    let situation = Situation {
        pods: &pods,
        now: time(&case["now"]),
        tolerances: tolerances(&case["tolerance"]),
        cpu_initialization_period: nanos(&case["cpuInitializationPeriod"])?,
        initial_readiness_delay: nanos(&case["initialReadinessDelay"])?,
    };
    let current = number(&case["currentReplicas"])?;
    let target = big_number(&case["target"])?;
    let samples = || samples(&case["metrics"]);
    let values: Vec<i64> = items(&case["values"]).iter().filter_map(Json::as_i64).collect();
    let result = match text(case, "function") {
        "GetResourceReplicas" => utilization(
            &situation,
            current,
            number(&case["target"])?,
            text(case, "resource"),
            text(case, "container"),
            true,
            samples()?,
        ),
        "GetRawResourceReplicas" => plain(&situation, current, target, text(case, "resource"), samples()?),
        "GetMetricReplicas" => plain(&situation, current, target, "", samples()?),
        "GetObjectMetricReplicas" => total(&situation, current, big_number(&case["value"])?, target),
        "GetObjectPerPodMetricReplicas" => Ok(object_per_pod(
            situation.tolerances,
            current,
            big_number(&case["value"])?,
            target,
        )),
        "GetExternalMetricReplicas" => total(&situation, current, external_sum(&values), target),
        "GetExternalPerPodMetricReplicas" => Ok(external_per_pod(
            situation.tolerances,
            current,
            external_sum_per_pod(&values),
            target,
        )),
        other => return Err(format!("unknown function {other}")),
    };
    // Upstream lists pods in random order, so which of several pods an error names is random too.
    if let (Err(error), Some(observed)) = (&result, case["observed"]["error"].as_str()) {
        let about_requests = |text: &str| text.starts_with("missing ") || text.starts_with("container ");
        let of_one_pod = matches!(
            error,
            CalculationError::MissingRequest { .. }
                | CalculationError::MissingPodRequest { .. }
                | CalculationError::NoContainer { .. }
        );
        if of_one_pod && about_requests(observed) && pods.len() > 1 {
            return alone(case, &pods, observed);
        }
    }
    compare(&case["observed"], result.map_err(|error| error.to_string()))
}

/// Whether one of the pods, taken alone, gives the observed error.
fn alone(case: &Json, pods: &[capstan_hpa::pod::Pod], observed: &str) -> Result<(), String> {
    let (container, resource) = (text(case, "container"), text(case, "resource"));
    let named = pods.iter().any(|pod| {
        let requests = capstan_hpa::replica_calculator::calculate_requests;
        requests(std::slice::from_ref(pod), container, resource, true)
            .is_err_and(|error| error.to_string() == observed)
    });
    if named {
        Ok(())
    } else {
        Err(format!("no pod gives the error {observed:?}"))
    }
}
