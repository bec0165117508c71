//! `capstan tick`: works on scripts without a server. One verb per file.

mod check;
mod fmt;
mod graph;
mod run;
mod test;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

/// Works on TICKscripts without a server: formats, checks, runs, tests and draws them.
#[derive(Debug, Args)]
pub(crate) struct TickArgs {
    #[command(subcommand)]
    command: TickCommand,
}

#[derive(Debug, Subcommand)]
enum TickCommand {
    Fmt(fmt::FmtArgs),
    Check(check::CheckArgs),
    Run(Box<run::RunArgs>),
    Test(test::TestArgs),
    Graph(graph::GraphArgs),
}

/// Runs a verb; the exit status says whether every script was good.
pub(crate) fn run(args: TickArgs) -> Result<ExitCode> {
    let good = match args.command {
        TickCommand::Fmt(args) => fmt::run(&args)?,
        TickCommand::Check(args) => check::run(&args)?,
        TickCommand::Run(args) => run::run(&args)?,
        TickCommand::Test(args) => return test::run(&args),
        TickCommand::Graph(args) => graph::run(&args)?,
    };
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether `work` said so for every file.
fn each(files: &[PathBuf], mut work: impl FnMut(&str, Option<&Path>) -> Result<bool>) -> Result<bool> {
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

/// What messages call the script.
fn name(file: Option<&Path>) -> String {
    file.map_or_else(|| "<stdin>".to_owned(), |file| file.display().to_string())
}
