//! `capstan app`: the tutorial's example app as a process of its own.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::{Context, Result};
use capstan_base::SystemClock;
use capstan_demo::{App, AppOptions};
use capstan_runtime::Shutdown;
use clap::Args;

use crate::signals;

/// Serves the example app: every GET counts, and once a second the count is posted as line protocol.
///
/// HOSTNAME, APP_REPLICASET and APP_INFLUXDB_URL say what to post and where.
#[derive(Debug, Args)]
pub(crate) struct AppArgs {
    /// Address to listen on
    #[arg(long, env = "POD_IP", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    address: IpAddr,
    /// Port to listen on
    #[arg(long, env = "PORT", default_value_t = 8000)]
    port: u16,
    /// End when standard input ends, so that no app outlives the process that started it
    #[arg(long)]
    with_parent: bool,
}

/// Runs until a signal arrives.
pub(crate) async fn run(args: AppArgs) -> Result<ExitCode> {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let listen = SocketAddr::new(args.address, args.port);
    let shutdown = Shutdown::new();
    let app = App::start(
        AppOptions::from_env(listen, &env),
        SystemClock::shared(),
        shutdown.clone(),
    )
    .await
    .with_context(|| format!("cannot listen on {listen}: choose another port with --port"))?;
    tracing::info!(address = %app.address, "app serves");
    if args.with_parent {
        let orphaned = shutdown.clone();
        std::thread::spawn(move || {
            let mut ignored = [0; 64];
            while std::io::stdin().read(&mut ignored).is_ok_and(|read| read > 0) {}
            orphaned.raise();
        });
    }
    tokio::select! {
        () = signals::interrupted() => {}
        () = shutdown.raised() => {}
    }
    shutdown.raise();
    Ok(ExitCode::SUCCESS)
}
