//! `cargo xtask conformance DIR [--json FILE] [--filter TEXT]`: every case below DIR through the production code.
//!
//! Exit status 0 only if nothing failed.

#![allow(clippy::print_stdout, clippy::print_stderr)] // this is a command-line program

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use capstan_testkit::report::{CaseResult, Report};
use capstan_testkit::{lambda_cases, stream_cases, tick_cases, tick_compile_cases};

struct Arguments {
    folder: PathBuf,
    json: Option<PathBuf>,
    filter: String,
}

fn main() -> ExitCode {
    match arguments(std::env::args().skip(1)).and_then(|arguments| run(&arguments)) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}\nusage: conformance DIR [--json FILE] [--filter TEXT]");
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

fn run(arguments: &Arguments) -> Result<ExitCode> {
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

/// The cases of every known folder below `root`.
fn cases(root: &Path) -> Result<Vec<CaseResult>> {
    type Runner = fn(&Path) -> Result<Vec<CaseResult>>;
    let runners: [(&str, Runner); 5] = [
        ("stream", stream_cases::run_folder),
        ("batch", stream_cases::run_folder),
        ("lambda", lambda_cases::run_folder),
        ("tick", tick_cases::run_folder),
        ("tick", tick_compile_cases::run_folder),
    ];
    let mut cases = Vec::new();
    for (name, runner) in runners {
        let folder = root.join(name);
        if folder.is_dir() {
            cases.extend(runner(&folder)?);
        }
    }
    if cases.is_empty() {
        bail!(
            "{} has no cases: expected stream, batch, lambda or tick below it",
            root.display()
        );
    }
    Ok(cases)
}
