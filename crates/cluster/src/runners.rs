//! Pod runners: what stands in for containers on a machine without any. Each image is mapped to a local process, to a
//! task inside this process, or to nothing at all (hollow pods); each pod has a loopback address of its own.
//!
//! | module | what |
//! |---|---|
//! | [`images`] | which runner an image gets |
//! | [`addresses`] | pod addresses |
//! | [`agent`] | the node agent: binds pods, starts and ends them |
//! | [`pod`] | the life of one pod |
//! | [`container`] | the life of one container: starts, exits, back-off |
//! | [`status`] | what the API shows of a pod |
//! | [`process`] | local commands |
//! | [`task`] | apps inside this process |
//! | [`environment`] | a container's variables |
//! | [`rewrite`] | service names and mounted paths made local |
//! | [`volumes`] | volumes as directories |
//! | [`probe`] | readiness and liveness |
//! | [`meters`] | which containers run, for whoever measures |
//! | [`logs`], [`log_source`] | what containers print, and `kubectl logs` |

pub(crate) mod addresses;
pub(crate) mod agent;
pub(crate) mod container;
pub(crate) mod environment;
pub(crate) mod images;
pub(crate) mod log_source;
pub(crate) mod logs;
pub(crate) mod meters;
pub(crate) mod pod;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod rewrite;
pub(crate) mod status;
pub(crate) mod task;
pub(crate) mod volumes;

pub use images::{ImageMap, Runner};
pub use logs::LogWriter;
pub use task::{TaskApp, TaskContext};
