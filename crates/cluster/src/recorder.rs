//! Events about objects, repeats counted instead of repeated.

use std::collections::{HashMap, VecDeque};

use capstan_kubeapi::builtin::EVENTS;
use capstan_kubeapi::{meta, time};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::objects::{DeleteOptions, Objects, Subresource};

/// Distinct events remembered for counting.
const REMEMBERED: usize = 1024;
/// Events kept; the oldest go first, as they do after an hour in a real cluster.
const KEPT: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Recorder {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Namespace and name of the event with each text, and when it was noted.
    recent: HashMap<String, (Place, u64)>,
    /// The texts in the order in which they were noted; one that was noted again stands there twice.
    order: VecDeque<(u64, String)>,
    kept: VecDeque<Place>,
}

/// Namespace and name of an event.
type Place = (String, String);

impl Inner {
    /// Notes where the event with this text is, and forgets the oldest one when there are too many.
    fn remember(&mut self, text: String, place: Place) {
        let number = self.order.back().map_or(0, |(number, _)| number + 1);
        self.order.push_back((number, text.clone()));
        self.recent.insert(text, (place, number));
        while self.recent.len() > REMEMBERED || self.order.len() > 2 * REMEMBERED {
            let Some((number, text)) = self.order.pop_front() else {
                return;
            };
            if self.recent.get(&text).is_some_and(|(_, last)| *last == number) {
                self.recent.remove(&text);
            }
        }
    }
}

impl Recorder {
    pub(crate) fn record(
        &self,
        objects: &Objects,
        regarding: &Value,
        type_: &str,
        reason: &str,
        message: &str,
        component: &str,
    ) {
        let clock = objects.clock();
        let now = time::rfc3339(clock.now());
        let namespace = match meta::namespace(regarding) {
            "" => "default",
            namespace => namespace,
        }
        .to_owned();
        let key = format!("{}/{type_}/{reason}/{component}/{message}", meta::uid(regarding));
        let known = {
            let inner = self.inner.lock();
            inner.recent.get(&key).map(|(place, _)| place.clone())
        };
        if let Some((namespace, name)) = known {
            let counted = objects.modify(EVENTS, Some(&namespace), &name, Subresource::None, |event| {
                let count = event.get("count").and_then(Value::as_i64).unwrap_or(1) + 1;
                event["count"] = count.into();
                event["lastTimestamp"] = now.clone().into();
            });
            if counted.is_ok() {
                return;
            }
        }
        let name = format!("{}.{:x}", meta::name(regarding), clock.now_nanos());
        let text = |field: &str| regarding.get(field).and_then(Value::as_str).unwrap_or("");
        let mut about = serde_json::Map::new();
        for (field, value) in [
            ("kind", text("kind")),
            ("namespace", meta::namespace(regarding)),
            ("name", meta::name(regarding)),
            ("uid", meta::uid(regarding)),
            ("apiVersion", text("apiVersion")),
            ("resourceVersion", meta::resource_version(regarding)),
        ] {
            if !value.is_empty() {
                about.insert(field.to_owned(), value.into());
            }
        }
        let event = json!({
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "source": {"component": component},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": type_,
            "eventTime": null,
            "reportingComponent": component,
            "reportingInstance": "",
        });
        let mut event = event;
        // Two events about one object in one clock tick.
        let mut attempt = 0;
        let name = loop {
            match objects.create(EVENTS, Some(&namespace), event.clone()) {
                Ok(created) => break meta::name(&created).to_owned(),
                Err(status) if status.is_already_exists() && attempt < 64 => {
                    attempt += 1;
                    let name = format!("{}.{:x}", meta::name(regarding), clock.now_nanos() + attempt);
                    meta::set(&mut event, "name", name);
                }
                Err(status) => {
                    tracing::debug!(error = %status, reason, "event not recorded");
                    return;
                }
            }
        };
        let dropped = {
            let mut inner = self.inner.lock();
            inner.remember(key, (namespace.clone(), name.clone()));
            inner.kept.push_back((namespace, name));
            if inner.kept.len() > KEPT {
                inner.kept.pop_front()
            } else {
                None
            }
        };
        if let Some((namespace, name)) = dropped {
            // It may be gone already; nobody minds.
            let _ = objects.delete(EVENTS, Some(&namespace), &name, &DeleteOptions::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_noted_last_are_found_however_often_one_of_them_was_noted() {
        let mut inner = Inner::default();
        let place = |number: usize| ("n".to_owned(), number.to_string());
        for number in 0..3 * REMEMBERED {
            inner.remember("again".to_owned(), place(number));
            inner.remember(number.to_string(), place(number));
        }
        let last = 3 * REMEMBERED - 1;
        assert_eq!(inner.recent["again"].0, place(last));
        assert_eq!(inner.recent[&last.to_string()].0, place(last));
        assert!(!inner.recent.contains_key("0"));
        assert!(inner.recent.len() <= REMEMBERED && inner.order.len() <= 2 * REMEMBERED);
    }
}
