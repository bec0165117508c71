//! `replica_calculator.json`: calculations, groupings, requests, metrics clients and ratios.

use std::path::Path;

use capstan_hpa::api_error::ApiError;
use capstan_hpa::autoscaling::LabelSelector;
use capstan_hpa::metrics::{MetricAnswer, MetricData, MetricQuery};
use capstan_hpa::replica_calculator::{
    Calculation, Situation, calculate_requests, external_per_pod, external_sum, external_sum_per_pod,
    group_pods, object_per_pod, plain, total, usage_ratio, utilization, utilization_ratio,
};
use serde_json::{Value as Json, json};

use super::input::{big_number, items, nanos, number, pods, samples, time, tolerances};
use super::text;
use super::{Case, Run, equal, sections};
use crate::report::CaseResult;

/// Runs every case of a file.
pub(super) fn run_file(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    sections(file, section)
}

fn section(name: &str) -> Option<Run> {
    Some(match name {
        "replicaCalc" => replica_calc,
        "groupPods" => grouping,
        "calculateRequests" => requests,
        "metricsClient" => client,
        "utilizationRatio" => percentage,
        "usageRatio" => usage,
        _ => return None,
    })
}

/// Compares a calculation with what was observed; the keys that a function does not return are absent.
pub(super) fn compare(observed: &Json, result: Result<Calculation, String>) -> Result<(), String> {
    let found = match (observed["error"].as_str(), result) {
        (Some(expected), Err(error)) => return equal("error", &expected, &error.as_str()),
        (Some(expected), Ok(found)) => return Err(format!("expected the error {expected:?}, got {found:?}")),
        (None, Err(error)) => return Err(error),
        (None, Ok(found)) => found,
    };
    for (key, actual) in [
        ("replicas", json!(found.replicas)),
        ("utilization", json!(found.utilization)),
        ("rawValueMilli", json!(found.usage)),
        ("usageMilli", json!(found.usage)),
    ] {
        if let Some(expected) = observed.get(key) {
            equal(key, expected, &actual)?;
        }
    }
    Ok(())
}

fn replica_calc(Case { file, case }: &Case<'_>) -> Result<(), String> {
    let pods = pods(&case["pods"]);
    let situation = Situation {
        pods: &pods,
        now: time(&file["now"]),
        tolerances: tolerances(&case["tolerance"]),
        cpu_initialization_period: nanos(&case["cpuInitializationPeriod"])?,
        initial_readiness_delay: nanos(&case["initialReadinessDelay"])?,
    };
    let current = number(&case["currentReplicas"])?;
    let target = &case["target"];
    let function = text(case, "function");
    let namespace = text(case, "namespace").to_owned();
    let query = query(
        case,
        function,
        target,
        text(case, "podSelector"),
        namespace.clone(),
    )?;
    let name = text(target, "metricName");
    let data = match exchange(&query, items(&case["metricsRequest"]))? {
        Ok(data) => data,
        Err(error) => {
            let object = &target["describedObject"];
            let error = match function {
                "GetResourceReplicas" | "GetRawResourceReplicas" => {
                    format!(
                        "unable to get metrics for resource {}: {error}",
                        text(target, "resource")
                    )
                }
                "GetMetricReplicas" => format!("unable to get metric {name}: {error}"),
                "GetObjectMetricReplicas" | "GetObjectPerPodMetricReplicas" => format!(
                    "unable to get metric {name}: {} on {namespace} {}/{error}",
                    text(object, "kind"),
                    text(object, "name")
                ),
                _ => {
                    let selector = selector(&target["metricSelector"])?;
                    let selector = LabelSelector::go_format(selector.as_ref());
                    format!("unable to get external metric {namespace}/{name}/{selector}: {error}")
                }
            };
            return compare(&case["observed"], Err(error));
        }
    };
    let samples = || match &data {
        MetricData::Pods { samples, .. } => Ok(samples.clone()),
        MetricData::Values(_) => Err("the metrics are not of pods".to_owned()),
    };
    let values: Vec<i64> = match &data {
        MetricData::Values(values) => values.iter().map(|value| value.value).collect(),
        MetricData::Pods { .. } => Vec::new(),
    };
    let of_object = || values.first().copied().ok_or("no value");
    let whole = || big_number(&target["targetValueMilli"]);
    let average = || big_number(&target["targetAverageValueMilli"]);
    let resource = text(target, "resource");
    let result = match function {
        "GetResourceReplicas" => utilization(
            &situation,
            current,
            number(&target["targetUtilization"])?,
            resource,
            text(target, "container"),
            true,
            samples()?,
        )
        .map_err(|error| error.to_string()),
        "GetRawResourceReplicas" => {
            plain(&situation, current, average()?, resource, samples()?).map_err(|error| error.to_string())
        }
        "GetMetricReplicas" => {
            plain(&situation, current, average()?, "", samples()?).map_err(|error| error.to_string())
        }
        "GetObjectMetricReplicas" => {
            total(&situation, current, of_object()?, whole()?).map_err(|error| error.to_string())
        }
        "GetObjectPerPodMetricReplicas" => Ok(object_per_pod(
            situation.tolerances,
            current,
            of_object()?,
            average()?,
        )),
        "GetExternalMetricReplicas" => {
            total(&situation, current, external_sum(&values), whole()?).map_err(|error| error.to_string())
        }
        "GetExternalPerPodMetricReplicas" => Ok(external_per_pod(
            situation.tolerances,
            current,
            external_sum_per_pod(&values),
            average()?,
        )),
        other => return Err(format!("unknown function {other}")),
    };
    compare(&case["observed"], result)
}

