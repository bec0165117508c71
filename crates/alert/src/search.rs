//! Which level comes next.

use crate::level::Level;

/// The level after `current`.
///
/// `holds` says whether a level's condition is true; false as well when there is none or when it cannot be evaluated.
/// `reset` says whether a level may be left; `None` when it has no reset or when that cannot be evaluated.
///
/// Conditions that remember something notice how often they are asked, so the calls are exactly Kapacitor's: from
/// CRITICAL down to the current level, then the current level's reset, then from the current level down to INFO.
pub fn next_level(
    current: Level,
    holds: &mut dyn FnMut(Level) -> bool,
    reset: &mut dyn FnMut(Level) -> Option<bool>,
) -> Level {
    let mut first = |from: Level, to: Level| {
        Level::ALL
            .into_iter()
            .rev()
            .filter(|&level| level != Level::Ok && level <= from && level >= to)
            .find(|&level| holds(level))
    };
    if let Some(level) = first(Level::Critical, current) {
        return level;
    }
    if reset(current) == Some(false) {
        return current;
    }
    first(current, Level::Info).unwrap_or(Level::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(current: Level, holding: &[Level], resets: &[(Level, bool)]) -> Level {
        next_level(current, &mut |level| holding.contains(&level), &mut |level| {
            resets
                .iter()
                .find(|(known, _)| *known == level)
                .map(|(_, pass)| *pass)
        })
    }

    #[test]
    fn the_highest_that_holds_wins_and_lower_ones_need_not_hold() {
        assert_eq!(from(Level::Ok, &[Level::Critical], &[]), Level::Critical);
        assert_eq!(
            from(Level::Ok, &[Level::Info, Level::Warning], &[]),
            Level::Warning
        );
        assert_eq!(from(Level::Critical, &[Level::Info], &[]), Level::Info);
        assert_eq!(from(Level::Critical, &[], &[]), Level::Ok);
    }

    #[test]
    fn a_level_is_left_downwards_only_when_its_reset_passes() {
        let closed = [(Level::Warning, false)];
        assert_eq!(from(Level::Warning, &[Level::Info], &closed), Level::Warning);
        assert_eq!(from(Level::Warning, &[Level::Critical], &closed), Level::Critical);
        assert_eq!(
            from(Level::Warning, &[Level::Info], &[(Level::Warning, true)]),
            Level::Info
        );
    }

    #[test]
    fn conditions_are_asked_as_often_as_kapacitor_asks_them() {
        let mut asked = Vec::new();
        next_level(
            Level::Warning,
            &mut |level| {
                asked.push(level);
                false
            },
            &mut |_| None,
        );
        assert_eq!(
            asked,
            [Level::Critical, Level::Warning, Level::Warning, Level::Info]
        );
    }
}
