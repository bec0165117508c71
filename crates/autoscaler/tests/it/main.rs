//! The controller against an API in process, on virtual time.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod api;
mod controller;
