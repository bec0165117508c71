//! How a cluster is to be.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::{SharedClock, SystemClock};
use capstan_hpa::options::Gates;

use crate::runners::{ImageMap, TaskApp};

/// The options of [`crate::Cluster::start`].
#[derive(Clone)]
pub struct Options {
    /// Where the API server listens; port 0 picks a free one.
    pub bind: SocketAddr,
    /// Certificates, the kubeconfig and volumes live here.
    pub data_dir: PathBuf,
    /// The loopback range that pod addresses are taken from.
    pub pod_cidr: String,
    /// What runs instead of each image.
    pub images: ImageMap,
    /// Apps inside this process, by the name under which [`crate::Runner::Task`] and the built-in images find them
    /// (`app`, `kapacitor`).
    pub task_apps: BTreeMap<String, Arc<dyn TaskApp>>,
    /// The program that stands in for the tutorial's images (`PROGRAM app`, `PROGRAM serve`); `None` leaves those to
    /// `task_apps` and `images`.
    pub own_program: Option<PathBuf>,
    /// How long a hollow pod takes to become ready.
    pub hollow_ready_delay: Duration,
    /// The second restart of a container comes after this long, every further one after twice that, up to five minutes.
    pub restart_back_off: Duration,
    /// Bytes kept of the output of each run of a container.
    pub log_bytes: usize,
    /// How often the use of CPU and memory is measured.
    pub metrics_resolution: Duration,
    /// The source of time.
    pub clock: SharedClock,
    /// Pods' service accounts may do everything, as in clusters of the tutorial's time. Otherwise they may do nothing but
    /// ask about themselves.
    pub service_accounts_administer: bool,
    /// More names and addresses for the API server's certificate.
    pub server_names: Vec<String>,
    /// Kubernetes' feature gates, for what may be written.
    pub gates: Gates,
}

impl Options {
    /// The usual options with this data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 6443)),
            data_dir: data_dir.into(),
            pod_cidr: "127.20.0.0/16".to_owned(),
            images: ImageMap::new(),
            task_apps: BTreeMap::new(),
            own_program: std::env::current_exe().ok(),
            hollow_ready_delay: Duration::from_secs(1),
            restart_back_off: Duration::from_secs(10),
            log_bytes: 1 << 20,
            metrics_resolution: Duration::from_secs(10),
            clock: SystemClock::shared(),
            service_accounts_administer: true,
            server_names: Vec::new(),
            gates: Gates::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("bind", &self.bind)
            .field("data_dir", &self.data_dir)
            .field("pod_cidr", &self.pod_cidr)
            .field("images", &self.images)
            .field("task_apps", &self.task_apps.keys())
            .finish_non_exhaustive()
    }
}
