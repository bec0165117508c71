//! Handlers that only topics can have.

use serde_json::{Map, Value as Json};

use super::{anything, option, set, text};
use crate::spec::{Fill, HandlerKind, Method, Sends, Type, nanoseconds};

///
pub static PUBLISH: HandlerKind = HandlerKind {
    kind: "publish",
    method: "",
    takes: Method::Nothing,
    options: &[option("topics", "", Fill::List, "Where the events go as well.")],
    sends: Sends::Inside,
    check: anything,
    check_start: anything,
    doc: "Passes events on to other topics.",
};

///
pub static AGGREGATE: HandlerKind = HandlerKind {
    kind: "aggregate",
    method: "",
    takes: Method::Nothing,
    options: &[
        text("id", "", "Id of the event that is made."),
        set("interval", "", Type::Duration, "How long events are gathered."),
        text("topic", "", "Where the event goes."),
        text(
            "message",
            "",
            "Its message, a template with `.Count` and `.Interval`; without one it says just that.",
        ),
    ],
    sends: Sends::Inside,
    check: interval,
    check_start: anything,
    doc: "Gathers events and passes on one with the worst level of them.",
};

fn interval(options: &Map<String, Json>) -> Result<(), String> {
    // Kapacitor's process ends with a panic.
    if options
        .get("interval")
        .and_then(nanoseconds)
        .is_some_and(|nanos| nanos > 0)
    {
        Ok(())
    } else {
        Err("handler aggregate: option interval must be a positive duration".to_owned())
    }
}
