//! The HTTP API on port 9092: Kapacitor's paths under `/kapacitor/v1`, ours under `/capstan/v1`.
//!
//! A thin face: each handler turns a request into one call of `tasks` or `ingest` and the result into Kapacitor's JSON. What
//! holds for all of them (paths, headers, error bodies, CORS, gzip) stands in one place, `conventions`.
//!
//! Deliberately absent: what a task is, where points go, configuration files.
//!
//! | module | what |
//! |---|---|
//! | [`server`] | listening; the whole API as a service |
//! | [`app`] | what the handlers share |
//! | `routes` | the handlers, one file per resource |
//! | [`json`] | JSON as Kapacitor prints it |
//! | [`error`] | failures as answers |
//! | `conventions` | what holds for every request |
//! | `convert` | between wire types and the tasks' own |
//! | `query` | query parameters |
//! | `tls` | HTTPS |

pub mod app;
mod conventions;
mod convert;
pub mod error;
pub mod json;
mod query;
mod routes;
pub mod server;
mod tls;

pub use app::{App, Identity, SetLogLevel};
pub use error::Error;
pub use server::{Handle, Options, serve, service};
