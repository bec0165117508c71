//! How many replicas one metric asks for (upstream: `pkg/controller/podautoscaler/replica_calculator.go`).
//!
//! Values are in thousandths. Where upstream iterates over maps, sums are the same in any order; only which pod an
//! error names is random there and the first in the list here.

mod group;
mod ratio;
mod requests;
mod whole;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::go;
use crate::pod::Pod;

pub use group::{Groups, Note, group_pods};
pub use ratio::{Ratio, usage_ratio, utilization_ratio};
pub use requests::calculate_requests;
pub use whole::{external_per_pod, external_sum, external_sum_per_pod, object_per_pod, total};

/// What one pod uses of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Thousandths.
    pub value: i64,
    /// When it was measured; Go's zero time when nobody said.
    pub timestamp: Timestamp,
    /// Nanoseconds it was measured over.
    pub window: i64,
}

/// Samples by pod name.
pub type Samples = BTreeMap<String, Sample>;

/// How far a ratio may be from 1 without a change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tolerances {
    /// Below 1.
    pub scale_down: f64,
    /// Above 1.
    pub scale_up: f64,
}

impl Tolerances {
    /// Whether a change would be too small.
    pub fn is_within(self, ratio: f64) -> bool {
        (1.0 - self.scale_down) <= ratio && ratio <= (1.0 + self.scale_up)
    }
}

/// What all calculations of one sync have in common.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The pods that the target's selector selects.
    pub pods: &'a [Pod],
    /// The time of the calculation.
    pub now: Timestamp,
    /// How far a ratio may be from 1.
    pub tolerances: Tolerances,
    /// Nanoseconds after its start in which a pod's CPU is looked at more closely.
    pub cpu_initialization_period: i64,
    /// Nanoseconds after its start in which a first change of readiness counts as its initial one.
    pub initial_readiness_delay: i64,
}

/// Why a calculation has no answer; the wording is upstream's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalculationError {
    /// The selector selects nothing.
    #[error("no pods returned by selector while calculating replica count")]
    NoPods,
    /// The same where only the number of ready pods is wanted.
    #[error("unable to calculate ready pods: no pods returned by selector while calculating replica count")]
    NoReadyPods,
    /// All samples belong to pods that do not count.
    #[error("did not receive metrics for targeted pods (pods might be unready)")]
    NoSamples,
    /// Samples and pods have nothing in common, or request nothing.
    #[error("no metrics returned matched known pods")]
    NothingMatches,
    /// A percentage of nothing.
    #[error("missing request for {resource} in container {container} of Pod {pod}")]
    MissingRequest {
        /// `cpu`, `memory`, …
        resource: String,
        /// The container that requests none.
        container: String,
        /// Its pod.
        pod: String,
    },
    /// A percentage of nothing, for pods that have requests of their own.
    #[error("missing pod-level request for {resource} in Pod {pod}")]
    MissingPodRequest {
        /// `cpu`, `memory`, …
        resource: String,
        /// The pod.
        pod: String,
    },
    /// The metric is of a container that a pod does not have.
    #[error("container {container} not found in Pod {pod}")]
    NoContainer {
        /// The container.
        container: String,
        /// The pod.
        pod: String,
    },
}

impl capstan_base::Classify for CalculationError {
    fn class(&self) -> capstan_base::Class {
        match self {
            Self::NoPods | Self::NoReadyPods => capstan_base::Class::NotFound,
            Self::NoSamples | Self::NothingMatches => capstan_base::Class::Unavailable,
            Self::MissingRequest { .. } | Self::MissingPodRequest { .. } | Self::NoContainer { .. } => {
                capstan_base::Class::User
            }
        }
    }
}

/// Which rule gave the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rule {
    /// `ceil(ratio * pods)`.
    Ratio,
    /// The ratio is too close to 1.
    Tolerance,
    /// After filling in for pods without values, the ratio is too close to 1.
    ToleranceAfterFill,
    /// After filling in for pods without values, the ratio points the other way.
    FlippedAfterFill,
    /// After filling in, the number of pods would move against the ratio.
    AgainstRatio,
    /// There are no replicas: `ceil(ratio)`, whatever the tolerance.
    FromZero,
    /// `ceil(value / target)`.
    PerPod,
}

impl Rule {
    /// Whether the rule keeps the number as it is.
    pub fn holds(self) -> bool {
        matches!(
            self,
            Self::Tolerance | Self::ToleranceAfterFill | Self::FlippedAfterFill | Self::AgainstRatio
        )
    }
}

/// What pods got that have no value of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// The pod.
    pub pod: String,
    /// Thousandths.
    pub value: i64,
}

/// The pods of a calculation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// How many have a value that counts.
    pub ready: usize,
    /// Which were left out as unready, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unready: Vec<Note>,
    /// Which have no value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Which do not count at all, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Note>,
    /// What was filled in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filled: Vec<Fill>,
}

