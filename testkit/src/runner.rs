//! The command line that all runners of cases have: `DIR [--json FILE] [--filter TEXT]`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // this is a command-line program

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::report::{CaseResult, Report};

struct Arguments {
    folder: PathBuf,
    json: Option<PathBuf>,
    filter: String,
}

/// Runs the cases below the folder that the command line names, and reports. Exit status 0 only if nothing failed.
pub fn main(name: &str, cases: impl FnOnce(&Path) -> Result<Vec<CaseResult>>) -> ExitCode {
    match arguments(std::env::args().skip(1)).and_then(|arguments| run(&arguments, cases)) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}\nusage: {name} DIR [--json FILE] [--filter TEXT]");
            ExitCode::from(2)
        }
    }
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments> {
    let (mut folder, mut json, mut filter) = (None, None, String::new());
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--json" => json = Some(PathBuf::from(given.next().context("--json needs a file")?)),
            "--filter" => filter = given.next().context("--filter needs a text")?,
            flag if flag.starts_with('-') => bail!("unknown flag {flag}"),
            _ if folder.is_none() => folder = Some(PathBuf::from(argument)),
            _ => bail!("one folder at a time"),
        }
    }
    Ok(Arguments {
        folder: folder.context("a folder is missing")?,
        json,
        filter,
    })
}

fn run(arguments: &Arguments, cases: impl FnOnce(&Path) -> Result<Vec<CaseResult>>) -> Result<ExitCode> {
    let mut report = Report {
        cases: cases(&arguments.folder)?,
    };
    report.cases.retain(|case| case.id.contains(&arguments.filter));
    for case in report.failed() {
        println!("failed: {} {}: {}", case.kind, case.id, case.detail);
    }
    print!("{}", report.summary());
    if let Some(file) = &arguments.json {
        std::fs::write(file, report.json()?).with_context(|| file.display().to_string())?;
    }
    Ok(if report.failed().next().is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
