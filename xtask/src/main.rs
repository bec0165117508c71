//! The project's own commands: `cargo xtask <command>`.

mod conformance;
mod layering;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  layering                              check the edges between crates against xtask/layering.toml
  conformance DIR [--json FILE] [--filter TEXT]
                                        run every case below DIR through the production code
  hpa-vectors DIR [--json FILE] [--filter TEXT]
                                        run every HPA case below DIR through the production code";

#[allow(clippy::print_stdout, clippy::print_stderr)] // this is a command-line program
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.first().map(String::as_str) {
        Some("layering") => layering::check().map(|()| {
            println!("the edges between crates are those of xtask/layering.toml");
            ExitCode::SUCCESS
        }),
        Some(binary @ ("conformance" | "hpa-vectors")) => conformance::run(binary, &args[1..]),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
