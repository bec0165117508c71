//! User defined functions: programs of the user's that nodes hand data to, behind Kapacitor's agent protocol (N-101).
//!
//! A function is a program that is started for each node that calls it and spoken to over its standard input and output,
//! or a service behind a Unix socket that is dialled for each node. Either way the wire is the same: protobuf messages,
//! each behind its length as a varint. What a function takes and gives it says itself, in answer to an `Info` request.
//!
//! This crate implements [`capstan_flow::ports::Udf`]. It deliberately does not know tasks, scripts or configuration files.
//!
//! | module | what |
//! |---|---|
//! | [`agent`] | the messages of Kapacitor's `udf/agent/udf.proto` |
//! | [`frame`] | messages on a stream of bytes |
//! | [`functions`] | the configured functions, and what each says about itself |
//! | `transport` | programs and sockets |
//! | `session` | one function at work: handshake, data, keepalive, snapshots, end |
//! | `convert` | between the engine's points and the wire's |

pub mod agent;
mod convert;
mod error;
pub mod frame;
pub mod functions;
mod session;
mod transport;

pub use error::Error;
pub use functions::{Function, Functions, Place};
