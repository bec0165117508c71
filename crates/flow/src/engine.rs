//! Runs a pipeline: one [`Task`], synchronous, on whichever thread calls it.

pub mod build;
pub mod context;
pub mod errors;
mod expiry;
pub mod mailbox;
pub mod snapshot;
pub mod stats;
mod task;
#[cfg(test)]
mod tests;
mod timing;
pub mod watch;

pub use task::{StartError, Task, TaskError};
