//! The decision record: what was decided for one object at one time, from what, by which steps, and what became of it.
//!
//! One is made for every evaluation that changed something or was held back. Its JSON is served by the API, kept in
//! the store and shown by `explain`; the field names follow kubernetes#138992. Reading ignores unknown fields, so that
//! older versions can read newer records.

mod arithmetic;
mod blocked;
mod ring;
mod text;

use std::sync::Arc;

use capstan_gocompat::duration;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::autoscaling::HorizontalPodAutoscaler;
use crate::memory::Memory;
use crate::options::Options;
use crate::reconcile::Given;

pub use arithmetic::{Arithmetic, Failure, LimitStep, MetricStep, Stabilization, Unit};
pub use blocked::{Blocked, Change};
pub use ring::{Pushed, Ring};

/// One decision, or several equal holds in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When it was decided: data time for tasks, the clock's for HPAs.
    pub time: Timestamp,
    /// The object to scale.
    pub target: Target,
    /// Who decided.
    pub source: Source,
    /// What the object had.
    pub current_replicas: i64,
    /// What the expression or the metrics asked for, before any limit.
    pub raw_desired_replicas: i64,
    /// What was decided. Equal to the current number when nothing changes.
    pub final_desired_replicas: i64,
    /// Where it goes.
    pub direction: Direction,
    /// One word in Kubernetes' style, such as `IncreaseCooldown`.
    pub reason: String,
    /// The metric that decided, if there is one.
    pub selected_metric: Option<String>,
    /// What the decision was made from.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// From the raw to the final number.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Names of the limits that bit, in order.
    #[serde(default)]
    pub constraints_applied: Vec<String>,
    /// What became of it.
    #[serde(default)]
    pub write: Write,
    /// The arithmetic of an HPA in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arithmetic: Option<Box<Arithmetic>>,
    /// What an HPA's decision was made from, for `reconcile::replay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Box<Inputs>>,
    /// How many equal holds in a row this stands for.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub count: u64,
    /// When the last of them was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_time: Option<Timestamp>,
}

fn once() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_once(count: &u64) -> bool {
    *count <= 1
}

/// Everything that an HPA's decision was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inputs {
    /// When the sync began.
    pub time: Timestamp,
    /// The HPA.
    pub hpa: Arc<HorizontalPodAutoscaler>,
    /// What was remembered of it.
    pub memory: Memory,
    /// The controller's settings.
    pub options: Arc<Options>,
    /// What it was given, in order; answers about metrics in short form.
    pub answers: Vec<Given>,
}

/// The object to scale.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// As in a manifest, `apps/v1`.
    pub api_version: String,
    /// As in a manifest, `Deployment`.
    pub kind: String,
    /// Empty for kinds without a namespace.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
}

impl Target {
    /// The object of this name.
    pub fn new(
        api_version: impl Into<String>,
        kind: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// A node of a task.
    Task {
        /// Id of the task.
        task: String,
        /// Name of the node, `k8s_autoscale6`.
        node: String,
    },
    /// A `HorizontalPodAutoscaler`.
    Hpa {
        /// Its name; it lives in the target's namespace.
        hpa: String,
    },
    /// An `Autoscaler`.
    Autoscaler {
        /// Its name; it lives in the target's namespace.
        autoscaler: String,
    },
}

impl Source {
    /// A node of a task.
    pub fn task(task: impl Into<String>, node: impl Into<String>) -> Self {
        Self::Task {
            task: task.into(),
            node: node.into(),
        }
    }

    /// A `HorizontalPodAutoscaler`.
    pub fn hpa(name: impl Into<String>) -> Self {
        Self::Hpa { hpa: name.into() }
    }

    /// An `Autoscaler`.
    pub fn autoscaler(name: impl Into<String>) -> Self {
        Self::Autoscaler {
            autoscaler: name.into(),
        }
    }
}

/// Where the number of replicas goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Direction {
    /// More replicas.
    ScaleUp,
    /// Fewer replicas.
    ScaleDown,
    /// Nothing changes.
    #[default]
    None,
}

