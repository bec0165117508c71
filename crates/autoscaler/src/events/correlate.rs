//! Which events are new, which are repeats, and which are too many (upstream: `tools/record/events_cache.go`).

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use jiff::{SignedDuration, Timestamp};

use super::Noted;

/// So many different messages with the same reason within [`SIMILAR_WITHIN`] are folded into one event.
const SIMILAR: usize = 10;
const SIMILAR_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Events of one object: so many at once, then one per [`REFILL`].
const BURST: f64 = 25.0;
const REFILL: f64 = 300.0;

/// What is remembered of each kind.
const MAX_KNOWN: usize = 65_536;

/// An event with its place in a row of equal ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) noted: Noted,
    pub(super) name: String,
    pub(super) count: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    key: Key,
}

/// What makes two events the same; the message is absent when similar ones are folded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    object: Object,
    type_: capstan_hpa::reconcile::EventType,
    reason: String,
    message: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Object {
    component: &'static str,
    kind: &'static str,
    namespace: String,
    name: String,
    uid: String,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Correlator {
    similar: Known<Key, HashSet<String>>,
    sent: Known<Key, (String, u64, Timestamp)>,
    tokens: Known<Object, f64>,
}

impl Correlator {
    /// The event to send, or `None` if this object has had too many.
    pub(super) fn observe(&mut self, noted: Noted, now: Timestamp) -> Option<Observed> {
        let object = Object {
            component: noted.component,
            kind: noted.kind,
            namespace: noted.namespace.clone(),
            name: noted.name.clone(),
            uid: noted.uid.clone(),
        };
        let mut key = Key {
            object: object.clone(),
            type_: noted.event.type_,
            reason: noted.event.reason.clone(),
            message: None,
        };
        let mut noted = noted;
        if self.is_one_of_many(&key, &noted.event.message, now) {
            noted.event.message = format!("(combined from similar events): {}", noted.event.message);
        } else {
            key.message = Some(noted.event.message.clone());
        }
        let (name, count, first) = match self.sent.get(&key) {
            Some((name, count, first)) => (name.clone(), count + 1, *first),
            None => (format!("{}.{:x}", noted.name, now.as_nanosecond()), 1, now),
        };
        self.sent.set(key.clone(), (name.clone(), count, first), now);
        self.may_pass(object, now).then_some(Observed {
            noted,
            name,
            count,
            first,
            last: now,
            key,
        })
    }

    /// The event did not arrive: the next one of its kind is a new one.
    pub(super) fn forget(&mut self, observed: &Observed) {
        if observed.count == 1 {
            self.sent.values.remove(&observed.key);
        }
    }

    fn is_one_of_many(&mut self, key: &Key, message: &str, now: Timestamp) -> bool {
        let mut messages = match self.similar.values.remove(key) {
            Some((messages, last)) if now.duration_since(last) <= SIMILAR_WITHIN => messages,
            _ => HashSet::new(),
        };
        messages.insert(message.to_owned());
        let many = messages.len() >= SIMILAR;
        if many {
            // The set need not grow any further.
            let any = messages.iter().next().cloned();
            any.map(|any| messages.remove(&any));
        }
        self.similar.set(key.clone(), messages, now);
        many
    }

    fn may_pass(&mut self, object: Object, now: Timestamp) -> bool {
        let tokens = match self.tokens.values.get(&object) {
            Some((tokens, last)) => {
                let passed = now.duration_since(*last).as_secs_f64().max(0.0);
                (tokens + passed / REFILL).min(BURST)
            }
            None => BURST,
        };
        let passes = tokens >= 1.0;
        let left = if passes { tokens - 1.0 } else { tokens };
        self.tokens.set(object, left, now);
        passes
    }
}

/// Values with the time of their last change; the oldest go when there are too many.
#[derive(Debug)]
struct Known<K, V> {
    values: HashMap<K, (V, Timestamp)>,
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, V> Known<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(value, _)| value)
    }

    fn set(&mut self, key: K, value: V, now: Timestamp) {
        if self.values.len() >= MAX_KNOWN {
            let mut times: Vec<Timestamp> = self.values.values().map(|(_, time)| *time).collect();
            times.sort_unstable();
            let limit = times[times.len() / 4];
            self.values.retain(|_, (_, time)| *time > limit);
        }
        self.values.insert(key, (value, now));
    }
}

#[cfg(test)]
mod tests {
    use capstan_hpa::reconcile::{Event, EventType};

    use super::*;

    fn noted(name: &str, reason: &str, message: &str) -> Noted {
        Noted {
            kind: "HorizontalPodAutoscaler",
            api_version: "autoscaling/v2".into(),
            namespace: "n".into(),
            name: name.into(),
            uid: "u".into(),
            resource_version: "1".into(),
            component: "horizontal-pod-autoscaler",
            event: Event {
                type_: EventType::Warning,
                reason: reason.into(),
                message: message.into(),
            },
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_repeat_is_counted_on_the_first_one() {
        let mut correlator = Correlator::default();
        let first = correlator.observe(noted("web", "R", "m"), at(1)).unwrap();
        assert_eq!((first.name.as_str(), first.count), ("web.3b9aca00", 1));
        let again = correlator.observe(noted("web", "R", "m"), at(16)).unwrap();
        assert_eq!((&again.name, again.count), (&first.name, 2));
        assert_eq!((again.first, again.last), (at(1), at(16)));
        let other = correlator.observe(noted("web", "R", "other"), at(16)).unwrap();
        assert_eq!(other.count, 1);
        correlator.forget(&other);
        assert_eq!(
            correlator
                .observe(noted("web", "R", "other"), at(17))
                .unwrap()
                .count,
            1
        );
    }

    #[test]
    fn the_tenth_similar_event_and_those_after_it_are_one() {
        let mut correlator = Correlator::default();
        let messages: Vec<(String, u64)> = (1..=12)
            .map(|n| {
                let observed = correlator
                    .observe(noted("web", "R", &n.to_string()), at(n))
                    .unwrap();
                (observed.noted.event.message, observed.count)
            })
            .collect();
        assert_eq!(messages[8], ("9".to_owned(), 1));
        assert_eq!(messages[9], ("(combined from similar events): 10".to_owned(), 1));
        assert_eq!(messages[11], ("(combined from similar events): 12".to_owned(), 3));
        let later = correlator.observe(noted("web", "R", "13"), at(12 + 601)).unwrap();
        assert_eq!(later.noted.event.message, "13");
    }

    #[test]
    fn an_object_has_a_burst_and_then_one_event_in_five_minutes() {
        let mut correlator = Correlator::default();
        let mut passes =
            |name: &str, second: i64| correlator.observe(noted(name, "R", "m"), at(second)).is_some();
        assert!((0..25).all(|_| passes("web", 0)));
        assert!(!passes("web", 0) && !passes("web", 299));
        assert!(passes("web", 301) && !passes("web", 302));
        assert!(passes("other", 302));
    }
}