fn selector(value: &Json) -> Result<Option<LabelSelector>, String> {
    serde_json::from_value(value.clone()).map_err(|error| error.to_string())
}

/// Resource of a described object; the data has few kinds.
fn resource_of(object: &Json) -> String {
    let group = text(object, "apiVersion")
        .split_once('/')
        .map_or("", |(group, _)| group);
    let kind = text(object, "kind").to_lowercase();
    if kind == "namespace" && group.is_empty() {
        String::new()
    } else if group.is_empty() {
        format!("{kind}s")
    } else {
        format!("{kind}s.{group}")
    }
}

fn query(
    case: &Json,
    function: &str,
    target: &Json,
    pod_selector: &str,
    namespace: String,
) -> Result<MetricQuery, String> {
    let metric = text(target, "metricName").to_owned();
    let metric_selector = match selector(&target["metricSelector"])? {
        // Upstream's test has selectors for metrics of pods too, but does not hand them over.
        Some(selector) if function != "GetMetricReplicas" => selector.selector()?.to_string(),
        _ => String::new(),
    };
    let version = "v1beta2".to_owned();
    let kind = match function {
        "GetResourceMetric" | "GetResourceReplicas" | "GetRawResourceReplicas" => "Resource",
        "GetRawMetric" | "GetMetricReplicas" => "Pods",
        "GetObjectMetric" | "GetObjectMetricReplicas" | "GetObjectPerPodMetricReplicas" => "Object",
        "GetExternalMetric" | "GetExternalMetricReplicas" | "GetExternalPerPodMetricReplicas" => "External",
        other => return Err(format!("unknown function {other} in {case}")),
    };
    Ok(match kind {
        "Resource" => MetricQuery::Resource {
            namespace,
            selector: pod_selector.to_owned(),
            resource: text(target, "resource").to_owned(),
            container: text(target, "container").to_owned(),
        },
        "Pods" => MetricQuery::Pods {
            version,
            namespace,
            selector: pod_selector.to_owned(),
            metric,
            metric_selector,
        },
        "Object" => MetricQuery::Object {
            version,
            namespace,
            resource: resource_of(&target["describedObject"]),
            name: text(&target["describedObject"], "name").to_owned(),
            metric,
            metric_selector,
        },
        _ => MetricQuery::External {
            namespace,
            metric,
            metric_selector,
        },
    })
}

/// Sends the query to the one recorded exchange, which must be for its path.
fn exchange(query: &MetricQuery, exchanges: &[Json]) -> Result<Result<MetricData, String>, String> {
    let [exchange] = exchanges else {
        return Err(format!("expected one exchange, there are {}", exchanges.len()));
    };
    equal("path", &text(exchange, "path").replace('*', "%2A"), &query.path())?;
    Ok(query.read(answer(exchange)))
}

