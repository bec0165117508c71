//! Variables as a map, so that tests need not touch the process's own.

use std::collections::BTreeMap;

/// Named strings.
pub trait Environment {
    /// All variables whose name and value are text, by name.
    fn variables(&self) -> BTreeMap<String, String>;

    /// One variable; empty is unset (S-08).
    fn variable(&self, name: &str) -> Option<String> {
        self.variables().remove(name).filter(|value| !value.is_empty())
    }
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variables(&self) -> BTreeMap<String, String> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(text).collect()
    }
}

impl Environment for BTreeMap<String, String> {
    fn variables(&self) -> BTreeMap<String, String> {
        self.clone()
    }
}
