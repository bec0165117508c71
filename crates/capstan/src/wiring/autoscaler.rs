//! The controller of HorizontalPodAutoscalers, with kube-controller-manager's flags.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use capstan_autoscaler::{Controller, Filter, Options, http};
use capstan_base::SystemClock;
use capstan_hpa::options::{Gates, Options as Arithmetic};
use capstan_runtime::Shutdown;
use capstan_store::Store;
use clap::Args;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::duration;

/// Where decisions are asked for, unless said otherwise.
pub(crate) const ADDRESS: &str = "127.0.0.1:9094";

/// kube-controller-manager's flags, with its defaults.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HorizontalPodAutoscalers")]
pub(crate) struct Flags {
    /// How long after its creation, and after each look, a HorizontalPodAutoscaler is looked at
    #[arg(
        long = "horizontal-pod-autoscaler-sync-period",
        value_name = "DURATION",
        default_value = "15s",
        value_parser = duration::parse
    )]
    sync_period: Duration,
    /// How far back recommendations keep the number of replicas up
    #[arg(
        long = "horizontal-pod-autoscaler-downscale-stabilization",
        value_name = "DURATION",
        default_value = "5m0s",
        value_parser = duration::parse
    )]
    downscale_stabilization: Duration,
    /// How far the ratio of a metric to its target may be from 1 before anything changes
    #[arg(
        long = "horizontal-pod-autoscaler-tolerance",
        value_name = "SHARE",
        default_value_t = 0.1
    )]
    tolerance: f64,
    /// How long after a pod's start its CPU samples may be left out
    #[arg(
        long = "horizontal-pod-autoscaler-cpu-initialization-period",
        value_name = "DURATION",
        default_value = "5m0s",
        value_parser = duration::parse
    )]
    cpu_initialization_period: Duration,
    /// How long after a pod's start a change of its readiness counts as the first one
    #[arg(
        long = "horizontal-pod-autoscaler-initial-readiness-delay",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = duration::parse
    )]
    initial_readiness_delay: Duration,
    /// How many HorizontalPodAutoscalers are looked at at a time
    #[arg(
        long = "concurrent-horizontal-pod-autoscaler-syncs",
        value_name = "COUNT",
        default_value_t = 5,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    workers: u16,
    /// Switches features of Kubernetes 1.36 on or off: NAME=true|false, separated by commas
    ///
    /// HPAScaleToZero (ALPHA - default=false), HPAConfigurableTolerance (BETA - default=true), PodLevelResources
    /// (BETA - default=true), DeclarativeValidationTakeover (DEPRECATED - default=false), and AllAlpha and AllBeta for
    /// those that are not named. May be given more than once; the last setting of a name counts.
    #[arg(long, value_name = "NAME=true|false,...")]
    feature_gates: Vec<String>,
    /// Where `capstan explain hpa/NAME` asks for decisions, and where /metrics is
    #[arg(long, value_name = "ADDRESS", default_value = ADDRESS)]
    pub(crate) autoscaler_bind: SocketAddr,
}

impl Flags {
    /// The feature gates that --feature-gates leaves.
    ///
    /// # Errors
    /// When it names a gate that there is not, or gives no boolean.
    pub(crate) fn gates(&self) -> Result<Gates> {
        Gates::parse(self.feature_gates.iter().map(String::as_str)).context("--feature-gates")
    }

    /// The defaults but for these two, for those who cannot wait.
    pub(crate) fn with(sync_period: Duration, downscale_stabilization: Duration) -> Self {
        #[derive(Debug, clap::Parser)]
        struct Defaults {
            #[command(flatten)]
            flags: Flags,
        }
        let defaults = <Defaults as clap::Parser>::parse_from([""]);
        Self {
            sync_period,
            downscale_stabilization,
            ..defaults.flags
        }
    }

    /// The settings they stand for.
    ///
    /// # Errors
    /// When the tolerance is no share, or a feature gate is none.
    pub(crate) fn options(&self) -> Result<Options> {
        anyhow::ensure!(
            self.tolerance.is_finite() && self.tolerance >= 0.0,
            "--horizontal-pod-autoscaler-tolerance must not be below 0"
        );
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Ok(Options {
            arithmetic: Arc::new(Arithmetic {
                tolerance: self.tolerance,
                downscale_stabilization: nanos(self.downscale_stabilization),
                cpu_initialization_period: nanos(self.cpu_initialization_period),
                initial_readiness_delay: nanos(self.initial_readiness_delay),
                gates: self.gates()?,
                ..Arithmetic::default()
            }),
            sync_period: self.sync_period,
            workers: usize::from(self.workers),
            ..Options::default()
        })
    }
}

/// A controller and what it tells over HTTP.
#[derive(Debug)]
pub(crate) struct Autoscaler {
    controller: Arc<Controller>,
    address: SocketAddr,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
}

impl Autoscaler {
    /// Starts the controller for a cluster. Decisions are kept in this folder. When the usual address is taken, a free
    /// port does.
    pub(crate) async fn start(
        cluster: capstan_kube::Cluster,
        options: Options,
        bind: SocketAddr,
        directory: &Path,
    ) -> Result<Self> {
        let listener = match TcpListener::bind(bind).await {
            Err(_) if bind.to_string() == ADDRESS => TcpListener::bind((bind.ip(), 0)).await,
            other => other,
        }
        .with_context(|| format!("--autoscaler-bind {bind}"))?;
        let address = listener.local_addr()?;
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create directory {}", directory.display()))?;
        let store = Store::open(directory.join("autoscaler.db"))?;
        let shutdown = Shutdown::new();
        let controller = Controller::start(
            Arc::new(cluster),
            options,
            Some(store),
            SystemClock::shared(),
            shutdown.clone(),
        )?;
        let serving = http::serve(listener, Arc::clone(&controller), shutdown.child());
        Ok(Self {
            serving: capstan_runtime::spawn("decisions over HTTP", serving),
            controller,
            address,
            shutdown,
        })
    }

    /// Starts the controller of an embedded cluster, over its API, with all HPAs its own.
    pub(crate) async fn embedded(
        cluster: &capstan_cluster::Handle,
        flags: &Flags,
        directory: &Path,
    ) -> Result<Self> {
        let client = capstan_kube::Cluster::in_process(
            "embedded",
            "default",
            cluster.router(),
            cluster.admin_token(),
        )?;
        let options = Options {
            own_hpas: true,
            watch_scales: true,
            // It is our own process that answers.
            rate: (0, 0),
            ..flags.options()?
        };
        Self::start(client, options, flags.autoscaler_bind, directory).await
    }

    /// Every decision that is remembered, oldest first.
    pub(crate) fn decisions(&self) -> Vec<capstan_hpa::Record> {
        self.controller.decisions().list(&Filter::default())
    }

    /// Where decisions are asked for.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a person has to add to `capstan explain` for it to ask here.
    pub(crate) fn explain_flag(&self) -> String {
        if self.address.to_string() == ADDRESS {
            String::new()
        } else {
            format!(" --url {}", self.url())
        }
    }

    /// Stops: looks under way are finished, decisions are stored.
    pub(crate) async fn stop(self) {
        self.shutdown.raise();
        self.controller.stop().await;
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the HTTP server did not stop in order");
        }
    }
}
