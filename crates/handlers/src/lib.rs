//! The senders of alert events: one file per handler, a bounded queue in front of each.
//!
//! [`Handlers`] makes them for the topic service of `capstan-alert`. A handler never blocks whoever has an event: it
//! queues, and one task per handler sends in order. What fails for a reason that may pass (nobody listens, HTTP 5xx) is
//! tried again with growing pauses; what fails for good is written to the log with the event, so that nothing is lost
//! silently.
//!
//! Deliberately absent: which events there are, what topics remember (`capstan-alert`), configuration files.
//!
//! | module | what |
//! |---|---|
//! | [`options`] | mail server, endpoints, queue lengths |
//! | [`factory`] | from a specification to a handler |
//! | `queue` | waiting, trying again |
//! | [`log`], [`exec`], [`post`], [`tcp`], [`email`], [`aggregate`] | the handlers |
//! | [`data`] | events as templates see them |

pub mod aggregate;
pub mod data;
pub mod email;
pub mod exec;
pub mod factory;
pub mod log;
pub mod options;
pub mod post;
mod queue;
pub mod tcp;

pub use exec::{Command, Commander, Output, SystemCommander};
pub use factory::Handlers;
pub use options::{BodyTemplate, Endpoint, Options, Retry, Smtp};
