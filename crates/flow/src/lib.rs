//! The stream engine: TICKscript pipelines as graphs of nodes over blocks of points.
//!
//! Synchronous: a [`Message`] goes in, every node it reaches runs, and what they emit comes out. Nodes that talk to the
//! world do it through [`ports`], whose answers come back as completions; so live runs, replays, offline tests and
//! backtests use the same code and differ only in the clock and the ports.
//!
//! Deliberately absent: tokio, HTTP, Kubernetes, files.
//!
//! | module | what |
//! |---|---|
//! | [`message`] | what moves along an edge |
//! | [`ports`] | the outside world as nodes see it |

pub mod message;
pub mod ports;

pub use message::{Barrier, Message, PointBatch, Points};
