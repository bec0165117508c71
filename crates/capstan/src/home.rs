//! Where a person's own data lives.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// `~/.capstan`.
pub(crate) fn directory() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    Ok(PathBuf::from(home.context("HOME is not set: name a folder with --data-dir")?).join(".capstan"))
}
