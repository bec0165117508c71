//! What must survive the process: tasks and templates, alert states, decision records, snapshots of node state, and who we are.
//!
//! One file, ours alone while it is open (S-86): a second process is told so at once. Every write is on disk when the call
//! returns, so that whatever the API acknowledged is still there after a kill. Values are JSON behind a version byte; an
//! old version is upgraded when it is read. The file format is behind [`Backend`], of which there is also one in memory
//! for offline runs and tests.
//!
//! Deliberately absent: what a task means, HTTP, a clock (times come with the records). Recordings are not kept here.
//!
//! ```
//! use capstan_store::{Store, TaskRecord};
//! # fn main() -> Result<(), capstan_store::Error> {
//! let store = Store::in_memory();
//! store.put(&TaskRecord { id: "cpu".into(), script: "stream|from()".into(), ..TaskRecord::default() })?;
//! assert!(store.get::<TaskRecord>("cpu")?.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`store`] | typed reads and writes, transactions |
//! | [`schema`] | the records and their versions |
//! | [`decisions`] | the log of decision records |
//! | [`backend`] | the file, or memory |
//! | [`identity`] | `cluster.id` and `server.id` |

pub mod backend;
pub mod decisions;
pub mod error;
pub mod identity;
pub mod schema;
pub mod store;

pub use backend::Backend;
pub use error::Error;
pub use identity::Identity;
pub use schema::{DbRp, Record, TaskRecord, TemplateRecord, TopicEventRecord};
pub use store::{Store, Transaction};
