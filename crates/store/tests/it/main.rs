//! The store against real files: restarts, kills, a second process, a full disk, old versions.

mod faults;
mod records;
