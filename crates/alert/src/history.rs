//! What an alert remembers of one group, and whether a level makes an event.

use crate::level::Level;

/// Share of changes at which an alert counts as flapping, and below which it no longer does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flapping {
    pub low: f64,
    pub high: f64,
}

/// When a level makes an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// States kept; at least 2.
    pub history: usize,
    pub flapping: Option<Flapping>,
    /// Only changes of the level.
    pub state_changes_only: bool,
    /// Unchanged levels all the same after this many nanoseconds of data time; 0: never.
    pub repeat_after: i64,
    /// No events for OK.
    pub no_recoveries: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            history: 21,
            flapping: None,
            state_changes_only: false,
            repeat_after: 0,
            no_recoveries: false,
        }
    }
}

/// What a recorded level means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Quiet,
    /// A recovery that is not told; it counts as triggered.
    Suppressed,
    /// An event.
    Event {
        /// Nanoseconds since the first event that was not OK.
        duration: i64,
    },
}

/// The weight of the newest change, and how many times that of the oldest it is.
const MAX_WEIGHT: f64 = 1.2;
const WEIGHT_RATIO: f64 = 1.5;

/// Levels of one group, newest at `at`, and when it triggered.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    levels: Vec<Level>,
    at: usize,
    flapping: bool,
    changed: bool,
    expired: bool,
    first_triggered: Option<i64>,
    last_triggered: Option<i64>,
}

/// A history in plain values, for snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredHistory {
    /// Oldest first.
    pub levels: Vec<u8>,
    pub flapping: bool,
    pub first_triggered: Option<i64>,
    pub last_triggered: Option<i64>,
}

impl History {
    /// Always OK so far.
    pub fn new(rules: &Rules) -> Self {
        Self {
            levels: vec![Level::Ok; rules.history.max(2)],
            at: 0,
            flapping: false,
            changed: false,
            expired: false,
            first_triggered: None,
            last_triggered: None,
        }
    }

    /// The level that was recorded last.
    pub fn level(&self) -> Level {
        self.levels[self.at]
    }

    /// Whether the level recorded last differs from the one before.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// When it last triggered.
    pub fn last_triggered(&self) -> Option<i64> {
        self.last_triggered
    }

    /// Records the level of a point or batch.
    pub fn record(&mut self, time: i64, level: Level, rules: &Rules) {
        self.changed = self.level() != level;
        self.at = (self.at + 1) % self.levels.len();
        self.levels[self.at] = level;
        if let Some(flapping) = rules.flapping {
            let share = self.share_of_changes();
            if self.flapping && share < flapping.low {
                self.flapping = false;
            } else if !self.flapping && share > flapping.high {
                self.flapping = true;
            }
        }
        self.expired = !self.changed
            && rules.repeat_after != 0
            && self
                .last_triggered
                .is_none_or(|last| time.saturating_sub(last) >= rules.repeat_after);
    }

    /// Whether the level just recorded for a point is an event.
    pub fn decide_point(&mut self, time: i64, rules: &Rules) -> Decision {
        if self.held_back(rules) || (self.level() == Level::Ok && !self.changed) {
            return Decision::Quiet;
        }
        self.trigger(time, rules)
    }

    /// Whether the level just recorded for a batch is an event: recoveries are told even while flapping.
    pub fn decide_batch(&mut self, time: i64, rules: &Rules) -> Decision {
        let told = if self.level() == Level::Ok {
            self.changed
        } else {
            !self.held_back(rules)
        };
        if told {
            self.trigger(time, rules)
        } else {
            Decision::Quiet
        }
    }

    /// Takes up a state that was kept from an earlier run.
    pub fn resume(&mut self, time: i64, level: Level, triggered: i64, rules: &Rules) {
        self.record(time, level, rules);
        self.note_trigger(triggered);
    }

    fn held_back(&self, rules: &Rules) -> bool {
        (rules.flapping.is_some() && self.flapping)
            || (rules.state_changes_only && !self.changed && !self.expired)
    }

    fn trigger(&mut self, time: i64, rules: &Rules) -> Decision {
        self.note_trigger(time);
        if rules.no_recoveries && self.level() == Level::Ok {
            return Decision::Suppressed;
        }
        let first = self.first_triggered.unwrap_or(time);
        Decision::Event {
            duration: time.saturating_sub(first),
        }
    }

    fn note_trigger(&mut self, time: i64) {
        self.last_triggered = Some(time);
        let before = (self.at + self.levels.len() - 1) % self.levels.len();
        if self.levels[before] == Level::Ok {
            self.first_triggered = Some(time);
        }
    }

