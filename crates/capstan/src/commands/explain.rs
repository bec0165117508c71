//! `capstan explain`: the arithmetic of scale decisions.

mod replay;
mod target;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use capstan_autoscaler::Comparison;
use capstan_client::Client;
use capstan_hpa::record::Record;
use clap::Args;
use serde::Deserialize;

use crate::wiring::autoscaler;
use target::Target;

/// Shows how replica counts were decided: inputs, every step, every limit that held, and what became of the write.
///
/// For a HorizontalPodAutoscaler it also says which step held a change back, and the smallest change that would let it
/// pass.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// hpa/NAME, autoscaler/NAME, task/NAME, or the name of an object that a task scales
    target: Option<String>,
    /// Namespace of the HorizontalPodAutoscaler
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Only decisions of this task
    #[arg(long)]
    task: Option<String>,
    /// The decision that held at this time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    at: Option<jiff::Timestamp>,
    /// How many of the newest decisions
    #[arg(long, default_value_t = 1)]
    last: usize,
    /// Also decisions of tasks that held the count where it was
    #[arg(long)]
    holds: bool,
    /// Print the records as JSON
    #[arg(long)]
    json: bool,
    /// Compute the decisions again from what they were made from; exit status 1 if the answer is another one
    #[arg(long)]
    replay: bool,
    /// The server [default: that of tasks on port 9092, that of HPAs on port 9094]
    #[arg(long, env = "KAPACITOR_URL")]
    url: Option<String>,
}

/// What `/capstan/v1/decisions` answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Decisions {
    pub(crate) decisions: Vec<Record>,
}

/// What `/capstan/v1/shadow` answers.
#[derive(Debug, Deserialize)]
struct Shadow {
    shadow: Vec<Comparison>,
}

/// Prints the newest decisions, oldest first. Having none is a failure: there is nothing to explain.
pub(crate) async fn run(args: ExplainArgs) -> Result<ExitCode> {
    let target = args.target.as_deref().map(Target::parse).unwrap_or_default();
    match &target {
        Target::Hpa(name) => controller(&args, "hpa", name).await,
        Target::Autoscaler(name) => controller(&args, "autoscaler", name).await,
        Target::Task(_) | Target::Object(_) | Target::Any => tasks(&args, &target).await,
    }
}

async fn controller(args: &ExplainArgs, kind: &str, name: &str) -> Result<ExitCode> {
    // KAPACITOR_URL names a server of tasks, unless the flag was given.
    let url = match (&args.url, std::env::var("KAPACITOR_URL")) {
        (Some(url), Ok(tasks)) if *url == tasks => None,
        (url, _) => url.clone(),
    };
    let url = url.unwrap_or_else(|| format!("http://{}", autoscaler::ADDRESS));
    let client = Client::new(&url, false)?;
    let at = args.at.map(|at| at.to_string());
    let limit = args.last.to_string();
    let mut query = vec![
        ("namespace", args.namespace.as_str()),
        (kind, name),
        ("limit", &limit),
    ];
    query.extend(at.as_deref().map(|at| ("at", at)));
    let Decisions { decisions } = client
        .get_json("/capstan/v1/decisions", &query)
        .await
        .context("decisions cannot be read")?;
    let mut shadow = Vec::new();
    if kind == "hpa" {
        let found: Shadow = client
            .get_json("/capstan/v1/shadow", &query[..2])
            .await
            .context("comparisons cannot be read")?;
        shadow = found.shadow;
    }
    let records: Vec<&Record> = decisions.iter().collect();
    let status = print(args, &records)?;
    if !args.json {
        let mut out = std::io::stdout().lock();
        for comparison in &shadow {
            writeln!(out, "\n{}", compared(comparison))?;
        }
    }
    Ok(status)
}

async fn tasks(args: &ExplainArgs, target: &Target) -> Result<ExitCode> {
    let url = args.url.as_deref().unwrap_or("http://localhost:9092");
    let client = Client::new(url, false)?;
    let task = match target {
        Target::Task(id) => Some(id.as_str()),
        _ => args.task.as_deref(),
    };
    let object = match target {
        Target::Object(name) => Some(name.as_str()),
        _ => None,
    };
    let query: Vec<(&str, &str)> = [("task", task), ("target", object)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let Decisions { decisions } = client
        .get_json("/capstan/v1/decisions", &query)
        .await
        .context("decisions cannot be read")?;
    let wanted: Vec<&Record> = decisions
        .iter()
        .filter(|record| args.holds || !record.is_hold())
        .filter(|record| args.at.is_none_or(|at| record.time <= at))
        .collect();
    let last = if args.at.is_some() { 1 } else { args.last };
    print(args, &wanted[wanted.len().saturating_sub(last)..])
}

fn print(args: &ExplainArgs, records: &[&Record]) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &serde_json::json!({ "decisions": records }))?;
        writeln!(out)?;
    } else {
        for (at, record) in records.iter().enumerate() {
            if at > 0 {
                writeln!(out)?;
            }
            writeln!(out, "{}", record.explain().trim_end())?;
        }
    }
    if records.is_empty() {
        if !args.json {
            writeln!(out, "no decision is recorded")?;
        }
        return Ok(ExitCode::FAILURE);
    }
    if args.replay {
        return replay::all(&mut out, records, args.json);
    }
    Ok(ExitCode::SUCCESS)
}

fn compared(comparison: &Comparison) -> String {
    let Comparison {
        compared,
        same,
        differences,
        changes,
        ..
    } = comparison;
    let mut lines = vec![format!(
        "shadow: compared {compared} times with the controller that acts, {same} times the same"
    )];
    for one in differences {
        lines.push(format!(
            "  {}  {} here, {} there, {} times until {}",
            one.time, one.ours, one.theirs, one.count, one.last_time
        ));
    }
    for one in changes {
        let ours = one.ours.map_or_else(|| "?".to_owned(), |ours| ours.to_string());
        lines.push(format!(
            "  {}  scaled by others from {} to {}, {ours} wanted here",
            one.time, one.from, one.to
        ));
    }
    lines.join("\n")
}
