//! The controller of `HorizontalPodAutoscaler`s: upstream's algorithm, driven over a Kubernetes client.
//!
//! Watches HPAs and pods, looks at each HPA when it is due, lets `hpa::reconcile` decide, carries out what that asks
//! for, and keeps every decision with its arithmetic. Nothing is decided here.
//!
//! Deliberately absent: arithmetic (crate `hpa`), and the embedded cluster, which is an API server like any other.
//!
//! | module | what |
//! |---|---|
//! | [`controller`] | starting and stopping; the index of HPAs |
//! | `worker`, `queue` | which HPA is looked at when |
//! | `look` | one look: a sync to its end, and what is remembered of it |
//! | `world` | what a sync asks for: discovery, scales, pods, selectors, metrics, writes |
//! | `labels` | what pods are selected by |
//! | `events` | Kubernetes Events, as client-go's recorder sends them |
//! | [`decisions`] | the last decisions of each target, in memory and in the store |
//! | [`shadow`] | where decisions that are not carried out differ from those of the controller that acts |
//! | `stats` | the controller's metrics under upstream's names |
//! | [`http`] | what it tells over HTTP |
//! | `standing`, `targets` | `Autoscaler`s keep away from what an HPA targets |
//! | [`options`], [`subject`] | settings; what is scaled by them |

pub mod controller;
pub mod decisions;
mod discovery;
mod events;
pub mod http;
mod labels;
mod limiter;
mod look;
mod metrics;
pub mod options;
mod pods;
mod queue;
mod scales;
mod selectors;
pub mod shadow;
mod standing;
mod stats;
pub mod subject;
mod targets;
mod worker;
mod world;

pub use controller::Controller;
pub use decisions::{Decisions, Filter};
pub use options::Options;
pub use shadow::Comparison;
pub use stats::Timings;
pub use subject::{FALLBACK, Key, Kind, SHADOW, Subject};

/// The custom resource definition of `Autoscaler`, as YAML.
pub const DEFINITION: &str = include_str!("../manifests/autoscaler.yaml");

/// The rights that the controller needs, as YAML.
pub const RIGHTS: &str = include_str!("../manifests/rights.yaml");
