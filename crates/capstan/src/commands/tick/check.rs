//! `capstan tick check`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use capstan_flow::{Mode, TaskKind, Vars, Warning};
use capstan_tick::{Diagnostic, Severity};
use clap::Args;
use serde_json::{Value, json};

use super::run::{KindWord, read_vars, task_kind};
use super::{each, name};

/// Says what the server would refuse in scripts, and what it would do that is hardly meant
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Files; none means standard input
    files: Vec<PathBuf>,
    /// What the scripts must be; otherwise they say so themselves
    #[arg(long = "type", value_enum)]
    kind: Option<KindWord>,
    /// Values of variables, JSON or YAML
    #[arg(long, value_name = "FILE")]
    vars: Option<PathBuf>,
    /// Fail for warnings too
    #[arg(long)]
    deny_warnings: bool,
    /// One JSON object per finding and line, on standard output
    #[arg(long)]
    json: bool,
}

/// Checks every file; false when the server would refuse one.
pub(super) fn run(args: &CheckArgs) -> Result<bool> {
    each(&args.files, |script, file| {
        let name = name(file);
        let kind = task_kind(args.kind);
        let vars = read_vars(args.vars.as_deref(), script, kind)?;
        let report = report(kind, &vars, script, &name);
        if args.json {
            let mut out = std::io::stdout().lock();
            for (line, diagnostic, rows) in &report.findings {
                writeln!(out, "{}", json(&name, line, diagnostic.as_ref(), rows))?;
            }
        } else {
            std::io::stderr().write_all(report.text.as_bytes())?;
        }
        let good = |severity: Severity| severity == Severity::Warning && !args.deny_warnings;
        Ok(report.findings.iter().all(|(_, diagnostic, _)| {
            let severity = diagnostic.as_ref().map(|diagnostic| diagnostic.severity);
            good(severity.unwrap_or(Severity::Error))
        }))
    })
}

/// A finding's one-line form, its place if there is one, and the rows it is about.
type Finding = (String, Option<Diagnostic>, &'static [&'static str]);

/// What there is to say about one script.
struct Report {
    findings: Vec<Finding>,
    /// All of it, with the lines of the script.
    text: String,
}

/// Syntax first, all of it; then what the names in the script mean; then what the lint says. Variables need no values, as
/// in a template.
fn report(kind: TaskKind, vars: &Vars, script: &str, name: &str) -> Report {
    let errors = capstan_tick::errors(script);
    if !errors.is_empty() {
        let text = errors.iter().map(|error| error.render(script, name)).collect();
        let finding = |error: &capstan_tick::SyntaxError| {
            (error.to_string(), Some(error.diagnostic().clone()), NO_ROWS)
        };
        return Report {
            findings: errors.iter().map(finding).collect(),
            text,
        };
    }
    match capstan_flow::define(script, kind, vars, Mode::Template) {
        Ok(definition) => {
            let warnings = capstan_flow::lint(script, &definition);
            let text = warnings
                .iter()
                .map(|warning| warning.diagnostic.render(script, name))
                .collect();
            let finding = |warning: Warning| {
                let line = warning.diagnostic.one_line();
                (line, Some(warning.diagnostic), warning.rows)
            };
            Report {
                findings: warnings.into_iter().map(finding).collect(),
                text,
            }
        }
        Err(error) => Report {
            findings: error
                .findings()
                .map(|(line, diagnostic)| (line.to_owned(), diagnostic.cloned(), NO_ROWS))
                .collect(),
            text: error.render(script, name),
        },
    }
}

const NO_ROWS: &[&str] = &[];

fn json(file: &str, line: &str, diagnostic: Option<&Diagnostic>, rows: &[&str]) -> Value {
    match diagnostic {
        None => json!({"file": file, "severity": "error", "message": line}),
        Some(diagnostic) => json!({
            "file": file,
            "line": diagnostic.position.line,
            "char": diagnostic.position.char,
            "severity": diagnostic.severity.as_str(),
            "code": diagnostic.code,
            "message": diagnostic.message,
            "hint": diagnostic.hint,
            "rows": rows,
        }),
    }
}
