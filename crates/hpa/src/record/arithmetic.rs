//! The arithmetic of an HPA's decision, step by step.

use std::fmt::Write as _;

use capstan_gocompat::strconv;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::behavior::RateLimit;
use crate::limits::Limit;
use crate::memory::Recommendation;
use crate::replica_calculator::{Counted, Rule, Tolerances};

/// The arithmetic of an HPA's decision, step by step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Arithmetic {
    /// `minReplicas` in effect.
    pub min_replicas: i32,
    /// `maxReplicas`.
    pub max_replicas: i32,
    /// How far a ratio may be from 1, per direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerances: Option<Tolerances>,
    /// Each metric, as far as they were looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricStep>,
    /// What earlier recommendations did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stabilization: Option<Stabilization>,
    /// What policies, `minReplicas` and `maxReplicas` did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitStep>,
    /// What ended the sync early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What ended a sync early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The condition's or event's reason.
    pub reason: String,
    /// Its text.
    pub message: String,
}

/// What a metric is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Percent of what the pods request.
    Percent,
    /// Thousandths.
    Milli,
}

impl Unit {
    /// A value in this unit as text: `83%`, `1.5`.
    pub fn text(self, value: i64) -> String {
        match self {
            Self::Percent => format!("{value}%"),
            Self::Milli => strconv::format_float_g(value as f64 / 1000.0),
        }
    }
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricStep {
    /// Its type, `Resource`.
    #[serde(rename = "type")]
    pub type_: String,
    /// As conditions and events name it.
    pub name: String,
    /// What values are counted in.
    pub unit: Unit,
    /// What it should be.
    pub target: i64,
    /// What it is; `None` if it could not be had.
    pub value: Option<i64>,
    /// Value divided by target; `None` if it could not be had, or is no number.
    pub ratio: Option<f64>,
    /// The same after filling in for pods without values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled_ratio: Option<f64>,
    /// What the value is divided by before it is compared: the replicas, for a target per pod of a common value.
    pub divisor: i64,
    /// How many pods the ratio was multiplied with.
    pub factor: i64,
    /// What it would ask for if nothing held it.
    pub raw_replicas: Option<i32>,
    /// What it asks for.
    pub replicas: Option<i32>,
    /// Which rule gave the answer.
    pub rule: Option<Rule>,
    /// Which pods counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Counted>,
    /// Why it could not be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What earlier recommendations did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stabilization {
    /// Seconds that recommendations hold a scale-up back.
    pub up_window_seconds: i32,
    /// Seconds that recommendations hold a scale-down back.
    pub down_window_seconds: i32,
    /// What the metrics asked for.
    pub before: i32,
    /// What was left of it.
    pub after: i32,
    /// The recommendation that held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<Recommendation>,
    /// Until when recommendations allow no change at all, should the metrics keep asking for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What policies and bounds did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitStep {
    /// What came in.
    pub before: i32,
    /// What was left of it.
    pub after: i32,
    /// What was in the way.
    pub limit: Limit,
    /// The policies with their windows, for an HPA with `behavior`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateLimit>,
    /// The most that one sync may reach, for an HPA without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up_limit: Option<i32>,
}

impl Arithmetic {
    /// Appends lines for what steps alone do not show: pods, tolerances, windows, policies.
    pub(super) fn explain(&self, lines: &mut Vec<String>) {
        let mut add = |title: &str, text: String| lines.push(format!("  {title:<12} {text}"));
        for metric in &self.metrics {
            if metric.replicas.is_none() {
                add("metric", metric.line());
            }
            for (index, line) in metric.pods.iter().flat_map(Counted::lines).enumerate() {
                add(if index == 0 { "pods" } else { "" }, line);
            }
        }
        if let Some(Tolerances { scale_down, scale_up }) = self.tolerances {
            add("tolerance", format!("{scale_down} down, {scale_up} up"));
        }
        if let Some(step) = &self.stabilization {
            let held = step.held_by.map_or_else(String::new, |held| {
                format!("; {} recommended at {} held", held.replicas, held.time)
            });
            add(
                "windows",
                format!(
                    "{}s up, {}s down{held}",
                    step.up_window_seconds, step.down_window_seconds
                ),
            );
        }
        if let Some(step) = &self.limit {
            if let Some(limit) = step.scale_up_limit {
                add("at most", format!("{limit} in one sync"));
            }
            for policy in step.rate.iter().flat_map(|rate| &rate.policies) {
                add(
                    "policy",
                    format!(
                        "{} {} per {}s: {} at its start (+{}, -{} since) -> {}",
                        policy.type_,
                        policy.value,
                        policy.period_seconds,
                        policy.start,
                        policy.added,
                        policy.removed,
                        policy.limit
                    ),
                );
            }
            if let Some(rate) = &step.rate {
                add(
                    "policies",
                    format!("{} of them -> {}", rate.select_policy, rate.limit),
                );
            }
        }
        add(
            "bounds",
            format!("{} to {}", self.min_replicas, self.max_replicas),
        );
        if let Some(failure) = &self.failure {
            add("failed", format!("{}: {}", failure.reason, failure.message));
        }
    }
}

impl MetricStep {
    /// One line: value, target, ratio, and what follows.
    pub fn line(&self) -> String {
        let target = self.unit.text(self.target);
        let (Some(value), Some(replicas), Some(rule)) = (self.value, self.replicas, self.rule) else {
            let error = self.error.as_deref().unwrap_or("no value");
            return format!("{}: missing ({error}); target {target}", self.name);
        };
        let mut line = format!("{}: {}", self.name, self.unit.text(value));
        if self.divisor != 1 {
            let _ = write!(line, " / {} pods", self.divisor);
        }
        let _ = write!(line, " of {target}");
        if let Some(ratio) = self.ratio {
            let _ = write!(line, ", ratio {}", strconv::format_float_g(ratio));
        }
        if let Some(ratio) = self.filled_ratio {
            let _ = write!(line, ", {} after filling in", strconv::format_float_g(ratio));
        }
        let raw = self.raw_replicas.unwrap_or(replicas);
        let _ = match rule {
            Rule::Ratio => write!(line, " x {} pods -> {replicas}", self.factor),
            Rule::Tolerance | Rule::ToleranceAfterFill => {
                write!(line, ", within tolerance -> {replicas} (else {raw})")
            }
            Rule::FlippedAfterFill => {
                write!(
                    line,
                    ", pods without values turn it round -> {replicas} (else {raw})"
                )
            }
            Rule::AgainstRatio => {
                write!(
                    line,
                    ", pods without values are too many -> {replicas} (else {raw})"
                )
            }
            Rule::FromZero => write!(line, ", from zero -> {replicas}"),
            Rule::PerPod => write!(line, ", value per pod -> {replicas}"),
        };
        line
    }
}

impl Counted {
    /// One line per pod that did not count with a value of its own.
    pub fn lines(&self) -> Vec<String> {
        let filled = |pod: &str| {
            let fill = self.filled.iter().find(|fill| fill.pod == pod);
            // Filled-in values are always thousandths, even where the target is a percentage.
            fill.map_or_else(String::new, |fill| {
                format!(", counted as {}", Unit::Milli.text(fill.value))
            })
        };
        let ignored = self
            .ignored
            .iter()
            .map(|note| format!("{} {}: ignored", note.pod, note.reason));
        let unready = self
            .unready
            .iter()
            .map(|note| format!("{} {}: not ready{}", note.pod, note.reason, filled(&note.pod)));
        let missing = self
            .missing
            .iter()
            .map(|pod| format!("{pod} has no value{}", filled(pod)));
        ignored.chain(unready).chain(missing).collect()
    }
}
