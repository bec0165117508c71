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
//! | [`annotations`] | the language of `metric-config.…` annotations |
//! | [`choose`] | which collector a metric gets |
//! | [`collector`] | what a collector is |
//! | [`context`] | what all collectors share |
//! | [`keys`] | reading a collector's keys, and noticing those that nobody reads |
//! | [`options`] | the servers and flags that collectors are configured with |

pub mod annotations;
pub mod choose;
pub mod collector;
pub mod context;
pub mod keys;
pub mod options;

pub use annotations::{MetricConfig, MetricType};
pub use choose::{Built, build};
pub use collector::{CollectError, Collected, Collector, ConfigError, Wanted};
pub use context::Context;
pub use keys::Keys;
pub use options::Options;
