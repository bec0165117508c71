//! `capstan manifests`: what a cluster has to know of us.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use capstan_adapter::certificate::Service;
use capstan_adapter::manifests::Settings;
use clap::{Args, Parser, Subcommand};

use crate::wiring::adapter::AdapterFlags;

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
    /// Account, rights, deployment, service and APIServices of `capstan adapter`, by the flags it is to have
    Adapter {
        /// Where it runs
        #[arg(long, default_value = "kube-system")]
        namespace: String,
        /// The service in front of it
        #[arg(long, default_value = "kube-metrics-adapter")]
        service: String,
        /// Its image
        #[arg(long, default_value = concat!("capstan:", env!("CARGO_PKG_VERSION")))]
        image: String,
        /// Flags of `capstan adapter`, after the others: rights are as few as these need
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
        flags: Vec<String>,
    },
    /// ServiceMonitor and PodMonitor, for an embedded cluster where Prometheus is to find pods by them
    Monitors,
}

/// Prints them.
pub(crate) fn run(args: ManifestsArgs) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match args.which {
        Which::Autoscaler { definition } => {
            write!(out, "{}", capstan_autoscaler::DEFINITION)?;
            if !definition {
                write!(out, "---\n{}", capstan_autoscaler::RIGHTS)?;
            }
        }
        Which::Adapter {
            namespace,
            service: name,
            image,
            flags,
        } => {
            check(&flags)?;
            let settings = Settings {
                service: Service { namespace, name },
                image,
                flags,
            };
            write!(out, "{}", settings.yaml()?)?;
        }
        Which::Monitors => write!(out, "{}", capstan_cluster::MONITORS)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether `capstan adapter` takes these flags.
fn check(flags: &[String]) -> Result<()> {
    #[derive(Debug, Parser)]
    #[command(name = "capstan adapter", no_binary_name = true)]
    struct Line {
        #[command(flatten)]
        flags: AdapterFlags,
    }
    let line = Line::try_parse_from(flags)?;
    line.flags.collectors.options().map(drop)
}
