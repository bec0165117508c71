//! The embedded cluster from outside the crate.

#![allow(clippy::print_stdout)] // a skipped test says so
#![allow(clippy::unwrap_used)] // what a helper cannot have is a failure of the test that calls it

mod aggregation;
mod api;
mod autoscalers;
mod controllers;
mod custom;
mod http_sd;
mod kubectl;
mod metrics;
mod rbac;
mod runners;
mod services;
mod support;
mod wire;
