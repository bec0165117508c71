//! When a window is sent, and what is in it.

use serde::{Deserialize, Serialize};

use crate::go_time;

/// The settings of a window.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// N-43…N-48; nanoseconds.
    Time {
        period: i64,
        every: i64,
        align: bool,
        fill_period: bool,
    },
    /// N-49.
    Count {
        period: usize,
        every: u64,
        fill_period: bool,
    },
}

/// When the next batch is due.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Due {
    /// At this time.
    At(i64),
    /// When this many points were seen; how many were.
    Points { next: u64, seen: u64 },
}

impl Kind {
    /// When the first batch is due, for a group whose first point has this time (N-44, N-48).
    pub(super) fn first(self, time: i64) -> Due {
        match self {
            Self::Time {
                period,
                every,
                align,
                fill_period: true,
            } => {
                let full = time.saturating_add(period);
                if !align {
                    return Due::At(full);
                }
                let aligned = go_time::truncate(full, every);
                Due::At(if aligned > full {
                    aligned
                } else {
                    aligned.saturating_add(every)
                })
            }
            Self::Time { every, .. } => Due::At(self.next(time, every)),
            Self::Count {
                period,
                every,
                fill_period,
            } => Due::Points {
                next: if fill_period { period as u64 } else { every },
                seen: 0,
            },
        }
    }

    /// The time of the next batch after one that a point of `time` triggered: from that point, not from the last batch
    /// (N-45).
    pub(super) fn next(self, time: i64, every: i64) -> i64 {
        let next = time.saturating_add(every);
        match self {
            Self::Time { align: true, .. } => go_time::truncate(next, every),
            _ => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_batch_waits_for_every_or_the_period() {
        let kind = |align, fill_period| Kind::Time {
            period: 10,
            every: 4,
            align,
            fill_period,
        };
        let at = |kind: Kind, time| match kind.first(time) {
            Due::At(at) => at,
            other @ Due::Points { .. } => panic!("{other:?}"),
        };
        assert_eq!(at(kind(false, false), 3), 7);
        assert_eq!(at(kind(true, false), 3), 4);
        assert_eq!(at(kind(false, true), 3), 13);
        assert_eq!(at(kind(true, true), 3), 16);
        assert_eq!(at(kind(true, true), 2), 16);
    }
}
