//! Which pods count (upstream: `groupPods`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Sample, Samples, Situation};
use crate::pod::{Pod, Ready};

/// A pod that does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The pod.
    pub pod: String,
    /// In a few words.
    pub reason: std::borrow::Cow<'static, str>,
}

impl Note {
    fn new(pod: &Pod, reason: &'static str) -> Self {
        Self {
            pod: pod.name.clone(),
            reason: reason.into(),
        }
    }
}

/// Pods by how they count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Groups {
    /// How many count with their value.
    pub ready: usize,
    /// Not ready yet: 0 for a scale-up.
    pub unready: Vec<Note>,
    /// Without a value.
    pub missing: Vec<String>,
    /// On their way out.
    pub ignored: Vec<Note>,
}

/// Groups the pods; only CPU looks at readiness.
pub fn group_pods(situation: &Situation<'_>, samples: &Samples, resource: &str) -> Groups {
    let mut groups = Groups::default();
    for pod in situation.pods {
        if pod.deleting {
            groups.ignored.push(Note::new(pod, "is being deleted"));
        } else if pod.phase == "Failed" {
            groups.ignored.push(Note::new(pod, "has failed"));
        } else if pod.phase == "Pending" {
            groups.unready.push(Note::new(pod, "is pending"));
        } else if let Some(sample) = samples.get(&pod.name) {
            match (resource == "cpu")
                .then(|| not_ready(situation, pod, sample))
                .flatten()
            {
                Some(reason) => groups.unready.push(Note::new(pod, reason)),
                None => groups.ready += 1,
            }
        } else {
            groups.missing.push(pod.name.clone());
        }
    }
    groups
}

/// Why a CPU sample says nothing about a pod's load yet.
fn not_ready(situation: &Situation<'_>, pod: &Pod, sample: &Sample) -> Option<&'static str> {
    let (
        Some(Ready {
            status,
            last_transition_time,
        }),
        Some(start),
    ) = (&pod.ready, pod.start_time)
    else {
        return Some("has not said when it started or whether it is ready");
    };
    let is_false = status == "False";
    let changed = last_transition_time.as_nanosecond();
    if after(start, situation.cpu_initialization_period) > situation.now.as_nanosecond() {
        if is_false {
            return Some("is starting and not ready");
        }
        let too_old = sample.timestamp.as_nanosecond() < changed + i128::from(sample.window);
        return too_old
            .then_some("is starting and was not measured for a whole window since it became ready");
    }
    (is_false && after(start, situation.initial_readiness_delay) > changed).then_some("has never been ready")
}

fn after(time: Timestamp, nanos: i64) -> i128 {
    time.as_nanosecond() + i128::from(nanos)
}
