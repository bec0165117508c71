//! States of events by topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::EventState;
use crate::level::Level;

/// The most event ids remembered per topic; beyond that those that were quiet longest are forgotten.
pub const MAX_EVENTS: usize = 100_000;

/// A topic as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicState {
    /// The worst level of its events.
    pub level: Level,
    /// Events received.
    pub collected: u64,
}

/// Event states of all topics.
#[derive(Debug, Default)]
pub struct Topics {
    topics: BTreeMap<Arc<str>, Topic>,
}

#[derive(Debug, Default)]
struct Topic {
    events: BTreeMap<Arc<str>, EventState>,
    collected: u64,
    /// How many events have each level.
    levels: [usize; 4],
    /// Its task does not run: remembered, but not shown.
    closed: bool,
}

impl Topic {
    fn put(&mut self, state: EventState) -> Option<Level> {
        self.levels[usize::from(state.level.number())] += 1;
        let id = Arc::clone(&state.id);
        let before = self.events.insert(id, state).map(|before| before.level);
        match before {
            Some(level) => self.levels[usize::from(level.number())] -= 1,
            None if self.events.len() > MAX_EVENTS => self.forget_oldest(),
            None => {}
        }
        before
    }

    /// Many at once, so that a topic at its bound does not search all of it at every event.
    fn forget_oldest(&mut self) {
        // OK first: what is still wrong is worth more.
        let mut ids: Vec<(bool, i64, Arc<str>)> = self
            .events
            .values()
            .map(|state| (state.level != Level::Ok, state.time, Arc::clone(&state.id)))
            .collect();
        ids.sort_unstable();
        for (_, _, id) in ids.into_iter().take(MAX_EVENTS / 16) {
            if let Some(state) = self.events.remove(&id) {
                self.levels[usize::from(state.level.number())] -= 1;
            }
        }
    }

    fn state(&self) -> TopicState {
        let level = Level::ALL
            .into_iter()
            .rev()
            .find(|level| self.levels[usize::from(level.number())] > 0);
        TopicState {
            level: level.unwrap_or_default(),
            collected: self.collected,
        }
    }
}

impl Topics {
    /// Notes an event. Gives the level of the same id's last event; `None` if there was none.
    pub fn collect(&mut self, topic: &Arc<str>, state: EventState) -> Option<Level> {
        let topic = self.topics.entry(Arc::clone(topic)).or_default();
        topic.closed = false;
        topic.collected += 1;
        topic.put(state)
    }

    /// Sets the state of an event without counting it.
    pub fn update(&mut self, topic: &Arc<str>, state: EventState) {
        self.topics.entry(Arc::clone(topic)).or_default().put(state);
    }

    /// Makes a topic known, even before its first event.
    pub fn open(&mut self, topic: &Arc<str>) {
        self.topics.entry(Arc::clone(topic)).or_default().closed = false;
    }

    /// Hides a topic until it is opened again; counting starts afresh then.
    pub fn close(&mut self, topic: &str) {
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.closed = true;
            topic.collected = 0;
        }
    }

    /// Forgets a topic.
    pub fn delete(&mut self, topic: &str) -> bool {
        self.topics.remove(topic).is_some()
    }

    /// Names that start with `prefix`, hidden topics included.
    pub fn names(&self, prefix: &str) -> Vec<Arc<str>> {
        let names = self.topics.keys().filter(|name| name.starts_with(prefix));
        names.cloned().collect()
    }

    /// The state of one event.
    pub fn event(&self, topic: &str, id: &str) -> Option<&EventState> {
        self.topics.get(topic)?.events.get(id)
    }

    /// Events of a topic that are at least this bad, by id; `None` when there is no such topic.
    pub fn events(&self, topic: &str, minimum: Level) -> Option<Vec<EventState>> {
        let topic = self.topics.get(topic).filter(|topic| !topic.closed)?;
        let states = topic.events.values().filter(|state| state.level >= minimum);
        Some(states.cloned().collect())
    }

    /// A topic.
    pub fn topic(&self, topic: &str) -> Option<TopicState> {
        let topic = self.topics.get(topic).filter(|topic| !topic.closed)?;
        Some(topic.state())
    }

    /// All topics that are at least this bad, by name.
    pub fn topics(&self, minimum: Level) -> Vec<(Arc<str>, TopicState)> {
        self.topics
            .iter()
            .filter(|(_, topic)| !topic.closed)
            .map(|(name, topic)| (Arc::clone(name), topic.state()))
            .filter(|(_, state)| state.level >= minimum)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(id: &str, time: i64, level: Level) -> EventState {
        EventState {
            id: id.into(),
            message: "".into(),
            details: "".into(),
            time,
            duration: 0,
            level,
        }
    }

    #[test]
    fn a_topic_is_as_bad_as_its_worst_event() {
        let mut topics = Topics::default();
        let t: Arc<str> = "t".into();
        assert_eq!(topics.collect(&t, state("a", 1, Level::Critical)), None);
        assert_eq!(topics.collect(&t, state("b", 1, Level::Info)), None);
        assert_eq!(
            topics.collect(&t, state("a", 2, Level::Ok)),
            Some(Level::Critical)
        );
        let wanted = TopicState {
            level: Level::Info,
            collected: 3,
        };
        assert_eq!(topics.topic("t"), Some(wanted));
        assert_eq!(
            topics.events("t", Level::Info).map(|events| events.len()),
            Some(1)
        );
        assert_eq!(topics.topics(Level::Warning), []);
        topics.close("t");
        assert_eq!(topics.topic("t"), None);
        assert_eq!(topics.event("t", "b").map(|event| event.level), Some(Level::Info));
    }

    #[test]
    fn ids_without_end_do_not_grow_a_topic_without_end() {
        let mut topics = Topics::default();
        let t: Arc<str> = "t".into();
        topics.collect(&t, state("bad", 0, Level::Critical));
        for at in 0..=MAX_EVENTS {
            topics.collect(&t, state(&at.to_string(), at as i64 + 1, Level::Ok));
        }
        assert!(
            topics
                .events("t", Level::Ok)
                .is_some_and(|events| events.len() <= MAX_EVENTS)
        );
        assert!(topics.event("t", "bad").is_some() && topics.event("t", "0").is_none());
    }
}
