//! Timestamps and ages as Kubernetes prints them.

use jiff::Timestamp;

/// Whole seconds in UTC: `2026-11-21T17:54:48Z`.
pub fn rfc3339(time: Timestamp) -> String {
    let seconds = Timestamp::from_second(time.as_second()).unwrap_or(Timestamp::UNIX_EPOCH);
    seconds.to_string()
}

/// Microseconds in UTC, as `MicroTime` fields have them: `2026-11-21T17:54:48.000000Z`.
pub fn rfc3339_micros(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// Parses either form; `None` for anything else.
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// A duration in short, as in the AGE column (apimachinery `duration.HumanDuration`).
pub fn human_duration(seconds: i64) -> String {
    // Allowed to be slightly in the future, for clocks that differ.
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |whole: i64, unit: char, rest: i64, small: char| {
        if rest == 0 {
            format!("{whole}{unit}")
        } else {
            format!("{whole}{unit}{rest}{small}")
        }
    };
    if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        two(minutes, 'm', seconds % 60, 's')
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        two(hours, 'h', minutes % 60, 'm')
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        two(days, 'd', hours % 24, 'h')
    } else if days < 365 * 2 {
        format!("{days}d")
    } else if days < 365 * 8 {
        two(days / 365, 'y', days % 365, 'd')
    } else {
        format!("{}y", days / 365)
    }
}

/// The AGE of a timestamp at `now`: `<unknown>` when there is none.
pub fn age(timestamp: Option<&str>, now: Timestamp) -> String {
    match timestamp.and_then(parse) {
        Some(then) => human_duration(now.as_second() - then.as_second()),
        None => "<unknown>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_only_where_upstream_shows_them() {
        for (seconds, text) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (247, "4m7s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (14_520, "4h2m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (176_400, "2d1h"),
            (86_400 * 8, "8d"),
            (86_400 * 729, "729d"),
            (86_400 * 730, "2y"),
            (86_400 * 3000, "8y"),
        ] {
            assert_eq!(human_duration(seconds), text, "{seconds}");
        }
    }
}
