//! `capstan serve`: the server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use capstan_base::SystemClock;
use capstan_config::{Loaded, Overrides, ProcessEnvironment};
use capstan_runtime::logging::{self, LogOptions, Output};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::resident;
use crate::server::Server;
use crate::signals;

/// A stop that takes longer is not waited for (C-65).
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// Runs the server: takes points on :9092, runs tasks, scales.
///
/// Starts without a configuration file, without InfluxDB and without a cluster. Every setting of the file can be given as a
/// variable: [http] bind-address is CAPSTAN_HTTP_BIND_ADDRESS.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file in Kapacitor's format
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How others reach this host
    #[arg(long)]
    pub(crate) hostname: Option<String>,
    /// Everything that is kept is below this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// Address of the API, as in :9092 or 127.0.0.1:9092
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind_address: Option<String>,
    /// STDERR, STDOUT or a path
    #[arg(long, value_name = "FILE")]
    pub(crate) log_file: Option<String>,
    /// DEBUG, INFO, WARN or ERROR
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// Alert handlers that no task may use, as in exec,log
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub(crate) disable_handlers: Option<Vec<String>>,
    /// Write the process's number to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) pidfile: Option<PathBuf>,
}

impl ServeArgs {
    /// Settings of all sources.
    pub(crate) fn load(&self) -> Result<Loaded> {
        let overrides = Overrides {
            hostname: self.hostname.clone(),
            data_dir: self.data_dir.clone(),
            bind_address: self.bind_address.clone(),
            log_file: self.log_file.clone(),
            log_level: self.log_level.clone(),
            disable_handlers: self.disable_handlers.clone(),
        };
        Ok(capstan_config::load(
            self.config.as_deref(),
            &ProcessEnvironment,
            &overrides,
        )?)
    }
}

/// Runs until a signal arrives. HUP reads the load directory again.
pub(crate) async fn run(args: ServeArgs) -> Result<ExitCode> {
    resident::refuse_huge_pages();
    resident::return_memory_soon();
    let Loaded {
        settings,
        file,
        warnings,
        ..
    } = args.load()?;
    let log = logging::init(LogOptions {
        output: Output::parse(&settings.logging.file),
        level: settings.logging.level.parse()?,
        clock: SystemClock::shared(),
    })?;
    if let Some(path) = &file {
        tracing::info!(path = %path.display(), "configuration read");
    } else {
        tracing::info!("no configuration file; built-in settings");
    }
    for warning in &warnings {
        tracing::warn!(%warning, "configuration");
    }
    let pid_file = args.pidfile.as_deref().map(PidFile::write).transpose()?;
    // Signals that come while everything starts are seen, too.
    let mut hang_up = signal(SignalKind::hangup()).context("signals cannot be received")?;
    let interrupted = signals::interrupted();
    tokio::pin!(interrupted);
    let server = tokio::select! {
        server = Server::start_with(settings, Some(log)) => server?,
        () = &mut interrupted => return Ok(ExitCode::SUCCESS),
    };
    let small = capstan_runtime::spawn("memory", resident::keep_small());
    loop {
        tokio::select! {
            () = &mut interrupted => break,
            Some(()) = hang_up.recv() => server.reload().await,
        }
    }
    small.abort();
    tracing::info!("signal received, stopping; a second one stops at once");
    let in_order = tokio::select! {
        () = server.stop() => true,
        () = signals::interrupted() => false,
        () = capstan_runtime::sleep(STOP_PATIENCE) => false,
    };
    drop(pid_file);
    if !in_order {
        tracing::error!("stopped before everything had ended");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Removed when the server ends.
struct PidFile(PathBuf);

impl PidFile {
    fn write(path: &Path) -> Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot create directory {}", parent.display()))?;
        }
        std::fs::write(path, std::process::id().to_string())
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // It is only a hint for others; that it stays is no failure of the server's.
        let _ = std::fs::remove_file(&self.0);
    }
}
