//! The whole server in one process: store, ingest, tasks and API, started and stopped in order (S-84, S-85).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use capstan_api::{App, Handle, Identity, SetLogLevel};
use capstan_base::{SharedClock, SystemClock};
use capstan_config::{QueuePolicy, Settings};
use capstan_flow::Ports;
use capstan_ingest::{Ingest, IngestOptions};
use capstan_runtime::{LogHandle, Shutdown};
use capstan_store::Store;
use capstan_tasks::{Decisions, Limits, LoadDirectory, Options, Policy, Tasks};
use tokio::task::JoinHandle;

use crate::wiring;
use crate::wiring::adapter::MetricsAdapter;
use crate::wiring::alert::Alerts;
use crate::wiring::http_post::Poster;
use crate::wiring::influx::Influx;
use crate::wiring::log::NodeLog;
use crate::wiring::loopback::IngestLoopback;
use crate::wiring::sideload::SideSources;

/// How long tasks may take to end (S-84).
const TASKS_PATIENCE: Duration = Duration::from_secs(20);

/// Points that may wait for one task, whatever the number of bodies.
const QUEUE_POINTS: usize = 1_000_000;

/// Bytes of points that may wait for one task.
const QUEUE_BYTES: usize = 32 << 20;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    api: Handle,
    tasks: Arc<Tasks>,
    load: Option<LoadDirectory>,
    sideload: Arc<SideSources>,
    alerts: Alerts,
    adapter: Option<MetricsAdapter>,
    flushing: JoinHandle<()>,
    /// Ends the API first ...
    serving: Shutdown,
    /// ... and scale writes last, so that those under way are answered.
    scaling: Shutdown,
}

impl Server {
    /// Starts everything. The API answers when this returns, and not before tasks run.
    pub(crate) async fn start(settings: Settings) -> Result<Self> {
        Self::start_with(settings, None).await
    }

    /// Starts everything; `log` is what `POST /loglevel` changes.
    pub(crate) async fn start_with(settings: Settings, log: Option<LogHandle>) -> Result<Self> {
        let clock = SystemClock::shared();
        let (serving, scaling) = (Shutdown::new(), Shutdown::new());
        let data_dir = data_dir(&settings);
        let identity = capstan_store::Identity::load_or_create(&data_dir)?;
        let store = open_store(&settings, &data_dir)?;
        let ingest = Arc::new(Ingest::new(ingest_options(&settings), Arc::clone(&clock)));
        let capstan = &settings.capstan;
        let decisions = Decisions::open(
            store.clone(),
            capstan.decision_ring_size,
            capstan.decision_log_size,
        )?;
        let records = {
            let decisions = Arc::clone(&decisions);
            Arc::new(move |record: &capstan_hpa::Record| decisions.push(record))
        };
        let context = wiring::scaler::Context::new(Arc::clone(&clock), scaling.clone(), records);
        let scaler = wiring::kubernetes(&settings, context.clone()).await?;
        let swarm = wiring::swarms(&settings, context)?;
        let alerts = Alerts::start(&settings, &store, Arc::clone(&clock))?;
        let influx = Influx::new(&settings, scaling.clone())?;
        influx.search();
        let sideload = Arc::new(SideSources::new(&settings)?);
        let functions = wiring::udf::functions(&settings, Arc::clone(&clock)).await;
        let ports = Ports {
            udf: functions.map(|functions| functions as _),
            influx_write: (!influx.is_empty()).then(|| Arc::new(influx.clone()) as _),
            influx_query: Some(Arc::new(influx)),
            http_post: Some(Arc::new(Poster::new(&settings, scaling.clone())?)),
            sideload: Some(Arc::clone(&sideload) as _),
            log: Arc::new(NodeLog),
            loopback: Arc::new(IngestLoopback::new(Arc::clone(&ingest))),
            scaler,
            swarm,
            zone: jiff::tz::TimeZone::system(),
            ..Ports::offline(Arc::clone(&clock))
        };
        let ports = alerts.ports(&settings, &identity, ports);
        let options = Options {
            queue: Limits {
                batches: capstan.task_queue_length,
                points: QUEUE_POINTS,
                bytes: QUEUE_BYTES,
            },
            policy: match capstan.task_queue_policy {
                QueuePolicy::Block => Policy::Block(capstan.task_queue_deadline),
                QueuePolicy::DropOldest => Policy::DropOldest,
            },
            snapshot_interval: settings.task.snapshot_interval,
            group_ttl: (!capstan.group_ttl.is_zero()).then_some(capstan.group_ttl),
            ..Options::new(
                Arc::clone(&clock),
                store,
                Arc::clone(&ingest),
                ports,
                Arc::clone(&decisions),
            )
        };
        let tasks = Tasks::open(options)?;
        let load = settings
            .load
            .enabled
            .then(|| LoadDirectory::new(directory(&settings.load.dir, &data_dir, "load")));
        {
            let (tasks, load) = (Arc::clone(&tasks), load.clone());
            capstan_runtime::spawn_blocking(move || {
                tasks.start_enabled();
                load.map_or(Ok(()), |load| reload(&load, &tasks))
            })
            .await??;
        }
        let app = App {
            tasks: Arc::clone(&tasks),
            ingest,
            identity: Identity {
                cluster_id: identity.cluster.to_string(),
                server_id: identity.server.to_string(),
                host: settings.hostname.clone(),
            },
            set_log_level: set_log_level(log),
        };
        let api = match serve(&settings, app, serving.clone()).await {
            Ok(api) => api,
            Err(error) => {
                end_tasks(&tasks).await;
                return Err(error);
            }
        };
        let adapter = match wiring::adapter::configured(&settings, api.address()).await {
            Ok(adapter) => adapter,
            Err(error) => {
                serving.raise();
                api.stopped().await;
                end_tasks(&tasks).await;
                return Err(error);
            }
        };
        let flushing = flush(decisions, capstan.decision_flush_interval, &clock);
        Ok(Self {
            api,
            tasks,
            load,
            sideload,
            alerts,
            adapter,
            flushing,
            serving,
            scaling,
        })
    }

