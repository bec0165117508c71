//! `capstan demo prometheus`: an HPA that scales on a query to Prometheus.

mod server;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::perform::{self, Interruption, Play};
use super::view::View;
use crate::duration;
use stage::Stage;

/// How many seconds the HPA may lag behind the load: five of the query's rate, one each for a scrape, a collection and
/// a sync, the stabilization window, and what a tenth of tolerance is worth on the ramp.
const LAG: u64 = 22;

/// How long replicas may take to come down after the load has ended.
const TAIL: Duration = Duration::from_secs(40);

/// Shows an HPA that scales on a query to a real Prometheus: the app is scraped, the query stands in an annotation, its
/// value comes through the metrics API.
#[derive(Debug, Args)]
pub(crate) struct PrometheusArgs {
    /// Plain lines instead of a coloured view
    #[arg(long)]
    headless: bool,
    /// Requests per second at the top of the ramp
    #[arg(long, default_value_t = 500.0)]
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
    /// The version the HPA is written in
    #[arg(long, value_enum, default_value_t = ApiVersion::V2beta1)]
    api_version: ApiVersion,
    /// The program to run as Prometheus
    #[arg(
        long,
        value_name = "PROGRAM",
        env = "CAPSTAN_PROMETHEUS",
        default_value = "prometheus"
    )]
    prometheus: PathBuf,
    /// How often the HPA is looked at
    #[arg(
        long = "horizontal-pod-autoscaler-sync-period",
        value_name = "DURATION",
        default_value = "1s",
        value_parser = duration::parse
    )]
    sync_period: Duration,
    /// How far back recommendations keep the number of replicas up
    #[arg(
        long = "horizontal-pod-autoscaler-downscale-stabilization",
        value_name = "DURATION",
        default_value = "8s",
        value_parser = duration::parse
    )]
    downscale_stabilization: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ApiVersion {
    V2beta1,
    V2beta2,
    V2,
}

/// Runs the demonstration; exit status 0 only if replicas followed the load.
pub(super) async fn run(args: PrometheusArgs) -> Result<ExitCode> {
    anyhow::ensure!(
        args.max_qps.is_finite() && args.max_qps >= 1.0,
        "--max-qps must be at least 1"
    );
    let view = View::new(args.max_qps, args.headless);
    let interruption = Interruption::watch();
    let stage = Stage::set(&view, &args).await?;
    let play = Play {
        max_qps: args.max_qps,
        duration: args.duration,
        tail: TAIL,
        lag: LAG + args.downscale_stabilization.as_secs(),
        report: args.report.clone(),
    };
    let opened = stage.open(&view, args.api_version);
    let outcome = perform::run(&play, opened, &stage, &view, &interruption).await;
    if args.keep && matches!(outcome, Ok(Some(_))) {
        view.line(&stage.hints());
        interruption.raised().await;
    }
    stage.strike().await;
    perform::status(outcome, &view)
}
