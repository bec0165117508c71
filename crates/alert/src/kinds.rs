//! The handlers: one file each for those that send, one list each for the others.

mod chat;
mod incident;
mod inside;
mod local;
mod machine;
mod web;

pub use chat::{DISCORD, HIP_CHAT, PUSHOVER, SLACK, TALK, TEAMS, TELEGRAM};
pub use incident::{
    ALERTA, BIG_PANDA, OPS_GENIE, OPS_GENIE2, PAGER_DUTY, PAGER_DUTY2, SERVICE_NOW, VICTOR_OPS, ZENOSS,
};
pub use inside::{AGGREGATE, PUBLISH};
pub use local::{EXEC, LOG};
pub use machine::{KAFKA, MQTT, SENSU, SNMP_TRAP, TCP};
pub use web::{EMAIL, POST};

use serde_json::{Map, Value as Json};

use crate::spec::{Fill, HandlerKind, HandlerOption, Type};

/// All kinds of handlers.
pub static HANDLERS: &[&HandlerKind] = &[
    &LOG,
    &EXEC,
    &POST,
    &TCP,
    &EMAIL,
    &PUBLISH,
    &AGGREGATE,
    &SLACK,
    &PAGER_DUTY2,
    &PAGER_DUTY,
    &OPS_GENIE2,
    &OPS_GENIE,
    &VICTOR_OPS,
    &TELEGRAM,
    &TEAMS,
    &DISCORD,
    &KAFKA,
    &MQTT,
    &ALERTA,
    &SENSU,
    &PUSHOVER,
    &SERVICE_NOW,
    &BIG_PANDA,
    &ZENOSS,
    &SNMP_TRAP,
    &HIP_CHAT,
    &TALK,
];

/// Nothing to check.
#[allow(clippy::unnecessary_wraps)] // it stands where others can fail
fn anything(_: &Map<String, Json>) -> Result<(), String> {
    Ok(())
}

/// An option of one value.
const fn set(name: &'static str, property: &'static str, kind: Type, doc: &'static str) -> HandlerOption {
    option(name, property, Fill::Set(kind), doc)
}

/// An option of one text.
const fn text(name: &'static str, property: &'static str, doc: &'static str) -> HandlerOption {
    option(name, property, Fill::Set(Type::Text), doc)
}

const fn option(name: &'static str, property: &'static str, fill: Fill, doc: &'static str) -> HandlerOption {
    HandlerOption {
        name,
        property,
        alias: "",
        fill,
        doc,
    }
}

/// A property whose name in Kapacitor starts with an abbreviation: `uRL`, and as people write it.
const fn url(
    name: &'static str,
    property: &'static str,
    alias: &'static str,
    doc: &'static str,
) -> HandlerOption {
    HandlerOption {
        alias,
        ..text(name, property, doc)
    }
}
