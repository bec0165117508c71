//! "Why did it not scale?": the first step that held a change back, and the smallest change that would let it pass.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Arithmetic, LimitStep, MetricStep, Record, Stabilization, Unit, WriteStatus};
use crate::autoscaling::{policy, select};
use crate::behavior::{PolicyLimit, RateLimit};
use crate::limits::Limit;
use crate::replica_calculator::{Rule, Tolerances};

/// The first step that held a change back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// Which step: `scale`, `metrics`, `tolerance`, `pods`, `stabilization`, `policy`, `max`, `min` or `write`.
    pub step: String,
    /// What it did.
    pub why: String,
    /// The smallest change that would let a change pass, in words.
    pub unblock: String,
    /// The same for programs; all of them are needed.
    pub changes: Vec<Change>,
}

/// A change that would let a change pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Change {
    /// Mend what the error says.
    Mend {
        /// The error.
        error: String,
    },
    /// Scale the target by hand, to at least one.
    SetReplicas {
        /// How many.
        replicas: i32,
    },
    /// The metric has to reach a value.
    Metric {
        /// As conditions and events name it.
        metric: String,
        /// What the value is counted in.
        unit: Unit,
        /// The nearest value that would do.
        value: i64,
    },
    /// Pods have to become ready, or have values.
    Pods {
        /// Their names.
        pods: Vec<String>,
    },
    /// Time has to pass.
    Wait {
        /// Until then; the next sync if absent.
        until: Option<Timestamp>,
    },
    /// A policy has to allow more.
    Policy {
        /// `Pods` or `Percent`.
        #[serde(rename = "type")]
        type_: String,
        /// Its window.
        period_seconds: i32,
        /// The value it needs.
        value: i32,
    },
    /// `selectPolicy` must not be `Disabled`.
    EnablePolicy,
    /// `maxReplicas` has to grow.
    RaiseMax {
        /// To this.
        to: i32,
    },
    /// `minReplicas` has to shrink.
    LowerMin {
        /// To this.
        to: i32,
    },
}

impl Record {
    /// What held a change back, if anything did: the first step that left the number as it was, or less far from it
    /// than was asked for. `None` for records of tasks, for a full change, and when the metrics are at their targets.
    pub fn blocked(&self) -> Option<Blocked> {
        let arithmetic = self.arithmetic.as_deref()?;
        let current = i32::try_from(self.current_replicas).ok()?;
        failed(self, arithmetic)
            .or_else(|| held_metric(self, arithmetic))
            .or_else(|| stabilized(arithmetic.stabilization.as_ref()?, current))
            .or_else(|| limited(arithmetic.limit.as_ref()?))
            .or_else(|| not_written(self))
    }
}

fn failed(record: &Record, arithmetic: &Arithmetic) -> Option<Blocked> {
    let failure = arithmetic.failure.as_ref()?;
    let mend = |step: &str, why: String, error: &str| Blocked {
        step: step.to_owned(),
        why,
        unblock: format!("mend this: {error}"),
        changes: vec![Change::Mend {
            error: error.to_owned(),
        }],
    };
    Some(match failure.reason.as_str() {
        "ScalingDisabled" => Blocked {
            step: "scale".to_owned(),
            why: failure.message.clone(),
            unblock: format!("scale {} to 1 by hand", record.target.name),
            changes: vec![Change::SetReplicas { replicas: 1 }],
        },
        "FailedComputeMetricsReplicas" => {
            match arithmetic
                .metrics
                .iter()
                .find_map(|metric| Some((metric, metric.error.as_deref()?)))
            {
                Some((metric, error)) => mend("metrics", format!("{} is missing", metric.name), error),
                None => mend("metrics", "no metric was looked at".to_owned(), &failure.message),
            }
        }
        "FailedRescale" => mend(
            "write",
            "the new number could not be written".to_owned(),
            &failure.message,
        ),
        _ => mend(
            "scale",
            "the target's scale could not be read".to_owned(),
            &failure.message,
        ),
    })
}

