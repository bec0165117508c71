//! `cargo xtask conformance DIR [--json FILE] [--filter TEXT]`: every case below DIR through the production code.
//!
//! Exit status 0 only if nothing failed.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use capstan_testkit::report::CaseResult;
use capstan_testkit::{lambda_cases, runner, stream_cases, tick_cases, tick_compile_cases};

fn main() -> ExitCode {
    runner::main("conformance", cases)
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
