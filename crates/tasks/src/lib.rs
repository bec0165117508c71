//! Defined tasks: kept in the store, started, run each on a thread of its own, started again after failures.
//!
//! [`Tasks`] is the one place that knows which tasks there are. A definition is on disk before the call that makes it returns;
//! enabled tasks start again with the process and take up what they remembered. Each running
//! task subscribes to `ingest` and has a bounded queue, so that a slow one loses its own data and nobody else's. Decision records that nodes
//! make are kept here too.
//!
//! Deliberately absent: HTTP, where points come from, what nodes compute, which cluster a scale is written to.
//!
//! | module | what |
//! |---|---|
//! | [`record`] | a task as it is kept; what is needed to make or change one |
//! | [`service`] | create, change, delete, read, start, stop |
//! | `definition` | script to pipeline |
//! | `runner`, [`inbox`], `feed` | one thread per task; what waits for it, and how it gets there |
//! | `packed`, `turns` | snapshots as they are stored, and whose turn it is to take one |
//! | [`load`] | the load directory |
//! | [`decisions`] | the latest decision records |

pub mod decisions;
mod definition;
pub mod error;
mod feed;
pub mod inbox;
pub mod load;
mod packed;
pub mod record;
mod runner;
pub mod service;
mod turns;

pub use decisions::{DecisionFilter, Decisions};
pub use error::Error;
pub use inbox::{Limits, Policy};
pub use load::LoadDirectory;
pub use record::{Dbrp, NewTask, TaskKind, TaskPatch, TaskRecord, Var, VarValue, Vars};
pub use service::{DotView, EdgeStatistics, NodeStatistics, Options, TaskView, Tasks};
