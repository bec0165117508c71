//! `capstan adapter`: HPAs that scale on Prometheus queries, pod JSON and more.

mod status;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::signals;
use crate::wiring::adapter::{AdapterFlags, MetricsAdapter};
use crate::wiring::cluster::Reach;

/// Serves custom and external metrics to HorizontalPodAutoscalers, collected as their annotations say.
///
/// Annotations, flags and metrics are those of kube-metrics-adapter. `capstan manifests adapter` prints what a cluster
/// has to know of it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AdapterArgs {
    #[command(subcommand)]
    command: Option<AdapterCommand>,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    flags: AdapterFlags,
}

#[derive(Debug, Subcommand)]
enum AdapterCommand {
    Status(status::StatusArgs),
}

/// Runs the adapter until a signal arrives, or the subcommand.
pub(crate) async fn run(args: AdapterArgs) -> Result<ExitCode> {
    if let Some(AdapterCommand::Status(args)) = args.command {
        return status::run(args).await;
    }
    let settings = args.flags.settings()?;
    let cluster = std::sync::Arc::new(args.reach.connect().await?);
    let adapter = MetricsAdapter::start(cluster, settings).await?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "State and metrics on {}: capstan adapter status",
        adapter.url()
    )?;
    out.flush()?;
    drop(out);
    signals::interrupted().await;
    adapter.stop().await;
    Ok(ExitCode::SUCCESS)
}
