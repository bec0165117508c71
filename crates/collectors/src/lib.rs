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
//! | `external_rps` | requests to host names, by skipper's metrics |
//! | [`fetch`] | requests with bounds |
//! | [`http`] | numbers from the JSON of any server |
//! | [`json`] | from a JSON document to one number |
//! | `influxdb` | results of Flux and InfluxQL queries |
//! | [`keys`] | reading a collector's keys, and noticing those that nobody reads |
//! | [`kinds`] | from the kind in a reference to the resource in a path |
//! | `nakadi` | how far consumers of Nakadi subscriptions are behind |
//! | [`options`] | the servers and flags that collectors are configured with |
//! | [`pods`] | numbers from the JSON of every pod of a target |
//! | [`prometheus`] | results of PromQL queries |
//! | [`schedule`] | values of schedules |
//! | [`share`] | one request for one question, however many collectors ask it |
//! | `skipper` | requests of Ingresses and `RouteGroup`s |
//! | [`target`] | reading what an HPA scales |
//! | `tick` | what TICKscript tasks publish |
//! | [`value`] | from floating-point numbers to quantities |
//! | `zmon` | data of ZMON checks |

pub mod allow;
pub mod annotations;
pub mod choose;
pub mod collector;
pub mod context;
mod external_rps;
pub mod fetch;
mod gate;
pub mod http;
mod influxdb;
pub mod json;
pub mod keys;
pub mod kinds;
mod nakadi;
pub mod options;
pub mod pods;
pub mod prometheus;
pub mod schedule;
pub mod share;
mod single;
mod skipper;
pub mod target;
#[cfg(test)]
pub(crate) mod testing;
mod tick;
pub mod value;
mod zmon;

pub use annotations::{MetricConfig, MetricType};
pub use choose::{Built, Order, build};
pub use collector::{CollectError, Collected, Collector, ConfigError, Wanted};
pub use context::Context;
pub use fetch::{Answer, Fetcher, Request, Token};
pub use keys::Keys;
pub use options::Options;
pub use share::{Question, Share};
