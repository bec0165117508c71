//! Capstan: decides how many replicas a Kubernetes workload should have, and shows its work.
//!
//! One binary, three command lines: `capstan` with our own verbs, and under the names `kapacitor` and `kapacitord` those of
//! Kapacitor's client and server. The only crate that knows all others; it wires them together and contains no logic of
//! its own beyond that.
//!
//! | module | what |
//! |---|---|
//! | [`commands`] | our verbs |
//! | [`kapacitor`], [`kapacitord`] | Kapacitor's command lines |
//! | [`resident`] | keeping what is resident small; the only module with `unsafe` code |
//! | [`server`] | store, ingest, tasks and API, started and stopped in order |
//! | [`wiring`] | the engine's ports onto the world |

mod commands;
mod duration;
mod home;
mod kapacitor;
mod kapacitord;
mod resident;
mod server;
mod signals;
mod wiring;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use capstan_runtime::logging::{self, Level, LogOptions};
use clap::{Parser, Subcommand};

use commands::{
    adapter, app, autoscaler, bench, cluster, convert, demo, explain, load, manifests, serve, tick,
};

#[cfg(not(feature = "count-allocations"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "count-allocations")]
#[global_allocator]
static ALLOCATOR: resident::Counting = resident::Counting;

/// Autoscaling for Kubernetes that explains itself.
#[derive(Debug, Parser)]
#[command(name = "capstan", version, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::ServeArgs),
    Demo(demo::DemoArgs),
    Cluster(cluster::ClusterArgs),
    Autoscaler(autoscaler::AutoscalerArgs),
    Adapter(Box<adapter::AdapterArgs>),
    Explain(explain::ExplainArgs),
    Convert(convert::ConvertArgs),
    Manifests(manifests::ManifestsArgs),
    Tick(tick::TickArgs),
    App(app::AppArgs),
    Load(load::LoadArgs),
    Bench(bench::BenchArgs),
    /// Kapacitor's command line client: define, enable, show, stats, …
    #[command(disable_help_flag = true)]
    Kapacitor {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Prints the version
    Version,
}

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    match Path::new(&name).file_name().and_then(|name| name.to_str()) {
        Some("kapacitor") => return kapacitor::run(args.collect()),
        Some("kapacitord") => return kapacitord::run(args.collect()),
        _ => {}
    }
    // The client's arguments follow Go's rules, which clap must not see.
    let rest: Vec<OsString> = args.collect();
    if let Some((verb, rest)) = rest.split_first()
        && verb == "kapacitor"
    {
        return kapacitor::run(rest.to_vec());
    }
    match own(CommandLine::parse().verb) {
        Ok(status) => status,
        Err(error) => {
            // Nothing can be told when standard error is closed.
            let _ = writeln!(std::io::stderr(), "Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn own(verb: Verb) -> Result<ExitCode> {
    // The server logs as its configuration says; what a person looks at is not to be mixed with lines of a log.
    let level = match verb {
        Verb::Serve(_) => None,
        Verb::Adapter(_) | Verb::App(_) | Verb::Autoscaler(_) | Verb::Cluster(_) => Some(Level::Info),
        _ => Some(Level::Error),
    };
    if let Some(level) = level {
        logging::init(LogOptions {
            level,
            ..LogOptions::default()
        })?;
    }
    match verb {
        Verb::Tick(args) => return tick::run(args),
        Verb::Manifests(args) => return manifests::run(args),
        Verb::Kapacitor { args } => return Ok(kapacitor::run(args)),
        Verb::Version => {
            writeln!(std::io::stdout(), "capstan {}", env!("CARGO_PKG_VERSION"))?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")?;
    runtime.block_on(async {
        match verb {
            Verb::Serve(args) => Box::pin(serve::run(args)).await,
            Verb::Demo(args) => Box::pin(demo::run(args)).await,
            Verb::Cluster(args) => Box::pin(cluster::run(args)).await,
            Verb::Autoscaler(args) => Box::pin(autoscaler::run(args)).await,
            Verb::Adapter(args) => Box::pin(adapter::run(*args)).await,
            Verb::Explain(args) => Box::pin(explain::run(args)).await,
            Verb::Convert(args) => Box::pin(convert::run(args)).await,
            Verb::App(args) => Box::pin(app::run(args)).await,
            Verb::Load(args) => Box::pin(load::run(args)).await,
            Verb::Bench(args) => Box::pin(bench::run(args)).await,
            Verb::Tick(_) | Verb::Manifests(_) | Verb::Kapacitor { .. } | Verb::Version => {
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}
