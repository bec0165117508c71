//! `capstan autoscaler`: the controller for a cluster that is there already.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use capstan_autoscaler::Options;
use clap::Args;

use crate::wiring::autoscaler::{Autoscaler, Flags};
use crate::wiring::cluster::Reach;
use crate::{home, signals};

/// Scales the targets of Autoscalers in a Kubernetes cluster, and computes HorizontalPodAutoscalers in shadow mode.
///
/// Autoscalers are a resource of our own (`capstan manifests autoscaler`). HorizontalPodAutoscalers belong to the
/// cluster's own controller and are left alone, but for those with the annotation capstan.dev/shadow=true, which are
/// computed and recorded without writing anything.
#[derive(Debug, Args)]
pub(crate) struct AutoscalerArgs {
    #[command(flatten)]
    reach: Reach,
    /// Act on HorizontalPodAutoscalers too: only for clusters where no other controller does
    #[arg(long)]
    own_hpas: bool,
    /// Where decisions are kept [default: ~/.capstan]
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Requests per second to the API server in the long run; 0 is no limit
    #[arg(long, default_value_t = Options::default().rate.0)]
    kube_api_qps: u32,
    /// Requests to the API server at once
    #[arg(long, default_value_t = Options::default().rate.1)]
    kube_api_burst: u32,
    #[command(flatten)]
    flags: Flags,
}

/// Runs the controller until a signal arrives.
pub(crate) async fn run(args: AutoscalerArgs) -> Result<ExitCode> {
    let data_dir = args.data_dir.map_or_else(home::directory, Ok)?;
    let options = Options {
        own_hpas: args.own_hpas,
        rate: (args.kube_api_qps, args.kube_api_burst),
        ..args.flags.options()?
    };
    let cluster = args.reach.connect().await?;
    let autoscaler = Autoscaler::start(cluster, options, args.flags.autoscaler_bind, &data_dir).await?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "Decisions on {}: capstan explain autoscaler/NAME{}",
        autoscaler.url(),
        autoscaler.explain_flag()
    )?;
    out.flush()?;
    drop(out);
    signals::interrupted().await;
    autoscaler.stop().await;
    Ok(ExitCode::SUCCESS)
}
