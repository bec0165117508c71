//! The embedded Kubernetes: an API server good enough for real `kubectl` and kube-rs, controllers, and pod runners.
//!
//! Deliberately absent: the HPA controller and any Kubernetes client; whoever scales does so over the API.
//!
//! | module | what |
//! |---|---|
//! | [`http`] | the API as a tower service, and serving it over TLS |
//! | [`objects`] | the in-process API: admission, defaulting, validation, storage |
//! | [`watch`] | following changes |
//! | [`cluster`], [`options`] | starting all of it, and stopping it |
//! | [`runners`] | what stands in for containers |
//! | `rbac` | roles and bindings |
//! | `custom` | kinds that somebody defined |
//! | `aggregation` | API groups that others serve, behind `APIService`s |
//! | `http_sd` | what Prometheus may scrape, for its HTTP service discovery |
//! | `metrics` | `metrics.k8s.io`: what pods and the node use |

mod admission;
mod aggregation;
pub mod cluster;
mod controllers;
mod custom;
pub mod error;
pub mod http;
mod http_sd;
mod kubeconfig;
mod metrics;
pub mod objects;
mod openapi;
pub mod options;
mod patching;
mod rbac;
mod recorder;
pub mod runners;
mod scale;
mod services;
mod storage;
mod views;
pub mod watch;

/// `ServiceMonitor` and `PodMonitor` for clusters without the Prometheus operator's own definitions.
pub const MONITORS: &str = include_str!("../manifests/monitors.yaml");

pub use aggregation::LocalApi;
pub use cluster::{Cluster, Handle};
pub use error::Error;
pub use http::{
    Authentication, LogOptions, LogSource, LogStream, PeerCertificate, ServerState, User, router, serve,
};
pub use objects::{
    DeleteOptions, Deleted, EventKind, FieldValidation, Objects, Propagation, Snapshot, Subresource,
    WriteOptions, Written,
};
pub use options::Options;
pub use runners::{ImageMap, LogWriter, Runner, TaskApp, TaskContext};
pub use services::LOCAL_PORTS;
pub use watch::{Event, Watch};
