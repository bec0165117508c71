//! Load against a server that speaks Kapacitor's API, and what it cost: points per second, CPU and memory.
//!
//! The work is the yardstick: every host's request counter once a second, through derivative, sum and moving average to a
//! number of replicas per replica set. All bodies are made before the clock starts; the clock stops when the task's last
//! node has collected everything, and then the results are compared with what the counters say they must be.
//!
//! Deliberately absent: the command line, and the engine itself. A server is a process or a URL, so that the same load can
//! be put on another implementation.
//!
//! | module | what |
//! |---|---|
//! | [`workload`] | which points there are, and the bodies that carry them |
//! | [`pipeline`] | the task that computes on them, and what must come out |
//! | [`server`], [`process`] | a server started for the measurement; a process's CPU time and memory |
//! | [`drive`] | sending bodies over some connections |
//! | [`run`] | one measurement from start to end |
//! | [`latency`], [`standin`] | from a point to the write of a scale; the API server it is written to |
//! | [`hpas`] | many HorizontalPodAutoscalers on the embedded cluster |
//! | [`adapter`] | load on the metrics APIs of the adapter |
//! | [`report`] | figures as text and JSON |
//! | [`error`] | what can go wrong |

pub mod adapter;
pub mod drive;
pub mod error;
pub mod hpas;
pub mod latency;
pub mod pipeline;
pub mod process;
pub mod report;
pub mod run;
pub mod server;
pub mod standin;
pub mod workload;

pub use error::Error;
pub use latency::Latency;
pub use pipeline::Pipeline;
pub use report::Figures;
pub use run::{Pressure, Target, measure};
pub use server::Server;
pub use workload::Workload;
