//! `capstan tick`: formats and checks scripts without a server.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use capstan_flow::{Mode, TaskKind, Vars};
use clap::{Args, Subcommand};

/// Formats and checks TICKscripts.
#[derive(Debug, Args)]
pub(crate) struct TickArgs {
    #[command(subcommand)]
    command: TickCommand,
}

#[derive(Debug, Subcommand)]
enum TickCommand {
    /// Prints scripts as the server shows them
    Fmt {
        /// Files; none means standard input
        files: Vec<PathBuf>,
        /// Write the result back instead of printing it
        #[arg(short, long, requires = "files")]
        write: bool,
        /// With --write, keep the original as FILE.orig
        #[arg(short, long, requires = "write")]
        backup: bool,
    },
    /// Says what the server would refuse in scripts, all of it at once
    Check {
        /// Files; none means standard input
        files: Vec<PathBuf>,
    },
}

/// Runs a verb; the exit status says whether every script was good.
pub(crate) fn run(args: TickArgs) -> Result<ExitCode> {
    let good = match args.command {
        TickCommand::Fmt { files, write, backup } => {
            each(&files, |script, file| format(script, file, write, backup))?
        }
        TickCommand::Check { files } => each(&files, check)?,
    };
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether `work` said so for every file.
fn each(files: &[PathBuf], work: impl Fn(&str, Option<&Path>) -> Result<bool>) -> Result<bool> {
    if files.is_empty() {
        let mut script = String::new();
        std::io::stdin()
            .read_to_string(&mut script)
            .context("standard input")?;
        return work(&script, None);
    }
    let mut good = true;
    for file in files {
        // T-91 FIX: a file that cannot be read is an error, not an empty script.
        let script =
            fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        good &= work(&script, Some(file))?;
    }
    Ok(good)
}

fn format(script: &str, file: Option<&Path>, write: bool, backup: bool) -> Result<bool> {
    let formatted = match capstan_tick::format(script) {
        Ok(formatted) => formatted,
        Err(error) => {
            write!(std::io::stderr(), "{}", error.render(script, &name(file)))?;
            return Ok(false);
        }
    };
    match file.filter(|_| write) {
        None => std::io::stdout().write_all(formatted.as_bytes())?,
        Some(_) if formatted == script => {}
        Some(file) => {
            if backup {
                let mut original = file.as_os_str().to_owned();
                original.push(".orig");
                fs::rename(file, &original).with_context(|| format!("{} cannot be kept", file.display()))?;
            }
            fs::write(file, formatted).with_context(|| format!("{} cannot be written", file.display()))?;
        }
    }
    Ok(true)
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

fn name(file: Option<&Path>) -> String {
    file.map_or_else(|| "<stdin>".to_owned(), |file| file.display().to_string())
}