/// The metric that decided, if its tolerance or its pods kept it where it is.
fn held_metric(record: &Record, arithmetic: &Arithmetic) -> Option<Blocked> {
    let selected = record.selected_metric.as_deref()?;
    let metric = arithmetic.metrics.iter().find(|metric| {
        metric.name == selected && metric.replicas.map(i64::from) == Some(record.raw_desired_replicas)
    })?;
    match metric.rule? {
        Rule::Tolerance => within_tolerance(metric, arithmetic.tolerances?),
        Rule::ToleranceAfterFill | Rule::FlippedAfterFill | Rule::AgainstRatio => {
            Some(without_values(metric))
        }
        Rule::Ratio | Rule::FromZero | Rule::PerPod => None,
    }
}

fn within_tolerance(metric: &MetricStep, tolerances: Tolerances) -> Option<Blocked> {
    let (value, ratio) = (metric.value?, metric.ratio?);
    // At the target exactly nothing is held back.
    if ratio == 1.0 || metric.target == 0 {
        return None;
    }
    let up = ratio > 1.0;
    let tolerance = if up {
        tolerances.scale_up
    } else {
        tolerances.scale_down
    };
    let scale = metric.divisor as f64;
    let edge = metric.target as f64 * scale * if up { 1.0 + tolerance } else { 1.0 - tolerance };
    let mut needed = edge as i64 - 2;
    let passes = |needed: i64| {
        let ratio = needed as f64 / (metric.target as f64 * scale);
        !tolerances.is_within(ratio) && (ratio > 1.0) == up
    };
    if up {
        needed = (needed..needed + 5).find(|needed| passes(*needed))?;
    } else {
        needed = (needed..needed + 5).rev().find(|needed| passes(*needed))?;
    }
    let (word, now) = if up { ("above", "up") } else { ("below", "down") };
    Some(Blocked {
        step: "tolerance".to_owned(),
        why: format!(
            "{} is {} with a target of {}: the ratio {ratio:.3} is within the tolerance of {tolerance} {now}wards",
            metric.name,
            metric.unit.text(value),
            metric.unit.text(metric.target),
        ),
        unblock: format!(
            "the metric goes {word} {}, or the tolerance below {:.3}",
            metric.unit.text(if up { needed - 1 } else { needed + 1 }),
            (ratio - 1.0).abs()
        ),
        changes: vec![Change::Metric {
            metric: metric.name.clone(),
            unit: metric.unit,
            value: needed,
        }],
    })
}

fn without_values(metric: &MetricStep) -> Blocked {
    let pods: Vec<String> = metric
        .pods
        .iter()
        .flat_map(|pods| {
            let filled = |pod: &str| pods.filled.iter().any(|fill| fill.pod == pod);
            let unready = pods.unready.iter().map(|note| note.pod.clone());
            let missing = pods.missing.iter().cloned();
            unready
                .chain(missing)
                .filter(|pod| filled(pod))
                .collect::<Vec<_>>()
        })
        .collect();
    Blocked {
        step: "pods".to_owned(),
        why: format!(
            "{}: with {} pods without a value filled in, the ratio {} becomes {}",
            metric.name,
            pods.len(),
            metric
                .ratio
                .map_or_else(|| "?".to_owned(), |ratio| format!("{ratio:.3}")),
            metric
                .filled_ratio
                .map_or_else(|| "?".to_owned(), |ratio| format!("{ratio:.3}")),
        ),
        unblock: format!("these pods become ready and have values: {}", pods.join(", ")),
        changes: vec![Change::Pods { pods }],
    }
}

fn stabilized(step: &Stabilization, current: i32) -> Option<Blocked> {
    if step.before == step.after {
        return None;
    }
    let held = step.held_by.as_ref();
    let window = if step.before > current {
        step.up_window_seconds
    } else {
        step.down_window_seconds
    };
    let by = held.map_or_else(String::new, |held| {
        format!(": {} were recommended at {}", held.replicas, held.time)
    });
    let until = if step.after == current {
        step.until
    } else {
        held.and_then(|held| {
            held.time
                .checked_add(SignedDuration::from_secs(i64::from(window)))
                .ok()
        })
    };
    Some(Blocked {
        step: "stabilization".to_owned(),
        why: format!(
            "the metrics ask for {}, the window of {window}s leaves {}{by}",
            step.before, step.after
        ),
        unblock: until.map_or_else(
            || "the metrics keep asking for the same".to_owned(),
            |until| format!("wait until after {until}, or make the window shorter"),
        ),
        changes: vec![Change::Wait { until }],
    })
}

