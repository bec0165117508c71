//! `capstan adapter status`: what every HPA has, and how its collectors are doing.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use capstan_adapter::status::{HpaStatus, MetricStatus};
use capstan_base::SystemClock;
use capstan_client::Client;
use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;

/// Prints the metrics of all HPAs, their collectors, the age of their values, and what is wrong.
///
/// Exit status 1 if a metric has no collector, or its last collection failed.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Only the HPA of this name
    hpa: Option<String>,
    /// Only HPAs of this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// Where the adapter's --metrics-address is
    #[arg(long, default_value = "http://127.0.0.1:7979")]
    url: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
struct Answer {
    hpas: Vec<HpaStatus>,
}

pub(crate) async fn run(args: StatusArgs) -> Result<ExitCode> {
    let client = Client::new(&args.url, false)?;
    let query = [
        ("namespace", args.namespace.as_deref().unwrap_or("")),
        ("hpa", args.hpa.as_deref().unwrap_or("")),
    ];
    let Answer { hpas } = client
        .get_json("/capstan/v1/adapter", &query)
        .await
        .with_context(|| format!("no adapter answers at {}", args.url))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &hpas)?;
        writeln!(out)?;
    } else {
        let now = SystemClock::shared().now();
        for hpa in &hpas {
            write!(out, "{}", text(hpa, now))?;
        }
    }
    let bad = hpas
        .iter()
        .flat_map(|hpa| &hpa.metrics)
        .any(|metric| metric.error.is_some() || failure(metric).is_some());
    Ok(ExitCode::from(u8::from(bad)))
}

fn failure(metric: &MetricStatus) -> Option<&str> {
    metric.state.as_ref()?.failure.as_deref()
}

fn text(hpa: &HpaStatus, now: Timestamp) -> String {
    let mut out = format!("{}/{}\n", hpa.namespace, hpa.name);
    for metric in &hpa.metrics {
        let labels: Vec<String> = metric
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let _ = writeln!(
            out,
            "  {}/{}{labels}: {}",
            metric.type_,
            metric.name,
            standing(metric, now)
        );
        if let (Some(question), Some(interval)) = (&metric.question, metric.interval_seconds) {
            let _ = writeln!(out, "    every {interval}s: {question}");
        }
        let missing = metric.state.as_ref().and_then(|state| state.missing.as_ref());
        for note in missing.into_iter().chain(&metric.remarks) {
            let _ = writeln!(out, "    note: {note}");
        }
    }
    for remark in &hpa.remarks {
        let _ = writeln!(out, "  note: {remark}");
    }
    out
}

fn standing(metric: &MetricStatus, now: Timestamp) -> String {
    if let Some(error) = &metric.error {
        return format!("no collector: {error}");
    }
    let collector = metric.collector.as_deref().unwrap_or("-");
    let age = |at: Timestamp| format!("{}s", now.duration_since(at).as_secs().max(0));
    let Some(state) = &metric.state else {
        return format!("{collector}, not collected yet");
    };
    let last = state.last_success.map_or_else(
        || "never collected".to_owned(),
        |at| format!("collected {} ago", age(at)),
    );
    match (&state.failure, state.failing_since) {
        (Some(failure), Some(since)) => format!("{collector}, {last}, failing for {}: {failure}", age(since)),
        _ => format!("{collector}, {last}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_ages() {
        let hpa: HpaStatus = serde_json::from_value(json!({"namespace": "dev", "name": "web", "metrics": [
            {"type": "External", "name": "rps", "labels": {"type": "prometheus"}, "collector": "prometheus",
                "question": "prometheus http://p sum(x)", "intervalSeconds": 60.0, "maxAgeSeconds": 180.0,
                "state": {"lastSuccess": "2026-01-01T00:00:00Z", "failure": "refused",
                    "failingSince": "2026-01-01T00:00:30Z"}},
            {"type": "Pods", "name": "q", "error": "no plugin found"}], "remarks": ["ignored"]}))
        .unwrap();
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        assert_eq!(
            text(&hpa, now),
            "dev/web\n  External/rps{type=prometheus}: prometheus, collected 60s ago, failing for 30s: refused\n    \
             every 60s: prometheus http://p sum(x)\n  Pods/q: no collector: no plugin found\n  note: ignored\n"
        );
        assert_eq!(failure(&hpa.metrics[0]), Some("refused"));
    }
}