    /// Where the API listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.api.address()
    }

    /// The tasks.
    pub(crate) fn tasks(&self) -> &Arc<Tasks> {
        &self.tasks
    }

    /// Reads the sources of sideload nodes and the load directory again; what is wrong there is logged (S-73).
    pub(crate) async fn reload(&self) {
        let sideload = Arc::clone(&self.sideload);
        match capstan_runtime::spawn_blocking(move || sideload.reload()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error, "failed to load sideload sources"),
            Err(error) => tracing::error!(%error, "failed to load sideload sources"),
        }
        let Some(load) = self.load.clone() else {
            tracing::info!("no load directory is configured");
            return;
        };
        let tasks = Arc::clone(&self.tasks);
        match capstan_runtime::spawn_blocking(move || reload(&load, &tasks)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "failed to load new files"),
            Err(error) => tracing::error!(%error, "failed to load new files"),
        }
    }

    /// Stops in order: the API, tasks, alert handlers, scale writes, the store.
    pub(crate) async fn stop(self) {
        if let Some(adapter) = self.adapter {
            adapter.stop().await;
        }
        self.serving.raise();
        self.api.stopped().await;
        end_tasks(&self.tasks).await;
        self.alerts.stop().await;
        self.scaling.raise();
        self.flushing.abort();
        tracing::info!("stopped");
    }
}

async fn end_tasks(tasks: &Arc<Tasks>) {
    let tasks = Arc::clone(tasks);
    if let Err(error) = capstan_runtime::spawn_blocking(move || tasks.shutdown(TASKS_PATIENCE)).await {
        tracing::error!(%error, "tasks did not stop in order");
    }
}

fn reload(load: &LoadDirectory, tasks: &Tasks) -> Result<(), capstan_tasks::Error> {
    let loaded = load.load(tasks)?;
    tracing::info!(
        created = loaded.created,
        updated = loaded.updated,
        unchanged = loaded.unchanged,
        deleted = loaded.deleted,
        "load directory read"
    );
    Ok(())
}

async fn serve(settings: &Settings, app: App, shutdown: Shutdown) -> Result<Handle> {
    let http = &settings.http;
    let tls = if http.https_enabled {
        let certificate = Path::new(&http.https_certificate);
        // One file may hold both (S-20).
        let key = if http.https_private_key.is_empty() {
            certificate
        } else {
            Path::new(&http.https_private_key)
        };
        capstan_tls::install_provider();
        Some(capstan_tls::server_config(
            &capstan_tls::Identity::load(certificate, key)?,
            None,
        )?)
    } else {
        None
    };
    let options = capstan_api::Options {
        bind_address: http.bind_address.clone(),
        tls,
        shutdown_timeout: http.shutdown_timeout,
    };
    Ok(capstan_api::serve(options, app, shutdown).await?)
}

fn flush(decisions: Arc<Decisions>, interval: Duration, clock: &SharedClock) -> JoinHandle<()> {
    let clock = Arc::clone(clock);
    capstan_runtime::spawn("decision log", async move {
        loop {
            capstan_runtime::sleep(interval).await;
            let decisions = Arc::clone(&decisions);
            let started = clock.monotonic();
            if capstan_runtime::spawn_blocking(move || decisions.flush(false))
                .await
                .is_err()
            {
                return;
            }
            let took = clock.monotonic().saturating_sub(started);
            if took > interval {
                tracing::warn!(?took, "decisions are stored slowly");
            }
        }
    })
}

fn set_log_level(log: Option<LogHandle>) -> SetLogLevel {
    Arc::new(move |level| {
        let level = level
            .parse()
            .map_err(|error: capstan_runtime::logging::Error| error.to_string())?;
        let log = log.as_ref().ok_or("the log of this process cannot be changed")?;
        log.set_level(level);
        Ok(())
    })
}

fn ingest_options(settings: &Settings) -> IngestOptions {
    let capstan = &settings.capstan;
    IngestOptions {
        default_retention_policy: settings.default_retention_policy.clone(),
        max_body_bytes: capstan.max_body_bytes,
        max_decompressed_bytes: capstan.max_decompressed_bytes,
        max_series: capstan.max_series,
        max_databases: capstan.max_databases,
        ..IngestOptions::default()
    }
}

fn open_store(settings: &Settings, data_dir: &Path) -> Result<Store> {
    let path = directory(&settings.storage.boltdb, data_dir, "capstan.db");
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot create directory {}", parent.display()))?;
    }
    Ok(Store::open(path)?)
}

/// `[data_dir]`; settings that were not read from sources may leave it out.
fn data_dir(settings: &Settings) -> PathBuf {
    if settings.data_dir.is_empty() {
        PathBuf::from(".capstan")
    } else {
        PathBuf::from(&settings.data_dir)
    }
}

/// A configured path, or `name` below the data directory.
fn directory(configured: &str, data_dir: &Path, name: &str) -> PathBuf {
    if configured.is_empty() {
        data_dir.join(name)
    } else {
        PathBuf::from(configured)
    }
}
