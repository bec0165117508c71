//! `capstan tick fmt`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::{each, name};

/// Prints scripts as the server shows them
#[derive(Debug, Args)]
pub(super) struct FmtArgs {
    /// Files; none means standard input
    files: Vec<PathBuf>,
    /// Write the result back instead of printing it
    #[arg(short, long, requires = "files")]
    write: bool,
    /// With --write, keep the original as FILE.orig
    #[arg(short, long, requires = "write")]
    backup: bool,
    /// Only list the files that would change; the exit status is 1 if there are any
    #[arg(long, conflicts_with = "write")]
    check: bool,
}

/// Formats every file; false when one has a syntax error, or is to be checked and would change.
pub(super) fn run(args: &FmtArgs) -> Result<bool> {
    each(&args.files, |script, file| format(args, script, file))
}

fn format(args: &FmtArgs, script: &str, file: Option<&Path>) -> Result<bool> {
    let formatted = match capstan_tick::format(script) {
        Ok(formatted) => formatted,
        Err(error) => {
            write!(std::io::stderr(), "{}", error.render(script, &name(file)))?;
            return Ok(false);
        }
    };
    if args.check {
        if formatted != script {
            writeln!(std::io::stdout(), "{}", name(file))?;
        }
        return Ok(formatted == script);
    }
    match file.filter(|_| args.write) {
        None => std::io::stdout().write_all(formatted.as_bytes())?,
        Some(_) if formatted == script => {}
        Some(file) => {
            if args.backup {
                let mut original = file.as_os_str().to_owned();
                original.push(".orig");
                fs::rename(file, &original).with_context(|| format!("{} cannot be kept", file.display()))?;
            }
            fs::write(file, formatted).with_context(|| format!("{} cannot be written", file.display()))?;
        }
    }
    Ok(true)
}