impl Direction {
    /// The way from one number of replicas to another.
    pub fn between(from: i64, to: i64) -> Self {
        match to.cmp(&from) {
            std::cmp::Ordering::Greater => Self::ScaleUp,
            std::cmp::Ordering::Less => Self::ScaleDown,
            std::cmp::Ordering::Equal => Self::None,
        }
    }
}

/// A value the decision was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// Field, tag or metric.
    pub name: String,
    /// `None` when it was missing or not a number: absent is not zero.
    #[serde(serialize_with = "finite")]
    pub value: Option<f64>,
    /// When it was measured, if known.
    pub time: Option<Timestamp>,
    /// How old it was at the time of the decision, if known.
    pub age: Option<Age>,
    /// The last value that there was, when there is none now. It decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGood>,
}

/// A value of an earlier decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LastGood {
    /// The value.
    pub value: f64,
    /// When it was measured, or read where nobody said.
    pub time: Timestamp,
    /// How old it is by now.
    pub age: Age,
}

impl Input {
    /// A value measured at `time`, used for a decision at `now`; both Unix nanoseconds.
    pub fn measured(name: impl Into<String>, value: f64, time: i64, now: i64) -> Self {
        Self {
            name: name.into(),
            value: value.is_finite().then_some(value),
            time: Some(timestamp(time)),
            age: Some(Age(now.saturating_sub(time))),
            last_good: None,
        }
    }

    /// A value that should have been there.
    pub fn missing(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: None,
            time: None,
            age: None,
            last_good: None,
        }
    }
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn finite<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    value.filter(|value| value.is_finite()).serialize(to)
}

/// A span of nanoseconds, written as Go and Kubernetes write durations: `1m30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(pub i64);

impl Serialize for Age {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&duration::format_go(self.0))
    }
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        duration::parse_go(&text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// One step from the raw to the final number of replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What acts here: `replicas`, `max`, `min`, `increaseCooldown`, …
    pub name: String,
    /// Replicas going in.
    pub before: i64,
    /// Replicas coming out.
    pub after: i64,
    /// The arithmetic in words.
    pub detail: String,
}

impl Step {
    /// Whether the step changed the number.
    pub fn bit(&self) -> bool {
        self.before != self.after
    }
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Write {
    /// How far it got.
    pub status: WriteStatus,
    /// Why it failed, or who changed the object last; may be empty.
    #[serde(default)]
    pub message: String,
}

impl Write {
    /// A write without a message.
    pub fn of(status: WriteStatus) -> Self {
        Self {
            status,
            message: String::new(),
        }
    }

    /// A write that failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            status: WriteStatus::Failed,
            message: message.into(),
        }
    }
}

/// How far a write got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum WriteStatus {
    /// Nothing changes, so nothing is written.
    #[default]
    NotNeeded,
    /// On its way.
    Pending,
    /// The API server took it.
    Succeeded,
    /// It did not; the next evaluation tries anew.
    Failed,
    /// Left out on purpose: a replay, or a dry run.
    DryRun,
}

impl Record {
    /// Whether it leaves the object as it is. Only such records are merged.
    pub fn is_hold(&self) -> bool {
        self.final_desired_replicas == self.current_replicas && self.write.status == WriteStatus::NotNeeded
    }

    /// Whether the other record says the same again: two holds of the same object by the same source, with the same
    /// numbers for the same reason. Inputs and the wording of steps may differ.
    pub fn repeats(&self, other: &Self) -> bool {
        self.is_hold()
            && other.is_hold()
            && self.target == other.target
            && self.source == other.source
            && self.current_replicas == other.current_replicas
            && self.raw_desired_replicas == other.raw_desired_replicas
            && self.final_desired_replicas == other.final_desired_replicas
            && self.reason == other.reason
            && self.selected_metric == other.selected_metric
            && self.constraints_applied == other.constraints_applied
            && self.write == other.write
    }

    /// When it was last true: `last_time`, or `time` for a single record.
    pub fn latest(&self) -> Timestamp {
        self.last_time.unwrap_or(self.time)
    }
}

/// Unix nanoseconds as a timestamp; every `i64` is within its range.
pub fn timestamp(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests;
