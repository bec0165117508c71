//! A client of Docker Swarm's API, as far as scaling needs it: reading a service, and setting how many replicas it has
//! (N-221).
//!
//! A [`Swarm`] is one `[[swarm]]` of the configuration (S-37): managers of one swarm, reached by `http://`, `https://`,
//! `tcp://` or `unix://`. A [`Service`] keeps the specification as the server sent it, because an update replaces all of
//! it: what this crate does not know is sent back untouched. The service's version is the precondition of the update, so that
//! nobody's change is undone.
//!
//! It knows nothing of nodes and decisions; `capstan::wiring::scaler` adapts it to `flow::ports::Scaler`.
//!
//! - `client`: servers, the API's version, requests
//! - `service`: what is read of a service, and what is changed
//! - `options`, `error`

mod client;
mod error;
mod options;
mod service;

pub use client::Swarm;
pub use error::{Error, Reason};
pub use options::Options;
pub use service::Service;