/// The answer of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Calculation {
    /// The replicas it asks for.
    pub replicas: i32,
    /// Percent of what the pods request.
    pub utilization: Option<i32>,
    /// What the status reports, thousandths: the average over the pods, or the value.
    pub usage: i64,
    /// What is compared with the target, thousandths: the same, except that a target per pod has the whole value here.
    pub value: i64,
    /// Value divided by target.
    pub ratio: f64,
    /// The same after filling in for pods without values.
    pub filled_ratio: Option<f64>,
    /// What the value is divided by before it is compared with the target: 1, or the replicas.
    pub divisor: i64,
    /// How many pods the ratio was multiplied with.
    pub factor: i64,
    /// What it would ask for if nothing held it: neither the tolerance nor pods without values.
    pub unheld: i32,
    /// What gave the answer.
    pub rule: Rule,
    /// Which pods counted; `None` where pods do not matter.
    pub pods: Option<Counted>,
}

/// Replicas for a target in percent of the requests (`GetResourceReplicas`).
pub fn utilization(
    situation: &Situation<'_>,
    current: i32,
    target: i32,
    resource: &str,
    container: &str,
    pod_level: bool,
    samples: Samples,
) -> Result<Calculation, CalculationError> {
    let (groups, samples) = prepare(situation, resource, samples)?;
    let requests = calculate_requests(situation.pods, container, resource, pod_level)?;
    let fallback = i64::from(target.max(100));
    from_pods(
        situation,
        current,
        groups,
        samples,
        |samples| utilization_ratio(samples, &requests, target),
        |pod| requests.get(pod).copied().unwrap_or(0).wrapping_mul(fallback) / 100,
    )
}

/// Replicas for a target per pod (`GetRawResourceReplicas` with the resource's name, `GetMetricReplicas` without).
pub fn plain(
    situation: &Situation<'_>,
    current: i32,
    target: i64,
    resource: &str,
    samples: Samples,
) -> Result<Calculation, CalculationError> {
    let (groups, samples) = prepare(situation, resource, samples)?;
    from_pods(
        situation,
        current,
        groups,
        samples,
        |samples| Ok(usage_ratio(samples, target)),
        |_| target,
    )
}

fn prepare(
    situation: &Situation<'_>,
    resource: &str,
    mut samples: Samples,
) -> Result<(Groups, Samples), CalculationError> {
    if situation.pods.is_empty() {
        return Err(CalculationError::NoPods);
    }
    let groups = group_pods(situation, &samples, resource);
    for note in groups.ignored.iter().chain(&groups.unready) {
        samples.remove(&note.pod);
    }
    if samples.is_empty() {
        return Err(CalculationError::NoSamples);
    }
    Ok((groups, samples))
}

fn from_pods(
    situation: &Situation<'_>,
    current: i32,
    groups: Groups,
    mut samples: Samples,
    ratio: impl Fn(&Samples) -> Result<Ratio, CalculationError>,
    fallback: impl Fn(&str) -> i64,
) -> Result<Calculation, CalculationError> {
    let first = ratio(&samples)?;
    let up_with_unready = !groups.unready.is_empty() && first.ratio > 1.0;
    let mut answer = Calculation {
        replicas: current,
        utilization: first.utilization,
        usage: first.average,
        value: first.average,
        ratio: first.ratio,
        filled_ratio: None,
        divisor: 1,
        factor: groups.ready as i64,
        unheld: go::to_i32((first.ratio * groups.ready as f64).ceil()),
        rule: Rule::Ratio,
        pods: None,
    };
    let mut counted = Counted {
        ready: groups.ready,
        unready: groups.unready,
        missing: groups.missing,
        ignored: groups.ignored,
        filled: Vec::new(),
    };
    if !up_with_unready && counted.missing.is_empty() {
        if situation.tolerances.is_within(first.ratio) {
            answer.rule = Rule::Tolerance;
        } else {
            answer.replicas = answer.unheld;
        }
        answer.pods = Some(counted);
        return Ok(answer);
    }
    let mut fill = |pod: &str, value: i64| {
        let timestamp = go::zero_time();
        let window = 0;
        samples.insert(
            pod.to_owned(),
            Sample {
                value,
                timestamp,
                window,
            },
        );
        Fill {
            pod: pod.to_owned(),
            value,
        }
    };
    if first.ratio < 1.0 {
        counted
            .filled
            .extend(counted.missing.iter().map(|pod| fill(pod, fallback(pod))));
    } else if first.ratio > 1.0 {
        counted
            .filled
            .extend(counted.missing.iter().map(|pod| fill(pod, 0)));
    }
    if up_with_unready {
        counted
            .filled
            .extend(counted.unready.iter().map(|note| fill(&note.pod, 0)));
    }
    let second = ratio(&samples)?.ratio;
    let replicas = go::to_i32((second * samples.len() as f64).ceil());
    answer.filled_ratio = Some(second);
    answer.factor = samples.len() as i64;
    answer.pods = Some(counted);
    if situation.tolerances.is_within(second) {
        answer.rule = Rule::ToleranceAfterFill;
    } else if (first.ratio < 1.0 && second > 1.0) || (first.ratio > 1.0 && second < 1.0) {
        answer.rule = Rule::FlippedAfterFill;
    } else if (second < 1.0 && replicas > current) || (second > 1.0 && replicas < current) {
        answer.rule = Rule::AgainstRatio;
    } else {
        answer.replicas = replicas;
    }
    Ok(answer)
}
