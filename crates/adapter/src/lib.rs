//! The metrics adapter: HorizontalPodAutoscalers that scale on Prometheus queries, pod JSON and more.
//!
//! HPAs are watched; their annotations say which collectors they want; collectors run while their HPA exists and fill
//! the metric store; the metrics APIs, served behind the aggregation layer, read from it.
//!
//! | module | what |
//! |---|---|
//! | [`index`] | which collectors the HPAs want, as HPAs come, change and go; no I/O |

pub mod index;