fn limited(step: &LimitStep) -> Option<Blocked> {
    if step.before == step.after {
        return None;
    }
    let up = step.before > step.after;
    let next = if up {
        step.after.saturating_add(1)
    } else {
        step.after.saturating_sub(1)
    };
    let (name, mut changes) = match step.limit {
        Limit::DesiredWithinRange => return None,
        Limit::TooManyReplicas => ("max", vec![Change::RaiseMax { to: next }]),
        Limit::TooFewReplicas => ("min", vec![Change::LowerMin { to: next }]),
        Limit::ScaleUpLimit | Limit::ScaleDownLimit => ("policy", Vec::new()),
    };
    // A bound wins a tie, so that the rate may be in the way as well.
    match (&step.rate, step.scale_up_limit) {
        (Some(rate), _) if if up { rate.limit < next } else { rate.limit > next } => {
            changes.extend(of_rate(rate, next, up));
        }
        (None, Some(limit)) if up && limit < next => changes.push(Change::Wait { until: None }),
        _ => {}
    }
    let words: Vec<String> = changes.iter().map(Change::words).collect();
    Some(Blocked {
        step: name.to_owned(),
        why: format!(
            "{} are wanted, {}: {}",
            step.before,
            step.limit.message(),
            step.after
        ),
        unblock: words.join(", and "),
        changes,
    })
}

/// What the policies of a direction need to reach `next`: all that are in the way for `Min`, else the one that is
/// furthest already.
fn of_rate(rate: &RateLimit, next: i32, up: bool) -> Vec<Change> {
    if rate.select_policy == select::DISABLED || rate.policies.is_empty() {
        return vec![Change::EnablePolicy];
    }
    let change = |limit: &PolicyLimit| Change::Policy {
        type_: limit.type_.clone(),
        period_seconds: limit.period_seconds,
        value: if limit.type_ == policy::PERCENT {
            percent(limit.start, next, up)
        } else {
            next.wrapping_sub(limit.start).wrapping_abs()
        },
    };
    let in_the_way = rate.policies.iter().filter(|limit| {
        if up {
            limit.limit < next
        } else {
            limit.limit > next
        }
    });
    if rate.select_policy == select::MIN {
        return in_the_way.map(change).collect();
    }
    let furthest = if up {
        rate.policies.iter().max_by_key(|limit| limit.limit)
    } else {
        rate.policies.iter().min_by_key(|limit| limit.limit)
    };
    furthest.map(change).into_iter().collect()
}

impl Change {
    fn words(&self) -> String {
        match self {
            Self::Mend { error } => format!("mend this: {error}"),
            Self::SetReplicas { replicas } => format!("scale to {replicas} by hand"),
            Self::Metric { metric, unit, value } => format!("{metric} reaches {}", unit.text(*value)),
            Self::Pods { pods } => format!("these pods become ready and have values: {}", pods.join(", ")),
            Self::Wait { until: Some(until) } => format!("wait until after {until}"),
            Self::Wait { until: None } => "the next sync goes on".to_owned(),
            Self::Policy {
                type_,
                period_seconds,
                value,
            } => {
                format!("the policy {type_} per {period_seconds}s has at least {value}, or its window passes")
            }
            Self::EnablePolicy => "the direction has a policy and selectPolicy is not Disabled".to_owned(),
            Self::RaiseMax { to } => format!("maxReplicas is at least {to}"),
            Self::LowerMin { to } => format!("minReplicas is at most {to}"),
        }
    }
}

/// The smallest percentage by which `start` reaches `wanted`, with upstream's rounding.
fn percent(start: i32, wanted: i32, up: bool) -> i32 {
    let reaches = |value: i32| {
        let share = f64::from(value) / 100.0;
        if up {
            (f64::from(start) * (1.0 + share)).ceil() >= f64::from(wanted)
        } else {
            (f64::from(start) * (1.0 - share)).trunc() <= f64::from(wanted)
        }
    };
    if start <= 0 {
        return i32::MAX;
    }
    let (mut low, mut high) = (1, i32::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if reaches(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn not_written(record: &Record) -> Option<Blocked> {
    (record.write.status == WriteStatus::Failed).then(|| Blocked {
        step: "write".to_owned(),
        why: "the new number could not be written".to_owned(),
        unblock: format!("mend this: {}", record.write.message),
        changes: vec![Change::Mend {
            error: record.write.message.clone(),
        }],
    })
}
