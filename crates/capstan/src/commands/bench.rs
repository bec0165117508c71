//! `capstan bench`: how fast a server is, with the results checked.

mod table;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use capstan_base::SystemClock;
use capstan_bench::process::Process;
use capstan_bench::{Figures, Pipeline, Pressure, Server, Target, Workload, measure};
use clap::{Args, ValueEnum};

/// Puts load on a server and prints points per second, CPU per point and memory.
///
/// Starts a server of its own unless --url is given. Bodies are made before the clock starts, which stops when the last
/// node has collected everything; the results are compared with what they must be.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Hosts, each writing one point a second
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    hosts: u64,
    /// Replica sets the hosts belong to
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    replicasets: u64,
    /// Seconds of data [default: as many as make 10 million points]; with --hpas, how long to measure [default: 30]
    #[arg(long)]
    seconds: Option<u64>,
    /// Lines in a request body
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    lines: u64,
    /// Connections that send at once
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Tasks that do the same work on the same points
    #[arg(long, default_value_t = 1)]
    tasks: usize,
    /// What is computed
    #[arg(long, value_enum, default_value_t = Work::Yardstick, conflicts_with = "script")]
    work: Work,
    /// A script of your own; its results are not checked
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Measure the time from a point to the write of a scale instead, with this many writes
    #[arg(long, value_name = "WRITES", conflicts_with_all = ["url", "compare", "script"])]
    latency: Option<usize>,
    /// Measure the controller of HorizontalPodAutoscalers instead: so many, each looked at every second, on an embedded
    /// cluster with hollow pods
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..=100_000),
        conflicts_with_all = ["url", "compare", "script", "latency", "table"]
    )]
    hpas: Option<u32>,
    /// Measure the metrics APIs of `capstan adapter` instead: GETs of external metrics over so many keep-alive TLS
    /// connections, for 10,000 HPAs or as many as --hpas says
    #[arg(
        long,
        value_name = "CONNECTIONS",
        num_args = 0..=1,
        default_missing_value = "16",
        value_parser = clap::value_parser!(u32).range(1..=4_096),
        conflicts_with_all = ["url", "compare", "script", "latency", "table"]
    )]
    adapter: Option<u32>,
    /// Measure everything that docs/performance.md shows, and print it as Markdown
    #[arg(long, conflicts_with_all = ["url", "compare", "script", "latency", "json"])]
    table: bool,
    /// Put that table between its marks in this document
    #[arg(long, value_name = "FILE", requires = "table")]
    write: Option<PathBuf>,
    /// How often to measure
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// A server that runs already
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// That server's process, for CPU time and memory
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// Another server with Kapacitor's API, to get the same load
    #[arg(long, value_name = "URL")]
    compare: Option<String>,
    /// That server's process
    #[arg(long, requires = "compare")]
    compare_pid: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The work that has a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Work {
    /// Counters to replicas: derivative, sum, moving average, eval
    Yardstick,
    /// A condition that no point meets
    Filter,
}

/// Measures and prints.
pub(crate) async fn run(args: BenchArgs) -> Result<ExitCode> {
    ensure!(
        args.replicasets <= args.hosts,
        "--replicasets must not be more than --hosts"
    );
    let clock = SystemClock::shared();
    if args.table {
        let said = |line: &str| {
            // Nothing can be told when standard error is closed.
            let _ = writeln!(std::io::stderr(), "{line}");
        };
        let text = table::run(&std::env::current_exe()?, &clock, said).await?;
        if let Some(document) = &args.write {
            table::replace(document, &text)?;
        }
        write!(std::io::stdout(), "{text}")?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(connections) = args.adapter {
        let length = Duration::from_secs(args.seconds.unwrap_or(10));
        let said = |line: &str| {
            // Nothing can be told when standard error is closed.
            let _ = writeln!(std::io::stderr(), "{line}");
        };
        let hpas = args.hpas.unwrap_or(10_000) as usize;
        let figures =
            capstan_bench::adapter::measure(hpas, connections as usize, length, &clock, said).await?;
        let text = if args.json {
            serde_json::to_string_pretty(&figures)?
        } else {
            figures.text()
        };
        writeln!(std::io::stdout(), "{text}")?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(hpas) = args.hpas {
        let length = Duration::from_secs(args.seconds.unwrap_or(30));
        let said = |line: &str| {
            // Nothing can be told when standard error is closed.
            let _ = writeln!(std::io::stderr(), "{line}");
        };
        let figures = capstan_bench::hpas::measure(hpas as usize, length, &clock, said).await?;
        let text = if args.json {
            serde_json::to_string_pretty(&figures)?
        } else {
            figures.text()
        };
        writeln!(std::io::stdout(), "{text}")?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(writes) = args.latency {
        let latency = capstan_bench::latency::measure(&std::env::current_exe()?, writes, &clock).await?;
        let text = if args.json {
            serde_json::to_string_pretty(&latency)?
        } else {
            latency.line()
        };
        writeln!(std::io::stdout(), "{text}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let workload = Workload {
        hosts: args.hosts,
        replicasets: args.replicasets,
        seconds: args.seconds.unwrap_or_else(|| (10_000_000 / args.hosts).max(70)),
        lines: args.lines,
    };
    let pipeline = match (&args.script, args.work) {
        (Some(file), _) => Pipeline::Script(
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?,
        ),
        (None, Work::Yardstick) => Pipeline::Yardstick,
        (None, Work::Filter) => Pipeline::Filter,
    };
    let pressure = Pressure {
        connections: args.connections,
        tasks: args.tasks,
    };
    let bodies = workload.bodies();
    let mut results: Vec<(String, Figures)> = Vec::new();
    let mut out = std::io::stdout().lock();
    for _ in 0..args.runs.max(1) {
        let own = match &args.url {
            Some(_) => None,
            None => Some(Server::start(&std::env::current_exe()?, "", &clock)?),
        };
        let target = own.as_ref().map_or_else(
            || Target {
                url: args.url.clone().unwrap_or_default(),
                process: args.pid.map(|pid| Process { pid }),
            },
            Server::target,
        );
        let figures = measure(&target, &workload, &pipeline, &bodies, pressure, &clock).await?;
        drop(own);
        if !args.json {
            writeln!(out, "capstan   {}", figures.line())?;
        }
        results.push(("capstan".to_owned(), figures));
        if let Some(url) = &args.compare {
            let target = Target {
                url: url.clone(),
                process: args.compare_pid.map(|pid| Process { pid }),
            };
            let figures = measure(&target, &workload, &pipeline, &bodies, pressure, &clock).await?;
            if !args.json {
                writeln!(out, "compared  {}", figures.line())?;
            }
            results.push(("compared".to_owned(), figures));
        }
    }
    let best = |name: &str| {
        results
            .iter()
            .filter(|(of, _)| of == name)
            .map(|(_, figures)| figures.points_per_second)
            .fold(f64::NAN, f64::max)
    };
    let ratio = best("capstan") / best("compared");
    if args.json {
        let runs: Vec<_> = results
            .iter()
            .map(|(server, figures)| serde_json::json!({"server": server, "figures": figures}))
            .collect();
        let report = serde_json::json!({
            "hosts": workload.hosts,
            "replicasets": workload.replicasets,
            "seconds": workload.seconds,
            "linesPerBody": workload.lines,
            "connections": args.connections,
            "tasks": args.tasks,
            "runs": runs,
            "ratio": ratio.is_finite().then_some(ratio),
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else if ratio.is_finite() {
        writeln!(out, "ratio     {ratio:.1}")?;
    }
    Ok(ExitCode::SUCCESS)
}
