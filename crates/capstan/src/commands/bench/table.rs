//! The whole table of `make bench`, as Markdown.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use capstan_base::SharedClock;
use capstan_bench::{Figures, Latency, Pipeline, Pressure, Server, Workload, latency, measure};

/// What stands between these lines of a document is replaced.
const BEGIN: &str = "<!-- capstan bench: begin -->";
const END: &str = "<!-- capstan bench: end -->";

/// Points of each measurement.
const POINTS: u64 = 10_000_000;

/// Measurements of each row.
const RUNS: usize = 2;

/// One connection, one task.
const ONE: Pressure = Pressure {
    connections: 1,
    tasks: 1,
};

/// Writes behind the latency figures.
const WRITES: usize = 500;

struct Row {
    name: &'static str,
    pipeline: Pipeline,
    hosts: u64,
    replicasets: u64,
}

fn rows() -> [Row; 5] {
    let row = |name, pipeline, hosts, replicasets| Row {
        name,
        pipeline,
        hosts,
        replicasets,
    };
    [
        row("1,000 hosts / 10 replica sets", Pipeline::Yardstick, 1_000, 10),
        row("10,000 / 100", Pipeline::Yardstick, 10_000, 100),
        row("100,000 / 1,000", Pipeline::Yardstick, 100_000, 1_000),
        row("100,000 / 100,000", Pipeline::Yardstick, 100_000, 100_000),
        row("filter only, 1,000 hosts", Pipeline::Filter, 1_000, 10),
    ]
}

/// Measures every row, each on a server of its own, and tells `said` of each figure as it comes.
pub(super) async fn run(binary: &Path, clock: &SharedClock, mut said: impl FnMut(&str)) -> Result<String> {
    let mut text = format!(
        "{}\n\n| hosts / replica sets | points/s | CPU µs per point | memory, peak |\n|---|---|---|---|\n",
        machine()
    );
    for row in rows() {
        let workload = Workload {
            hosts: row.hosts,
            replicasets: row.replicasets,
            seconds: (POINTS / row.hosts).max(70),
            lines: 10_000,
        };
        let bodies = workload.bodies();
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let server = Server::start(binary, "", clock)?;
            let figures = measure(&server.target(), &workload, &row.pipeline, &bodies, ONE, clock).await?;
            said(&format!("{:<30} {}", row.name, figures.line()));
            runs.push(figures);
        }
        text.push_str(&line(row.name, &runs));
    }
    let latency = latency::measure(binary, WRITES, clock).await?;
    said(&latency.line());
    text.push_str(&latency_lines(&latency));
    Ok(text)
}

/// From the smallest to the largest, once when they are printed alike.
fn range(values: impl Iterator<Item = f64>, print: impl Fn(f64) -> String) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.first(), values.last()) {
        (Some(&low), Some(&high)) if print(low) != print(high) => format!("{}–{}", print(low), print(high)),
        (Some(&only), _) => print(only),
        _ => "–".to_owned(),
    }
}

fn line(name: &str, runs: &[Figures]) -> String {
    let million = range(runs.iter().map(|run| run.points_per_second / 1e6), |v| {
        format!("{v:.1}")
    });
    let cpu = range(runs.iter().filter_map(|run| run.cpu_micros_per_point), |v| {
        format!("{v:.3}")
    });
    let memory = range(
        runs.iter()
            .filter_map(|run| Some(run.peak_memory_bytes? as f64 / 1e6)),
        |v| format!("{v:.0}"),
    );
    format!("| {name} | {million} M | {cpu} | {memory} MB |\n")
}

fn latency_lines(latency: &Latency) -> String {
    let mut text = String::from("\n| | |\n|---|---|\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "| one point in → PATCH out (stand-in API server, {} writes) | p50 {:.2} ms, p99 {:.2} ms |",
        latency.writes, latency.p50_ms, latency.p99_ms
    );
    let _ = writeln!(
        text,
        "| idle server, resident | {:.1} MB |\n| start until the API listens | {:.0} ms |",
        latency.idle_memory_bytes as f64 / 1e6,
        latency.ready_ms
    );
    text
}

/// What this was measured on.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    format!("Measured on {cores} cores of {model}, the sender on the same machine.")
}

/// Puts `text` between the marks of a document.
pub(super) fn replace(document: &Path, text: &str) -> Result<()> {
    let old = std::fs::read_to_string(document).with_context(|| document.display().to_string())?;
    let new = replaced(&old, text)
        .with_context(|| format!("{} lacks the lines {BEGIN} and {END}", document.display()))?;
    std::fs::write(document, new).with_context(|| document.display().to_string())
}

fn replaced(old: &str, text: &str) -> Result<String> {
    let begin = old.find(BEGIN).context("no beginning")? + BEGIN.len();
    let end = old.find(END).context("no end")?;
    ensure!(begin <= end, "the end comes before the beginning");
    Ok(format!("{}\n\n{text}\n{}", &old[..begin], &old[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let old = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = replaced(&old, "new\n").unwrap();
        assert_eq!(new, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(replaced(&new, "new\n").unwrap(), new);
        assert!(replaced("nothing", "new").is_err());
    }

    #[test]
    fn equal_figures_are_no_range() {
        let print = |v: f64| format!("{v:.1}");
        assert_eq!(range([8.04, 8.01].into_iter(), print), "8.0");
        assert_eq!(range([9.0, 8.0].into_iter(), print), "8.0–9.0");
    }
}
