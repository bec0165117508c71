//! The API as its clients see it, in process.

mod conventions;
mod fixture;
mod recorded;
mod tasks;
mod write;
