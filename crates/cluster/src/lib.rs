//! The embedded Kubernetes: an API server good enough for real `kubectl` and kube-rs, controllers, and pod runners.
//!
//! Deliberately absent: the HPA controller and any Kubernetes client; whoever scales does so over the API.
//!
//! | module | what |
//! |---|---|
//! | [`objects`] | the in-process API: admission, defaulting, validation, storage |
//! | [`watch`] | following changes |

mod admission;
pub mod objects;
mod patching;
mod recorder;
mod scale;
mod storage;
mod views;
pub mod watch;

pub use objects::{
    DeleteOptions, Deleted, EventKind, FieldValidation, Objects, Propagation, Snapshot, Subresource, WriteOptions,
    Written,
};
pub use watch::{Event, Watch};
