//! `Time.Truncate` and `Time.Round` as Go computes them: multiples are counted from the year 1, not from 1970 (N-35).

/// Seconds from 0001-01-01 to 1970-01-01.
const EPOCH: i128 = 62_135_596_800 * 1_000_000_000;

/// How far `time` is beyond a multiple of `unit`, both in nanoseconds.
fn beyond(time: i64, unit: i64) -> i64 {
    // Units that divide a second divide the distance of the two epochs as well.
    if 1_000_000_000 % unit == 0 {
        return time.rem_euclid(unit);
    }
    ((i128::from(time) + EPOCH).rem_euclid(i128::from(unit))) as i64
}

/// The last multiple of `unit` not after `time`; a unit of zero or less changes nothing.
pub(crate) fn truncate(time: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return time;
    }
    time.saturating_sub(beyond(time, unit))
}

/// The multiple of `unit` nearest to `time`, halves up; a unit of zero or less changes nothing.
pub(crate) fn round(time: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return time;
    }
    let beyond = beyond(time, unit);
    if beyond < unit - beyond {
        time.saturating_sub(beyond)
    } else {
        time.saturating_add(unit - beyond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const DAY: i64 = 24 * 3600 * SECOND;

    #[test]
    fn weeks_begin_on_the_weekday_of_the_year_one() {
        // 1970-01-01 was a Thursday; Go's weeks begin on Mondays.
        assert_eq!(truncate(0, 7 * DAY), -3 * DAY);
        assert_eq!(truncate(5 * SECOND + 7, SECOND), 5 * SECOND);
        assert_eq!(truncate(-1, SECOND), -SECOND);
        assert_eq!(truncate(17, 0), 17);
    }

    #[test]
    fn halves_are_rounded_up() {
        assert_eq!(round(1_500_000_000, SECOND), 2 * SECOND);
        assert_eq!(round(1_499_999_999, SECOND), SECOND);
        assert_eq!(round(i64::MAX, DAY), i64::MAX);
    }
}
