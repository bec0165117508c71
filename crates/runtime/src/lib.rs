//! What every long-running part of the process stands on: named tasks, ordered shutdown, sleeping, logs.
//!
//! Deliberately absent: anything about metrics, scripts or Kubernetes.
//!
//! | module | what |
//! |---|---|
//! | [`task`] | spawning with a name; sleeping |
//! | [`shutdown`] | one signal that every part of a process hears |
//! | [`allocations`] | how often memory was allocated, in builds that count it |
//! | [`logging`] | logfmt lines, with a level that can be changed |

pub mod allocations;
pub mod logging;
pub mod shutdown;
pub mod task;

pub use logging::{Level, LogHandle, LogOptions};
pub use shutdown::Shutdown;
pub use task::{sleep, spawn, spawn_blocking};
