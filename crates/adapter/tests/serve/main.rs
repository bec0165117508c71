//! The metrics APIs against a small Kubernetes API in process.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests are tests

mod api;
mod auth;
mod certificates;
mod golden;
mod rig;
mod shapes;
