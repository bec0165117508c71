//! The metrics adapter with kube-metrics-adapter's flags.

mod flags;
mod serving;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use capstan_adapter::resource::{Prometheus, Resources, Rules};
use capstan_adapter::serve::{Options as ServingOptions, Server as MetricsApis};
use capstan_adapter::{Adapter, http, schedules};
use capstan_base::SystemClock;
use capstan_collectors::options::Server;
use capstan_collectors::{Context, prometheus};
use capstan_metrics::Store;
use capstan_runtime::Shutdown;
use clap::Args;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) use flags::{CollectorFlags, METRICS_ADDRESS};
pub(crate) use serving::ServingFlags;

/// All flags of `capstan adapter` but those of the cluster it serves.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdapterFlags {
    #[command(flatten)]
    pub(crate) collectors: CollectorFlags,
    #[command(flatten)]
    serving: ServingFlags,
}

impl AdapterFlags {
    /// All they say.
    ///
    /// # Errors
    /// When they contradict each other, or name a file that cannot be read.
    pub(crate) fn settings(&self) -> Result<Settings> {
        Ok(Settings {
            collectors: self.collectors.options()?,
            adapter: self.collectors.adapter(),
            bind: self.collectors.metrics_address,
            tolerance: self.collectors.tolerance,
            serving: self.serving.options()?,
            resources: self.serving.enable_resource_metrics_api,
        })
    }
}

/// How to run it.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Servers and flags of collectors.
    pub(crate) collectors: capstan_collectors::Options,
    /// How the adapter behaves.
    pub(crate) adapter: capstan_adapter::Options,
    /// Where its state and metrics are.
    pub(crate) bind: SocketAddr,
    /// How far a schedule's replicas may be above the current ones for us to scale in the HPA's stead.
    pub(crate) tolerance: f64,
    /// How the metrics APIs are served.
    pub(crate) serving: ServingOptions,
    /// Whether metrics.k8s.io is one of them, by Prometheus' knowledge.
    pub(crate) resources: bool,
}

/// The adapter that a configuration asks for, with the cluster whose HPAs it serves; `None` if it asks for none.
///
/// # Errors
/// A flag is none of `capstan adapter`'s, or the cluster is not configured.
pub(crate) async fn configured(
    settings: &capstan_config::Settings,
    own: SocketAddr,
) -> Result<Option<MetricsAdapter>> {
    #[derive(Debug, clap::Parser)]
    #[command(name = "[adapter] flags")]
    struct Line {
        #[command(flatten)]
        flags: AdapterFlags,
    }
    let section = &settings.adapter;
    if !section.enabled {
        return Ok(None);
    }
    let line = std::iter::once("[adapter]").chain(section.flags.iter().map(String::as_str));
    let Line { flags } = <Line as clap::Parser>::try_parse_from(line)
        .map_err(|error| anyhow::anyhow!("[adapter] flags: {error}"))?;
    let mut enabled = settings.kubernetes.iter().filter(|entry| entry.enabled);
    let entry = match section.kubernetes.as_str() {
        "" => enabled.next(),
        id => enabled.find(|entry| entry.id == id),
    };
    let entry = entry.with_context(|| match section.kubernetes.as_str() {
        "" => "[adapter] needs an enabled [[kubernetes]]".to_owned(),
        id => format!("[adapter] kubernetes: no enabled [[kubernetes]] has the id {id:?}"),
    })?;
    let cluster = capstan_kube::Cluster::connect(&super::options(entry)).await?;
    let mut started = flags.settings()?;
    if !settings.http.https_enabled {
        // Outputs of tasks are this server's, unless the flags say otherwise.
        started.collectors.capstan.get_or_insert_with(|| Server {
            url: format!("http://{}", reachable(own)),
            token_file: None,
        });
    }
    Ok(Some(MetricsAdapter::start(Arc::new(cluster), started).await?))
}

/// An address to connect to what listens on this one.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        return SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), address.port());
    }
    address
}

/// A running adapter and what it tells over HTTP.
#[derive(Debug)]
pub(crate) struct MetricsAdapter {
    adapter: Arc<Adapter>,
    apis: MetricsApis,
    address: SocketAddr,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
}

impl MetricsAdapter {
    /// Starts collecting for the HPAs of a cluster. When kube-metrics-adapter's own address is taken, a free port does.
    pub(crate) async fn start(cluster: Arc<capstan_kube::Cluster>, settings: Settings) -> Result<Self> {
        let clock = SystemClock::shared();
        let bind = settings.bind;
        let listener = match TcpListener::bind(bind).await {
            Err(_) if bind.port() == METRICS_ADDRESS.port() => TcpListener::bind((bind.ip(), 0)).await,
            other => other,
        }
        .with_context(|| format!("--metrics-address {bind}"))?;
        let address = listener.local_addr()?;
        let context = Arc::new(Context::new(Arc::clone(&clock), cluster, settings.collectors)?);
        let store = Arc::new(Store::new(clock));
        let shutdown = Shutdown::new();
        let adapter = Adapter::start(
            Arc::clone(&context),
            Arc::clone(&store),
            settings.adapter,
            shutdown.child(),
        );
        if context.options.scaling_schedule {
            let controller = schedules::run(Arc::clone(&context), settings.tolerance, shutdown.child());
            capstan_runtime::spawn("scaling schedules", controller);
        }
        let mut options = settings.serving;
        if settings.resources {
            options.resources = Some(resources(&context)?);
        }
        options.readiness = Some(Arc::new({
            let adapter = Arc::clone(&adapter);
            move || {
                let settled = adapter.settled();
                settled
                    .then_some(())
                    .ok_or_else(|| "HPAs are not known yet".to_owned())
            }
        }));
        let clock = Arc::clone(&context.clock);
        let cluster = Arc::clone(&context.cluster);
        let apis = MetricsApis::start(options, store, cluster, clock, shutdown.child()).await?;
        let serving = http::serve(listener, Arc::clone(&adapter), shutdown.child());
        Ok(Self {
            serving: capstan_runtime::spawn("adapter over HTTP", serving),
            adapter,
            apis,
            address,
            shutdown,
        })
    }

    /// Where the metrics APIs are, over TLS.
    pub(crate) fn secure_address(&self) -> SocketAddr {
        // It always listens: settings without an address are not made here.
        self.apis.address().unwrap_or(self.address)
    }

    /// Where its state is asked for.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops collecting.
    pub(crate) async fn stop(self) {
        self.apis.stop();
        self.adapter.stop();
        self.shutdown.raise();
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the HTTP server did not stop in order");
        }
    }
}

/// What Prometheus knows of containers and nodes.
fn resources(context: &Arc<Context>) -> Result<Arc<Resources>> {
    let server = context.options.prometheus.as_ref();
    let endpoint = prometheus::configured(server, "--prometheus-server")
        .context("--enable-resource-metrics-api needs a Prometheus")?;
    let queries = Arc::new(Prometheus::new(Arc::clone(context), endpoint));
    let clock = Arc::clone(&context.clock);
    Ok(Arc::new(Resources::new(Rules::default(), queries, clock)))
}
