//! When to query (N-112, N-113).

use jiff::tz::TimeZone;

use super::cron::Cron;
use crate::go_time;
use crate::pipeline::NodeConfig;

/// The times of a query node.
#[derive(Debug)]
pub(super) enum Schedule {
    /// Every so many nanoseconds, counted from the start or from multiples.
    Every {
        interval: i64,
        align: bool,
    },
    Cron {
        cron: Box<Cron>,
        zone: TimeZone,
    },
}

impl Schedule {
    pub(super) fn new(config: &NodeConfig, zone: &TimeZone) -> Result<Self, String> {
        let interval = config.duration("every");
        let cron = config.string("cron").filter(|cron| !cron.is_empty());
        let align = config.flag("align");
        match (interval, cron) {
            (1.., None) => Ok(Self::Every { interval, align }),
            (0, Some(text)) => Ok(Self::Cron {
                cron: Box::new(Cron::parse(&text)?),
                zone: zone.clone(),
            }),
            (0, None) => Err("must define one of 'every' or 'cron'".to_owned()),
            (_, Some(_)) => Err("must not set both 'every' and 'cron' properties".to_owned()),
            (_, None) => Err("'every' duration must must non-negative".to_owned()),
        }
    }

    /// The first time after a start at `now`: never at once (N-122).
    pub(super) fn first(&self, now: i64) -> Option<i64> {
        match self {
            Self::Every {
                interval,
                align: true,
            } => Some(go_time::truncate(now, *interval).saturating_add(*interval)),
            Self::Every {
                interval,
                align: false,
            } => Some(now.saturating_add(*interval)),
            Self::Cron { cron, zone } => cron.next(now, zone),
        }
    }

    /// The latest time that is due at `now`, of which `due` is one, and the next after `now`.
    pub(super) fn advance(&self, due: i64, now: i64) -> (i64, Option<i64>) {
        match self {
            Self::Every { interval, .. } => {
                let missed = now.saturating_sub(due).max(0) / interval;
                let latest = due.saturating_add(missed.saturating_mul(*interval));
                (latest, Some(latest.saturating_add(*interval)))
            }
            Self::Cron { cron, zone } => (due, cron.next(now.max(due), zone)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn intervals_keep_their_grid_and_missed_times_are_one() {
        let free = Schedule::Every {
            interval: 10 * SECOND,
            align: false,
        };
        assert_eq!(free.first(3 * SECOND), Some(13 * SECOND));
        assert_eq!(
            free.advance(13 * SECOND, 13 * SECOND),
            (13 * SECOND, Some(23 * SECOND))
        );
        assert_eq!(
            free.advance(13 * SECOND, 45 * SECOND),
            (43 * SECOND, Some(53 * SECOND))
        );
        let aligned = Schedule::Every {
            interval: 10 * SECOND,
            align: true,
        };
        assert_eq!(aligned.first(3 * SECOND), Some(10 * SECOND));
        assert_eq!(aligned.first(10 * SECOND), Some(20 * SECOND));
    }
}
