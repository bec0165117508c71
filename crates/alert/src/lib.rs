//! Alerts without their senders: levels, event states, topics, and what every handler is called and takes.
//!
//! An alert node keeps one [`History`] per group, finds the next level with [`next_level`], and asks the history whether
//! that makes an event. Events are collected by topics: a [`Service`] remembers the last state of each event id, tells
//! the event what the level was before, and hands it to the topic's handlers, which are made elsewhere ([`Factory`]).
//! [`HANDLERS`] is the one list of handler kinds; scripts, handler files, the manual and error texts all read it.
//!
//! ```
//! use capstan_alert::{Decision, History, Level, Rules, next_level};
//!
//! let rules = Rules::default();
//! let mut history = History::new(&rules);
//! let level = next_level(history.level(), &mut |level| level == Level::Warning, &mut |_| None);
//! history.record(10, level, &rules);
//! assert_eq!(history.decide_point(10, &rules), Decision::Event { duration: 0 });
//! ```
//!
//! Deliberately absent: points, lambdas over them, templates of messages (the alert node has them), sockets, files, tokio.
//!
//! | module | what |
//! |---|---|
//! | [`level`], [`search`], [`history`] | which level, and whether that is an event |
//! | [`event`], [`series`] | the event and its JSON |
//! | [`topics`], [`service`] | states by topic; delivery, `publish` chains, restoring |
//! | [`inhibit`] | alerts that silence others |
//! | [`matching`] | `match` expressions of handlers |
//! | [`spec`], `kinds` | kinds of handlers and their options |

pub mod event;
pub mod history;
pub mod inhibit;
mod kinds;
pub mod level;
pub mod matching;
pub mod search;
pub mod series;
pub mod service;
pub mod spec;
pub mod topics;

pub use event::{Event, EventData, EventState};
pub use history::{Decision, Flapping, History, Rules, StoredHistory};
pub use inhibit::{Inhibitor, Inhibitors};
pub use kinds::HANDLERS;
/// The kinds one by one, for the alert node's properties.
pub mod kind {
    pub use crate::kinds::{
        AGGREGATE, ALERTA, BIG_PANDA, DISCORD, EMAIL, EXEC, HIP_CHAT, KAFKA, LOG, MQTT, OPS_GENIE,
        OPS_GENIE2, PAGER_DUTY, PAGER_DUTY2, POST, PUBLISH, PUSHOVER, SENSU, SERVICE_NOW, SLACK, SNMP_TRAP,
        TALK, TCP, TEAMS, TELEGRAM, VICTOR_OPS, ZENOSS,
    };
}
pub use level::Level;
pub use matching::{Match, MatchError};
pub use search::next_level;
pub use series::Series;
pub use service::{Discard, Factory, Global, Handler, Journal, NoJournal, Owner, Service};
pub use spec::{Fill, HandlerKind, HandlerOption, HandlerSpec, Method, Sends, SpecError, Type};
pub use topics::{TopicState, Topics};
