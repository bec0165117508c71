//! What happened, and its JSON.

use std::fmt::Write;
use std::sync::Arc;

use capstan_gocompat::time_layout;
use capstan_model::{Tags, Value};

use crate::level::Level;
use crate::series::{self, Series};

/// The state of an event id in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventState {
    pub id: Arc<str>,
    pub message: Arc<str>,
    pub details: Arc<str>,
    /// Nanoseconds since the Unix epoch.
    pub time: i64,
    /// Nanoseconds since it was last OK.
    pub duration: i64,
    pub level: Level,
}

/// Where an event comes from; the same in every topic it reaches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventData {
    /// Measurement.
    pub name: Arc<str>,
    pub task: Arc<str>,
    pub category: Arc<str>,
    /// Text of the group; empty when nothing groups.
    pub group: Arc<str>,
    pub tags: Tags,
    /// Fields of the point that decided the level, sorted by name.
    pub fields: Vec<(Arc<str>, Value)>,
    /// Whether an OK will follow.
    pub recoverable: bool,
    /// The triggering point or the whole batch.
    pub series: Vec<Series>,
}

/// An event in one topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub state: EventState,
    /// The level of the same id's last event in the topic; OK before any.
    pub previous: Level,
    pub data: Arc<EventData>,
    /// Told again after a restart: only topics may take notice, nobody outside.
    pub internal: bool,
}

impl Event {
    /// An event that no topic has seen yet.
    pub fn new(state: EventState, data: Arc<EventData>) -> Self {
        Self {
            state,
            previous: Level::Ok,
            data,
            internal: false,
        }
    }

    /// One line of JSON as handlers send it, without the line end.
    pub fn to_json(&self) -> String {
        let mut text = String::with_capacity(256);
        let state = &self.state;
        for (key, value) in [
            ("{\"id\":", &state.id),
            (",\"message\":", &state.message),
            (",\"details\":", &state.details),
        ] {
            text.push_str(key);
            series::string(&mut text, value);
        }
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            ",\"time\":\"{}\",\"duration\":{},\"level\":\"{}\",\"data\":",
            time_layout::format_rfc3339_nano(state.time),
            state.duration,
            state.level,
        );
        series::result(&mut text, &self.data.series);
        let _ = write!(
            text,
            ",\"previousLevel\":\"{}\",\"recoverable\":{}}}",
            self.previous, self.data.recoverable
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_kapacitors() {
        let state = EventState {
            id: "cpu:nil".into(),
            message: "a <b>".into(),
            details: "".into(),
            time: 31_536_010_000_000_000,
            duration: 1_000_000_000,
            level: Level::Critical,
        };
        let series = Series {
            name: "cpu".into(),
            tags: Tags::from_pairs([("host", "a")]),
            columns: vec!["value".into()],
            rows: vec![(31_536_010_000_000_000, vec![Some(Value::Float(10.0))])],
        };
        let data = EventData {
            series: vec![series],
            recoverable: true,
            ..EventData::default()
        };
        let event = Event::new(state, Arc::new(data));
        assert_eq!(
            event.to_json(),
            "{\"id\":\"cpu:nil\",\"message\":\"a \\u003cb\\u003e\",\"details\":\"\",\"time\":\"1971-01-01T00:00:10Z\",\
             \"duration\":1000000000,\"level\":\"CRITICAL\",\"data\":{\"series\":[{\"name\":\"cpu\",\"tags\":{\"host\":\"a\"},\
             \"columns\":[\"time\",\"value\"],\"values\":[[\"1971-01-01T00:00:10Z\",10]]}]},\"previousLevel\":\"OK\",\
             \"recoverable\":true}"
        );
    }
}
