//! The metrics adapter: HorizontalPodAutoscalers that scale on Prometheus queries, pod JSON and more.
//!
//! HPAs are watched; their annotations say which collectors they want; collectors run while their HPA exists and fill
//! the metric store; the metrics APIs, served behind the aggregation layer, read from it.
//!
//! | module | what |
//! |---|---|
//! | [`adapter`] | the parts put together |
//! | [`index`] | which collectors the HPAs want, as HPAs come, change and go; no I/O |
//! | `follow` | HPAs of whichever version the cluster serves |
//! | `runner` | when collectors run |
//! | `events` | Warning events on HPAs whose configuration is ignored or wrong |
//! | [`schedules`] | the controller of scaling schedules |
//! | [`status`] | what every HPA has, and how its collectors are doing |
//! | [`stats`] | the adapter's own metrics, kube-metrics-adapter's names among them |
//! | [`serve`] | the metrics APIs, as an aggregated API server |
//! | [`certificate`] | its certificate, renewed, and known to the cluster |
//! | [`resource`] | `metrics.k8s.io` from PromQL |
//! | [`manifests`] | what a cluster has to know of the adapter |
//! | [`http`] | status and metrics over HTTP |

pub mod adapter;
pub mod certificate;
mod events;
mod follow;
pub mod http;
pub mod index;
pub mod manifests;
pub mod resource;
mod runner;
pub mod schedules;
pub mod serve;
pub mod stats;
pub mod status;

pub use adapter::{Adapter, Options};
