//! Where points come in: bodies of line protocol become batches and go to whoever subscribed to their database and
//! retention policy.
//!
//! Bodies are parsed piece by piece as they arrive. Each (database, retention policy) has one series index behind a lock,
//! held while a piece is parsed and its batches are handed over, so that every subscriber sees the same order. Handing over never waits: a [`Sink`] has its own bounded queue
//! and decides what to do when that is full (N-05 FIX, H-23), so that one slow task stalls nobody.
//!
//! Deliberately absent: HTTP (status codes are made from error classes elsewhere), tasks, scripts.
//!
//! ```
//! # fn main() -> Result<(), capstan_ingest::Error> {
//! use capstan_ingest::{Encoding, Ingest, IngestOptions};
//! let ingest = Ingest::new(IngestOptions::default(), capstan_base::SystemClock::shared());
//! let outcome = ingest.write("db", "autogen", "s", Encoding::Identity, b"requests,host=a value=1i 1700000000")?;
//! assert_eq!(outcome.accepted, 1);
//! # Ok(())
//! # }
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`service`] | writing bodies and batches |
//! | [`upload`] | one body on its way in |
//! | [`routes`] | who gets what |
//! | [`body`] | limits and decompression |
//! | [`counters`] | points by measurement, and totals |

pub mod body;
pub mod counters;
pub mod error;
pub mod routes;
pub mod service;
pub mod upload;

#[cfg(test)]
mod tests;

pub use body::Encoding;
pub use counters::{Ingress, Totals};
pub use error::Error;
pub use routes::{DbRp, Sink, Subscription, SubscriptionId};
pub use service::{Ingest, IngestOptions, WriteOutcome};
pub use upload::Upload;
