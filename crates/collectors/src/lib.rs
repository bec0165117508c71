//! Collectors: from one metric of a HorizontalPodAutoscaler and the annotations that configure it to values.
//!
//! The language of the annotations, the names of collectors and what they return are kube-metrics-adapter's. What it
//! drops without a word is a remark here, and what it leaves open has a bound: requests time out, answers have a size,
//! equal questions are asked once, addresses from annotations pass an allow list.
//!
//! When to collect, and what becomes of the values, is the business of `adapter`.
//!
//! | module | what |
//! |---|---|
//! | [`allow`] | which addresses annotations may point to |
//! | [`annotations`] | the language of `metric-config.…` annotations |
//! | [`choose`] | which collector a metric gets |
//! | [`collector`] | what a collector is |
//! | [`context`] | what all collectors share |
//! | [`fetch`] | requests with bounds |
//! | [`http`] | numbers from the JSON of any server |
//! | [`json`] | from a JSON document to one number |
//! | [`keys`] | reading a collector's keys, and noticing those that nobody reads |
//! | [`kinds`] | from the kind in a reference to the resource in a path |
//! | [`options`] | the servers and flags that collectors are configured with |
//! | [`pods`] | numbers from the JSON of every pod of a target |
//! | [`prometheus`] | results of PromQL queries |
//! | [`share`] | one request for one question, however many collectors ask it |
//! | [`target`] | reading what an HPA scales |
//! | [`value`] | from floating-point numbers to quantities |

pub mod allow;
pub mod annotations;
pub mod choose;
pub mod collector;
pub mod context;
pub mod fetch;
mod gate;
pub mod http;
pub mod json;
pub mod keys;
pub mod kinds;
pub mod options;
pub mod pods;
pub mod prometheus;
pub mod share;
pub mod target;
#[cfg(test)]
pub(crate) mod testing;
pub mod value;

pub use annotations::{MetricConfig, MetricType};
pub use choose::{Built, Order, build};
pub use collector::{CollectError, Collected, Collector, ConfigError, Wanted};
pub use context::Context;
pub use fetch::{Answer, Fetcher, Request, Token};
pub use keys::Keys;
pub use options::Options;
pub use share::{Question, Share};
