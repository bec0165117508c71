//! The API as its clients see it, in process.

// Helpers of tests may fail as tests do, and say what they skip.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

mod conventions;
mod fixture;
mod recorded;
mod tasks;
mod write;
