//! The embedded cluster from outside the crate.

mod controllers;
mod runners;
mod services;
mod support;
