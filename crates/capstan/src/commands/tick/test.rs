//! `capstan tick test`.

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use capstan_sim::scenario::report::{self, Paint, Tested};
use capstan_sim::scenario::{self, Case};
use clap::{Args, ValueEnum};

/// The exit status for files that are no scenarios.
const BROKEN: u8 = 2;

/// Tests scripts against scenarios: points in, and what must come out
///
/// A scenario is YAML or JSON: a script, points with times relative to a start, and the alerts, scale decisions, points,
/// writes or posts that must follow. It runs on the production engine with a virtual clock, in no time, and the same way
/// each time. docs/testing.md describes the format.
///
/// The exit status is 0 when all passed, 1 when some failed, 2 when a file is no scenario.
#[derive(Debug, Args)]
#[command(after_help = "\
A scenario:
  script: cpu.tick
  points: cpu,host=a usage=95 +2m
  expect:
    alerts: [{at: +2m, level: CRITICAL}]

Examples:
  capstan tick test tests/*.yaml
  capstan tick test tests/*.yaml --filter cooldown
  capstan tick test tests/*.yaml --junit report.xml")]
pub(super) struct TestArgs {
    /// Scenarios
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only cases whose file and name contain this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write the results as JUnit's XML too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    /// Whether the output is coloured
    #[arg(long, value_enum, default_value = "auto")]
    color: ColorWord,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ColorWord {
    Auto,
    Always,
    Never,
}

/// Runs the cases of every file.
pub(super) fn run(args: &TestArgs) -> Result<ExitCode> {
    let paint = Paint(match args.color {
        ColorWord::Always => true,
        ColorWord::Never => false,
        ColorWord::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    });
    let mut broken = false;
    let mut files: Vec<(String, Vec<Case>)> = Vec::new();
    for file in &args.files {
        let name = file.display().to_string();
        match read(file, &name) {
            Ok(cases) => files.push((name, cases)),
            Err(text) => {
                write!(std::io::stderr(), "{text}")?;
                broken = true;
            }
        }
    }
    let wanted = |file: &str, case: &Case| {
        let text = format!("{file} {}", case.name);
        args.filter.as_ref().is_none_or(|filter| text.contains(filter))
    };
    let mut out = std::io::stdout().lock();
    let mut all: Vec<Tested> = Vec::new();
    for (file, cases) in files {
        let cases = cases.into_iter().filter(|case| wanted(&file, case));
        let cases: Vec<_> = cases
            .map(|case| {
                let outcome = scenario::run(&case);
                (case, outcome)
            })
            .collect();
        if cases.is_empty() {
            continue;
        }
        let tested = Tested { file, cases };
        if !args.json {
            out.write_all(report::text(&tested, paint).as_bytes())?;
        }
        all.push(tested);
    }
    if args.json {
        writeln!(out, "{:#}", report::json(&all))?;
    } else {
        writeln!(out, "{}", report::total(&all, paint))?;
    }
    if let Some(file) = &args.junit {
        std::fs::write(file, report::junit(&all))
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    // A filter that nothing passes is a mistake, not a success.
    if all.is_empty() && !broken {
        writeln!(std::io::stderr(), "no case is called so")?;
        return Ok(ExitCode::from(BROKEN));
    }
    let failed = all.iter().any(|tested| tested.counts().1 > 0);
    Ok(match (broken, failed) {
        (true, _) => ExitCode::from(BROKEN),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    })
}

/// The cases of a file, or what is wrong with it. Paths in it are relative to it.
fn read(file: &Path, name: &str) -> Result<Vec<Case>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name} cannot be read: {error}\n"))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut load = |path: &str| {
        let path = folder.join(path);
        std::fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
    };
    scenario::read(&text, name, &mut load).map_err(|problem| problem.render(&text, name))
}
