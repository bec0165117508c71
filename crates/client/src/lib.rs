//! The :9092 API as its callers see it: the JSON it speaks, and an HTTP client for it.
//!
//! The types print their fields in Kapacitor's order and read what Kapacitor's own client and server send, so that the server
//! (`capstan-api`), the command line client and other people's tools cannot drift apart. The client asks one server, follows
//! the `link` of what it was given, and turns an error body into an [`Error`] that carries the server's text.
//!
//! Deliberately absent: scripts, storage, and how a task is run.
//!
//! ```no_run
//! # async fn example() -> Result<(), capstan_client::Error> {
//! let client = capstan_client::Client::new("http://localhost:9092", false)?;
//! for task in client.list_tasks("*", &["status"], 0, 100).await? {
//!     assert!(!task.id.is_empty());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`wire`] | the JSON bodies |
//! | [`http`] | the client |
//! | [`error`] | what can go wrong between the two |

pub mod error;
pub mod http;
pub mod wire;

pub use error::Error;
pub use http::{Client, percent_decoded, task_href};

/// The Kapacitor whose behaviour is reproduced, and ours as build metadata: semantic versions compare it as that Kapacitor.
pub const VERSION: &str = concat!("1.8.3+capstan.", env!("CARGO_PKG_VERSION"));

/// Base path of the Kapacitor-compatible API (H-01).
pub const BASE_PATH: &str = "/kapacitor/v1";
