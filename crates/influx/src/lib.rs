//! A client of InfluxDB 1.x and 2.x: ping, InfluxQL and Flux queries, writes, databases.
//!
//! A [`Client`] talks to the servers of one cluster in turn, and to the next one when one cannot be reached. Every
//! answer that is read has a bound. Errors say whether trying again may help.
//!
//! Deliberately unknown here: tasks, nodes and their schedules, subscriptions, and what a configuration file is called.
//!
//! ```no_run
//! # async fn f() -> Result<(), capstan_influx::Error> {
//! use capstan_influx::{Client, Options};
//!
//! let client = Client::new(Options::new(["http://localhost:8086"]))?;
//! let answer = client.query("SELECT mean(v) FROM db.autogen.m", "").await?;
//! println!("{} series", answer.len());
//! # Ok(())
//! # }
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`client`] | requests |
//! | [`options`] | servers, credentials, TLS |
//! | [`series`] | what queries give |
//! | `json`, `flux` | the two forms in which InfluxDB writes it |
//! | [`error`] | what can go wrong |

pub mod client;
pub mod error;
mod flux;
mod json;
pub mod options;
pub mod series;
#[cfg(test)]
mod tests;

pub use client::{Client, FluxQuery, WriteTo};
pub use error::Error;
pub use flux::series as read_flux;
pub use json::series as read_influxql;
pub use options::{Credentials, Options};
pub use series::Series;
