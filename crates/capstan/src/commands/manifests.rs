//! `capstan manifests`: what a cluster has to know of us.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Prints manifests for a cluster: `capstan manifests autoscaler | kubectl apply -f -`.
#[derive(Debug, Args)]
pub(crate) struct ManifestsArgs {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// The custom resource definition of Autoscaler, and the rights of `capstan autoscaler`
    Autoscaler {
        /// Only the custom resource definition
        #[arg(long)]
        definition: bool,
    },
}

/// Prints them.
pub(crate) fn run(args: ManifestsArgs) -> Result<ExitCode> {
    let Which::Autoscaler { definition } = args.which;
    let mut out = std::io::stdout().lock();
    write!(out, "{}", capstan_autoscaler::DEFINITION)?;
    if !definition {
        write!(out, "---\n{}", capstan_autoscaler::RIGHTS)?;
    }
    Ok(ExitCode::SUCCESS)
}
