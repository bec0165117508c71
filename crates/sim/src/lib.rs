//! Runs TICKscripts without a server and without effects: the production engine on a virtual clock, with a world around it
//! that takes everything, changes nothing and writes down what happened.
//!
//! ```
//! use capstan_sim::scenario;
//!
//! let text = "
//! tick: |
//!   stream|from().measurement('cpu')|alert().id('load').crit(lambda: \"usage\" > 90)
//! points: cpu,host=a usage=95 +2m
//! expect:
//!   alerts: [{at: +2m, level: CRITICAL}]
//! ";
//! let cases = scenario::read(text, "cpu.yaml", &mut |_| unreachable!("the script stands in the file"))?;
//! let outcome = scenario::run(&cases[0]);
//! assert!(outcome.passed(), "{outcome:?}");
//! # Ok::<(), scenario::Problem>(())
//! ```
//!
//! Deliberately absent: sockets, tokio, Kubernetes, the machine's clock. Files are read by the caller.
//!
//! | module | what |
//! |---|---|
//! | [`world`] | the ports of an engine in a world that only takes notes |
//! | [`journal`] | those notes, in order |
//! | [`tasks`] | tasks driven together: data, time, restarts |
//! | [`data`] | recordings, line protocol and CSV |
//! | [`offline`] | a script over recorded data: `capstan tick run` |
//! | [`output`] | what an offline run prints |
//! | [`scenario`] | tests of scripts: `capstan tick test` |
//! | [`graph`] | drawings of pipelines: `capstan tick graph` |
//! | [`tree`] | YAML and JSON with the place of every value |
//! | [`vars`] | values for a script's variables |
//! | [`moment`] | times relative to a start, durations |

pub mod data;
pub mod graph;
pub mod journal;
pub mod moment;
pub mod offline;
pub mod output;
pub mod scenario;
pub mod tasks;
pub mod tree;
pub mod vars;
pub mod world;

pub use journal::{Entry, Happened, Journal};
pub use tasks::Tasks;
pub use world::World;
