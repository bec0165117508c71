//! `capstan demo`: the tutorial in one command, and `capstan demo prometheus`: the same with an HPA and Prometheus.

mod perform;
mod prometheus;
mod stage;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::duration;
use crate::wiring::autoscaler::Flags;
use perform::{Interruption, Play};
use stage::Stage;
use view::View;

/// What `demo/demo.tick` and the HPAs of `demo/prometheus` say: requests per second of one replica.
const PER_REPLICA: f64 = 100.0;

/// How many seconds a decision of `demo/demo.tick` may lag behind the load: four of averaging, one until a second is
/// summed, four of cooldown, and two for counting and posting.
const LAG: u64 = 11;

/// How long replicas may take to come down after the load has ended.
const TAIL: Duration = Duration::from_secs(15);

/// Shows the tutorial working: an embedded cluster, an app, a TICKscript task, and a load that replicas follow.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DemoArgs {
    #[command(subcommand)]
    other: Option<Other>,
    /// Plain lines instead of a coloured view
    #[arg(long)]
    headless: bool,
    /// Requests per second at the top of the ramp
    #[arg(long, default_value_t = 600.0)]
    max_qps: f64,
    /// How long the load ramps up and down
    #[arg(long, default_value = "80s", value_parser = duration::parse)]
    duration: Duration,
    /// Write what was seen and decided to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Leave everything up at the end and print what to try
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    autoscaler: Flags,
}

#[derive(Debug, Subcommand)]
enum Other {
    Prometheus(prometheus::PrometheusArgs),
}

/// Runs the demonstration; exit status 0 only if replicas followed the load.
pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode> {
    if let Some(Other::Prometheus(args)) = args.other {
        return prometheus::run(args).await;
    }
    anyhow::ensure!(
        args.max_qps.is_finite() && args.max_qps >= 1.0,
        "--max-qps must be at least 1"
    );
    let view = View::new(args.max_qps, args.headless);
    let interruption = Interruption::watch();
    let stage = Stage::set(&view, &args.autoscaler).await?;
    let play = Play {
        max_qps: args.max_qps,
        duration: args.duration,
        tail: TAIL,
        lag: LAG,
        report: args.report,
    };
    let opened = stage.open(&view);
    let outcome = perform::run(&play, opened, &stage, &view, &interruption).await;
    if args.keep && matches!(outcome, Ok(Some(_))) {
        view.line(&stage.hints());
        interruption.raised().await;
    }
    stage.strike().await;
    perform::status(outcome, &view)
}
