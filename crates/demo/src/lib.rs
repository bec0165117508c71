//! The tutorial's parts: the example app that reports its request count, the load that ramps up and down, and the
//! judgement whether replicas followed it.
//!
//! Deliberately absent: the cluster and the server. The app is a plain HTTP server and the load is a plain HTTP client;
//! both work against anything. The binary puts them together (`capstan demo`).
//!
//! | module | what |
//! |---|---|
//! | [`app`] | counts requests, posts the count as line protocol once a second |
//! | [`profile`] | how many requests per second at which moment |
//! | [`load`] | sends them and measures latency |
//! | [`report`] | the time line of a run, its decisions, and the verdict |

pub mod app;
pub mod load;
pub mod profile;
pub mod report;

pub use app::{App, AppOptions};
pub use load::{Load, LoadOptions, Second};
pub use profile::Ramp;
pub use report::{Report, Sample, Verdict};