    /// compat: Kapacitor's walk starts at the newest state, so the newest change weighs least, newest and oldest are
    /// compared with each other, and one neighbouring pair is left out.
    fn share_of_changes(&self) -> f64 {
        let len = self.levels.len();
        let pairs = (len - 1) as f64;
        let mut weight = MAX_WEIGHT / WEIGHT_RATIO;
        let step = (MAX_WEIGHT - weight) / pairs;
        let mut changes = 0.0;
        for offset in 0..len - 1 {
            let this = (offset + self.at) % len;
            let before = (this + len - 1) % len;
            if self.levels[this] != self.levels[before] {
                changes += weight;
            }
            weight += step;
        }
        changes / pairs
    }

    /// For a snapshot.
    pub fn stored(&self) -> StoredHistory {
        let len = self.levels.len();
        StoredHistory {
            levels: (1..=len)
                .map(|offset| self.levels[(self.at + offset) % len].number())
                .collect(),
            flapping: self.flapping,
            first_triggered: self.first_triggered,
            last_triggered: self.last_triggered,
        }
    }

    /// From a snapshot. Levels that the rules no longer keep are dropped.
    pub fn restored(stored: &StoredHistory, rules: &Rules) -> Self {
        let mut history = Self::new(rules);
        let kept = stored.levels.len().min(history.levels.len());
        let newest = &stored.levels[stored.levels.len() - kept..];
        let start = history.levels.len() - kept;
        for (slot, &number) in history.levels[start..].iter_mut().zip(newest) {
            *slot = Level::from_number(number).unwrap_or_default();
        }
        history.at = history.levels.len() - 1;
        history.flapping = stored.flapping;
        history.first_triggered = stored.first_triggered;
        history.last_triggered = stored.last_triggered;
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(rules: &Rules, levels: &[Level]) -> Vec<Decision> {
        let mut history = History::new(rules);
        let mut decide = |(time, &level): (usize, &Level)| {
            let time = time as i64;
            history.record(time, level, rules);
            history.decide_point(time, rules)
        };
        levels.iter().enumerate().map(&mut decide).collect()
    }

    const fn event(duration: i64) -> Decision {
        Decision::Event { duration }
    }

    #[test]
    fn every_bad_level_and_the_recovery_are_events() {
        let levels = [
            Level::Ok,
            Level::Info,
            Level::Info,
            Level::Ok,
            Level::Ok,
            Level::Info,
        ];
        let wanted = [
            Decision::Quiet,
            event(0),
            event(1),
            event(2),
            Decision::Quiet,
            event(0),
        ];
        assert_eq!(play(&Rules::default(), &levels), wanted);
    }

    #[test]
    fn state_changes_only_repeats_after_a_while_if_told_so() {
        let mut rules = Rules {
            state_changes_only: true,
            ..Rules::default()
        };
        let levels = [Level::Critical; 6];
        let only = Decision::Quiet;
        assert_eq!(play(&rules, &levels), [event(0), only, only, only, only, only]);
        rules.repeat_after = 2;
        assert_eq!(
            play(&rules, &levels),
            [event(0), only, event(2), only, event(4), only]
        );
    }

    #[test]
    fn recoveries_can_be_left_out_and_still_end_the_alert() {
        let rules = Rules {
            no_recoveries: true,
            ..Rules::default()
        };
        let levels = [Level::Info, Level::Ok, Level::Info];
        assert_eq!(play(&rules, &levels), [event(0), Decision::Suppressed, event(0)]);
    }

    #[test]
    fn flapping_is_entered_above_high_and_left_below_low() {
        let rules = Rules {
            history: 5,
            flapping: Some(Flapping { low: 0.25, high: 0.5 }),
            ..Rules::default()
        };
        let mut history = History::new(&rules);
        let mut told = Vec::new();
        for time in 0..12 {
            let level = if time < 6 && time % 2 == 0 {
                Level::Info
            } else {
                Level::Ok
            };
            let level = if time >= 6 { Level::Critical } else { level };
            history.record(time, level, &rules);
            told.push(history.decide_point(time, &rules) != Decision::Quiet);
        }
        assert!(told[0] && !told[4] && !told[6], "{told:?}");
        assert!(told[11], "{told:?}");
    }

    #[test]
    fn a_restored_history_goes_on_as_if_nothing_had_happened() {
        let rules = Rules {
            history: 4,
            flapping: Some(Flapping { low: 0.1, high: 0.6 }),
            state_changes_only: true,
            repeat_after: 3,
            ..Rules::default()
        };
        let level = |time: i64| Level::ALL[(time * time % 7 % 4) as usize];
        let mut whole = History::new(&rules);
        for time in 0..40 {
            let mut cut = History::restored(&whole.stored(), &rules);
            for history in [&mut whole, &mut cut] {
                history.record(time, level(time), &rules);
            }
            assert_eq!(whole.decide_point(time, &rules), cut.decide_point(time, &rules));
            assert_eq!(whole.stored(), cut.stored());
        }
    }
}
