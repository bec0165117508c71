//! `capstan tick check`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use capstan_flow::{Mode, TaskKind, Vars};
use clap::Args;

use super::{each, name};

/// Says what the server would refuse in scripts, all of it at once
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Files; none means standard input
    files: Vec<PathBuf>,
}

/// Checks every file; false when the server would refuse one.
pub(super) fn run(args: &CheckArgs) -> Result<bool> {
    each(&args.files, check)
}

/// Syntax first, all of it; then what the names in the script mean. Variables need no values, as in a template.
fn check(script: &str, file: Option<&Path>) -> Result<bool> {
    let mut err = std::io::stderr().lock();
    let errors = capstan_tick::errors(script);
    for error in &errors {
        write!(err, "{}", error.render(script, &name(file)))?;
    }
    if !errors.is_empty() {
        return Ok(false);
    }
    match capstan_flow::define(script, TaskKind::Auto, &Vars::new(), Mode::Template) {
        Ok(_) => Ok(true),
        Err(error) => {
            write!(err, "{}", error.render(script, &name(file)))?;
            Ok(false)
        }
    }
}
