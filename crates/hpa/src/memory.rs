//! What the controller remembers of one HPA between syncs. It lives in the process only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::autoscaling::{Behavior, ScalingRules};

/// What the controller remembers of one HPA. A list that was never begun is not an empty one: without
/// recommendations, the first sync records the number that it finds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// What the metrics asked for, before any limit; in no particular order.
    #[serde(default)]
    pub recommendations: Option<Vec<Recommendation>>,
    /// Scale-ups that were carried out.
    #[serde(default)]
    pub scale_up_events: Option<Vec<ScaleEvent>>,
    /// Scale-downs that were carried out.
    #[serde(default)]
    pub scale_down_events: Option<Vec<ScaleEvent>>,
}

/// What the metrics asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Replicas.
    pub replicas: i32,
    /// When.
    pub time: Timestamp,
}

/// A change that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleEvent {
    /// How many replicas were added or removed; positive.
    pub change: i32,
    /// When.
    pub time: Timestamp,
    /// No policy looks at it any more; the next event may take its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outdated: bool,
}

impl Memory {
    /// Records what is there when nothing is known yet (`recordInitialRecommendation`).
    pub fn begin(&mut self, replicas: i32, time: Timestamp) {
        self.recommendations
            .get_or_insert_with(|| vec![Recommendation { replicas, time }]);
    }

    /// The recommendations.
    pub fn recommendations(&self) -> &[Recommendation] {
        self.recommendations.as_deref().unwrap_or_default()
    }

    /// The scale-ups.
    pub fn ups(&self) -> &[ScaleEvent] {
        self.scale_up_events.as_deref().unwrap_or_default()
    }

    /// The scale-downs.
    pub fn downs(&self) -> &[ScaleEvent] {
        self.scale_down_events.as_deref().unwrap_or_default()
    }

    /// Forgets recommendations that cannot change any later decision, whatever the windows: those that a later one both
    /// exceeds or equals and undercuts or equals. Upstream keeps them all, which at its period of 15 s are few; with
    /// periods of a fraction of a second they would be thousands.
    pub fn compact(&mut self) {
        let Some(list) = &mut self.recommendations else {
            return;
        };
        list.sort_by_key(|entry| entry.time);
        let (mut lowest, mut highest) = (None, None);
        let mut kept: Vec<Recommendation> = Vec::new();
        for entry in list.iter().rev() {
            let above = highest.is_none_or(|highest| entry.replicas > highest);
            let below = lowest.is_none_or(|lowest| entry.replicas < lowest);
            if above {
                highest = Some(entry.replicas);
            }
            if below {
                lowest = Some(entry.replicas);
            }
            if above || below {
                kept.push(*entry);
            }
        }
        kept.reverse();
        *list = kept;
    }

    /// The latest recommendation that by itself would keep any change from `current` towards `desired` back.
    pub(crate) fn latest_against(&self, current: i32, desired: i32) -> Option<Recommendation> {
        self.recommendations()
            .iter()
            .filter(|entry| {
                if desired < current {
                    entry.replicas >= current
                } else {
                    desired > current && entry.replicas <= current
                }
            })
            .max_by_key(|entry| entry.time)
            .copied()
    }

    /// Keeps a recommendation, in the place of `stale` if there is such an entry.
    pub(crate) fn recommend(&mut self, replicas: i32, time: Timestamp, stale: Option<usize>) {
        let list = self.recommendations.get_or_insert_default();
        let new = Recommendation { replicas, time };
        match stale.and_then(|index| list.get_mut(index)) {
            Some(entry) => *entry = new,
            None => list.push(new),
        }
    }

    /// Keeps a change that was carried out, if there is a behavior to look at it (`storeScaleEvent`).
    pub fn store_scale_event(
        &mut self,
        behavior: Option<&Behavior>,
        previous: i32,
        new: i32,
        now: Timestamp,
    ) {
        let Some(behavior) = behavior else {
            return;
        };
        let up = new > previous;
        let (list, rules) = if up {
            (&mut self.scale_up_events, &behavior.scale_up)
        } else {
            (&mut self.scale_down_events, &behavior.scale_down)
        };
        let longest = rules
            .iter()
            .flat_map(ScalingRules::policies)
            .map(|policy| policy.period_seconds)
            .max()
            .unwrap_or(0)
            .max(0);
        let cutoff = seconds_before(now, longest);
        let event = ScaleEvent {
            change: if up {
                new.wrapping_sub(previous)
            } else {
                previous.wrapping_sub(new)
            },
            time: now,
            outdated: false,
        };
        let list = list.get_or_insert_default();
        let mut stale = None;
        for (index, event) in list.iter_mut().enumerate() {
            event.outdated |= event.time.as_nanosecond() < cutoff;
            if event.outdated {
                stale = Some(index);
            }
        }
        match stale.and_then(|index| list.get_mut(index)) {
            Some(entry) => *entry = event,
            None => list.push(event),
        }
    }
}

/// By how much replicas changed within the last so many seconds, the edge excluded (`getReplicasChangePerPeriod`).
pub fn change_per_period(period_seconds: i32, events: &[ScaleEvent], now: Timestamp) -> i32 {
    let cutoff = seconds_before(now, period_seconds);
    events
        .iter()
        .filter(|event| event.time.as_nanosecond() > cutoff)
        .fold(0i32, |sum, event| sum.wrapping_add(event.change))
}

/// Unix nanoseconds of so many seconds before `now`.
pub(crate) fn seconds_before(now: Timestamp, seconds: i32) -> i128 {
    now.as_nanosecond() - i128::from(seconds) * 1_000_000_000
}
