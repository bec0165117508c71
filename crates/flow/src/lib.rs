//! The stream engine: TICKscript pipelines as graphs of nodes over blocks of points.
//!
//! Synchronous: a [`Message`] goes in, every node it reaches runs, and what they emit comes out. Nodes that talk to the
//! world do it through [`ports`], whose answers come back as completions; so live runs, replays, offline tests and
//! backtests use the same code and differ only in the clock and the ports.
//!
//! ```
//! use std::sync::Arc;
//!
//! use capstan_base::VirtualClock;
//! use capstan_flow::{Mode, Ports, Task, TaskKind, Vars, define};
//! use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};
//!
//! let definition = define("stream|from().measurement('m')|httpOut('x')", TaskKind::Auto, &Vars::new(), Mode::Task)?;
//! let ports = Ports::offline(VirtualClock::at(0));
//! let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
//! let mut task = Task::new("example", Arc::new(definition.pipeline), dbrps, ports.clone())?;
//! task.start()?;
//!
//! let keys = Arc::new(KeyTable::new());
//! let mut rows = BlockBuilder::new("m", Arc::clone(&keys)).from_source("db".into(), "rp".into());
//! rows.row(0, keys.intern(&Tags::EMPTY));
//! rows.field("value", ValueRef::Int(7));
//! task.collect(&Batch::single(rows.finish()))?;
//! assert!(ports.endpoints.get("x").is_some_and(|json| json.contains("[\"1970-01-01T00:00:00Z\",7]")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Deliberately absent: tokio, HTTP, Kubernetes, and files but for one helper of the `sideload` port.
//!
//! | module | what |
//! |---|---|
//! | [`script`] | from script to pipeline |
//! | [`lint`](mod@lint) | what a script says but hardly means |
//! | [`registry`] | what kinds of nodes there are |
//! | [`pipeline`] | the graph, its names and its DOT text |
//! | [`engine`] | a running task |
//! | [`node`] | what a node is, and how to write one |
//! | `nodes` | the nodes, one folder per kind |
//! | [`message`] | what moves along an edge |
//! | [`group_state`], [`rows`], [`lambda`] | what nodes are made of |
//! | [`recording`] | recorded batches |
//! | [`ports`], [`endpoints`] | the outside world as nodes see it |

mod dimensions;
pub mod endpoints;
pub mod engine;
mod go_time;
pub mod group_state;
pub mod lambda;
pub mod lint;
pub mod message;
pub mod node;
mod nodes;
pub mod pipeline;
pub mod ports;
mod predicate;
pub mod recording;
pub mod registry;
pub mod rows;
pub mod script;
mod states;

pub use endpoints::Endpoints;
pub use engine::context::Context;
pub use engine::mailbox::Mailbox;
pub use engine::snapshot::SnapshotError;
pub use engine::stats::{NodeStats, TaskStats};
pub use engine::{StartError, Task, TaskError};
pub use lint::{Rule, Warning, lint};
pub use message::{Barrier, Message, PointBatch, Points};
pub use node::{Node, NodeError};
pub use pipeline::{EdgeType, LabelStyle, NodeConfig, NodeId, Pipeline, executing_dot};
pub use ports::Ports;
pub use registry::{NodeSpec, REGISTRY};
pub use script::{
    DefineError, Definition, Mode, ScriptType, TaskKind, Value, Var, Vars, define, define_with, functions,
    variables,
};
