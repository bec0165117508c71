//! Starts the runners of cases, which live in `testkit` so that this crate stays small to build.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// Runs one of `testkit`'s binaries with `args`; its exit status is ours.
pub(crate) fn run(binary: &str, args: &[String]) -> Result<ExitCode> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(cargo)
        .args([
            "run",
            "--quiet",
            "--package",
            "capstan-testkit",
            "--bin",
            binary,
            "--",
        ])
        .args(args)
        .status()
        .context("cargo could not be started")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