/// A recorded answer.
pub(super) fn answer(exchange: &Json) -> MetricAnswer {
    match exchange["clientError"].as_str() {
        Some(error) => MetricAnswer::Failed(ApiError::text(error)),
        None => MetricAnswer::Body(exchange["response"].clone()),
    }
}

fn grouping(Case { file, case }: &Case<'_>) -> Result<(), String> {
    let pods = pods(&case["pods"]);
    let situation = Situation {
        pods: &pods,
        now: time(&file["now"]),
        tolerances: tolerances(&Json::Null),
        cpu_initialization_period: nanos(&case["cpuInitializationPeriod"])?,
        initial_readiness_delay: nanos(&case["initialReadinessDelay"])?,
    };
    let groups = group_pods(&situation, &samples(&case["metrics"])?, text(case, "resource"));
    let sorted = |mut names: Vec<String>| {
        names.sort();
        json!(names)
    };
    let notes =
        |notes: Vec<capstan_hpa::replica_calculator::Note>| notes.into_iter().map(|note| note.pod).collect();
    let observed = &case["observed"];
    equal("readyPodCount", &observed["readyPodCount"], &json!(groups.ready))?;
    equal("unready", &observed["unready"], &sorted(notes(groups.unready)))?;
    equal("missing", &observed["missing"], &sorted(groups.missing))?;
    equal("ignored", &observed["ignored"], &sorted(notes(groups.ignored)))
}

fn requests(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let found = calculate_requests(
        &pods(&case["pods"]),
        text(case, "container"),
        text(case, "resource"),
        case["podLevelResourcesGate"] == true,
    );
    let observed = &case["observed"];
    match found {
        Ok(requests) => {
            equal("error", &observed["error"], &Json::Null)?;
            equal("requestsMilli", &observed["requestsMilli"], &json!(requests))
        }
        Err(error) => equal("error", &observed["error"], &json!(error.to_string())),
    }
}

fn client(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let input = &case["input"];
    let namespace = text(case, "namespace").to_owned();
    let query = query(
        case,
        text(case, "function"),
        input,
        text(input, "podSelector"),
        namespace,
    )?;
    let observed = &case["observed"];
    let data = match exchange(&query, items(&case["requests"]))? {
        Err(error) => return equal("error", &observed["error"], &json!(error)),
        Ok(data) => data,
    };
    match data {
        MetricData::Pods { samples: found, .. } => equal("result", &samples(&observed["result"])?, &found),
        MetricData::Values(values) => {
            let numbers: Vec<i64> = values.iter().map(|value| value.value).collect();
            let result = match &query {
                MetricQuery::Object { .. } => json!(numbers.first()),
                _ => json!(numbers),
            };
            equal("result", &observed["result"], &result)?;
            let first = values.first().map(|value| value.timestamp);
            equal("timestamp", &Some(time(&observed["timestamp"])), &first)
        }
    }
}

fn percentage(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let requests =
        serde_json::from_value(case["requestsMilli"].clone()).map_err(|error| error.to_string())?;
    let target = number(&case["targetUtilization"])?;
    let observed = &case["observed"];
    match utilization_ratio(&samples(&case["metrics"])?, &requests, target) {
        Err(error) => equal("error", &observed["error"], &json!(error.to_string())),
        Ok(found) => {
            equal("ratio", &observed["ratio"].as_f64(), &Some(found.ratio))?;
            equal("utilization", &observed["utilization"], &json!(found.utilization))?;
            equal(
                "rawAverageMilli",
                &observed["rawAverageMilli"],
                &json!(found.average),
            )
        }
    }
}

fn usage(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let found = usage_ratio(&samples(&case["metrics"])?, big_number(&case["targetMilli"])?);
    let observed = &case["observed"];
    equal("ratio", &observed["ratio"].as_f64(), &Some(found.ratio))?;
    equal("usageMilli", &observed["usageMilli"], &json!(found.average))
}
