//! `cargo xtask hpa-vectors DIR [--json FILE] [--filter TEXT]`: every HPA case below DIR through the production code.
//!
//! Exit status 0 only if nothing failed.

use std::process::ExitCode;

use capstan_testkit::{hpa_cases, runner};

fn main() -> ExitCode {
    runner::main("hpa-vectors", hpa_cases::run_folder)
}
