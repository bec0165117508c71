//! `capstan explain`: the arithmetic of scale decisions.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use capstan_client::Client;
use capstan_hpa::record::Record;
use clap::Args;
use serde::Deserialize;

/// Shows how replica counts were decided: inputs, every step, every limit that held, and what became of the write.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Only decisions about this object
    target: Option<String>,
    /// Only decisions of this task
    #[arg(long)]
    task: Option<String>,
    /// How many of the newest decisions
    #[arg(long, default_value_t = 1)]
    last: usize,
    /// Also decisions that held the count where it was
    #[arg(long)]
    holds: bool,
    /// The server
    #[arg(long, env = "KAPACITOR_URL", default_value = "http://localhost:9092")]
    url: String,
}

/// What `/capstan/v1/decisions` answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Decisions {
    pub(crate) decisions: Vec<Record>,
}

/// Prints the newest decisions, oldest first. Having none is a failure: there is nothing to explain.
pub(crate) async fn run(args: ExplainArgs) -> Result<ExitCode> {
    let client = Client::new(&args.url, false)?;
    let query: Vec<(&str, &str)> = [("task", &args.task), ("target", &args.target)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .collect();
    let Decisions { decisions } = client
        .get_json("/capstan/v1/decisions", &query)
        .await
        .context("decisions cannot be read")?;
    let wanted: Vec<&Record> = decisions
        .iter()
        .filter(|record| args.holds || !record.is_hold())
        .collect();
    let newest = &wanted[wanted.len().saturating_sub(args.last)..];
    let mut out = std::io::stdout().lock();
    if newest.is_empty() {
        writeln!(
            out,
            "no decision{} is recorded",
            if args.holds { "" } else { " that changed something" }
        )?;
        return Ok(ExitCode::FAILURE);
    }
    for (at, record) in newest.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}", record.explain().trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}
