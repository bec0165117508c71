//! How earlier recommendations hold a change back (upstream: `stabilizeRecommendation…`).

use jiff::Timestamp;

use crate::memory::{Memory, Recommendation, seconds_before};

/// A recommendation after looking at earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stabilized {
    /// Replicas.
    pub replicas: i32,
    /// The earlier recommendation that held the change back.
    pub held_by: Option<Recommendation>,
}

/// The highest recommendation of the window, its edge included, as HPAs without `behavior` do. The raw number is
/// remembered. `window` is in nanoseconds.
pub fn stabilize(memory: &mut Memory, desired: i32, window: i64, now: Timestamp) -> Stabilized {
    let cutoff = now.as_nanosecond() - i128::from(window);
    let mut stabilized = Stabilized {
        replicas: desired,
        held_by: None,
    };
    let mut stale = None;
    for (index, &entry) in memory.recommendations().iter().enumerate() {
        if entry.time.as_nanosecond() < cutoff {
            stale = Some(index);
        } else if entry.replicas > stabilized.replicas {
            stabilized = Stabilized {
                replicas: entry.replicas,
                held_by: Some(entry),
            };
        }
    }
    memory.recommend(desired, now, stale);
    stabilized
}

/// Between the lowest recommendation of the upward and the highest of the downward window, their edges excluded, as
/// HPAs with `behavior` do. The raw number is remembered. Windows are in seconds.
pub fn stabilize_with_behavior(
    memory: &mut Memory,
    current: i32,
    desired: i32,
    up_window: i32,
    down_window: i32,
    now: Timestamp,
) -> Stabilized {
    let (up_cutoff, down_cutoff) = (seconds_before(now, up_window), seconds_before(now, down_window));
    let (mut lowest, mut highest) = ((desired, None), (desired, None));
    let mut stale = None;
    for (index, &entry) in memory.recommendations().iter().enumerate() {
        let time = entry.time.as_nanosecond();
        if time > up_cutoff && entry.replicas < lowest.0 {
            lowest = (entry.replicas, Some(entry));
        }
        if time > down_cutoff && entry.replicas > highest.0 {
            highest = (entry.replicas, Some(entry));
        }
        if time < up_cutoff && time < down_cutoff {
            stale = Some(index);
        }
    }
    let mut replicas = current.max(lowest.0);
    let mut held_by = if desired > current { lowest.1 } else { None };
    if replicas > highest.0 {
        replicas = highest.0;
        held_by = highest.1;
    } else if desired < current {
        held_by = highest.1;
    }
    memory.recommend(desired, now, stale);
    Stabilized { replicas, held_by }
}

/// Reason and message of condition `AbleToScale` when earlier recommendations changed the number.
pub fn held_text(upwards: bool) -> (&'static str, &'static str) {
    if upwards {
        (
            "ScaleUpStabilized",
            "recent recommendations were lower than current one, applying the lowest recent recommendation",
        )
    } else {
        (
            "ScaleDownStabilized",
            "recent recommendations were higher than current one, applying the highest recent recommendation",
        )
    }
}
