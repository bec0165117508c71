//! How far a rolling update may go now: pure arithmetic (upstream's `rolling.go` and `deployment_util.go`).

use serde_json::Value;

use crate::controllers::pods::int;

/// What the plan needs to know of a ReplicaSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SetView {
    /// `spec.replicas`.
    pub(super) replicas: i64,
    /// `status.availableReplicas`.
    pub(super) available: i64,
}

impl SetView {
    pub(super) fn of(set: &Value) -> Self {
        Self {
            replicas: int(set, "/spec/replicas", 1),
            available: int(set, "/status/availableReplicas", 0),
        }
    }
}

/// What the deployment allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) replicas: i64,
    pub(super) max_surge: i64,
    pub(super) max_unavailable: i64,
}

impl Limits {
    pub(super) fn of(deployment: &Value) -> Self {
        let replicas = int(deployment, "/spec/replicas", 1);
        let field = |name: &str| deployment.pointer(&format!("/spec/strategy/rollingUpdate/{name}"));
        let max_surge = resolve(field("maxSurge"), replicas, true);
        let mut max_unavailable = resolve(field("maxUnavailable"), replicas, false);
        // Both zero would never move: then one may be missing.
        if max_surge == 0 && max_unavailable == 0 {
            max_unavailable = 1;
        }
        Self {
            replicas,
            max_surge,
            max_unavailable: max_unavailable.min(replicas),
        }
    }
}

/// An int-or-percent of `total`; 25% when absent.
fn resolve(value: Option<&Value>, total: i64, round_up: bool) -> i64 {
    let percent = match value {
        Some(Value::Number(number)) => return number.as_i64().unwrap_or(0).max(0),
        Some(Value::String(text)) => match text
            .strip_suffix('%')
            .and_then(|digits| digits.parse::<i64>().ok())
        {
            Some(percent) => percent.max(0),
            None => return 0,
        },
        _ => 25,
    };
    let scaled = total.saturating_mul(percent);
    if round_up {
        scaled.saturating_add(99) / 100
    } else {
        scaled / 100
    }
}

/// The replica counts to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) new: i64,
    /// Index into the old sets, and what it becomes; only those that change.
    pub(super) old: Vec<(usize, i64)>,
}

/// One pass of a rolling update. `old` is oldest first.
pub(super) fn rolling(limits: &Limits, new: &SetView, old: &[SetView]) -> Steps {
    let old_total: i64 = old.iter().map(|set| set.replicas).sum();
    let wanted = limits.replicas;
    let new_replicas = if new.replicas > wanted {
        wanted
    } else {
        let room = wanted + limits.max_surge - (old_total + new.replicas);
        new.replicas + room.clamp(0, wanted - new.replicas)
    };
    if new_replicas != new.replicas {
        // As upstream, one direction at a time: the new set grows first, its change calls us again.
        return Steps {
            new: new_replicas,
            old: Vec::new(),
        };
    }
    let mut counts: Vec<i64> = old.iter().map(|set| set.replicas).collect();
    let min_available = wanted - limits.max_unavailable;
    let new_unavailable = new.replicas - new.available;
    let mut spare = old_total + new.replicas - min_available - new_unavailable;
    if spare > 0 && old_total > 0 {
        // Pods that serve nobody go first: they cost nothing.
        for (count, set) in counts.iter_mut().zip(old) {
            let broken = (*count - set.available).clamp(0, spare);
            *count -= broken;
            spare -= broken;
        }
        let available: i64 = old.iter().map(|set| set.available).sum::<i64>() + new.available;
        let mut removable = available - min_available;
        for count in &mut counts {
            let step = (*count).min(removable).max(0);
            *count -= step;
            removable -= step;
        }
    }
    let changed = counts
        .iter()
        .enumerate()
        .filter(|&(i, &count)| count != old[i].replicas);
    Steps {
        new: new_replicas,
        old: changed.map(|(i, &count)| (i, count)).collect(),
    }
}
