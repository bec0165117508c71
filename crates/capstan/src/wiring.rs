//! The outside world, wired into the engine's ports.

pub(crate) mod alert;
pub(crate) mod http_post;
pub(crate) mod influx;
pub(crate) mod log;
pub(crate) mod loopback;
pub(crate) mod scaler;
pub(crate) mod sideload;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use capstan_base::SharedClock;
use capstan_config::{Kubernetes, Settings};
use capstan_flow::ports::Scaler;
use capstan_kube::{Cluster, Credentials, Options};
use capstan_runtime::Shutdown;

use scaler::{KubeScaler, RecordSink};

/// Scales of the clusters that the configuration enables; `None` without one, and then a node that wants to scale refuses to
/// start (N-206). No API server is talked to, so that it may be down when we start.
///
/// # Errors
/// The configuration names credentials that cannot be read.
pub(crate) async fn scalers(
    settings: &Settings,
    clock: SharedClock,
    shutdown: Shutdown,
    records: RecordSink,
) -> Result<Option<Arc<dyn Scaler>>> {
    let mut clusters = Vec::new();
    for (at, entry) in settings
        .kubernetes
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.enabled)
    {
        let cluster = Cluster::connect(&options(entry)).await;
        clusters.push(cluster.with_context(|| format!("kubernetes.{at} ({:?}) cannot be used", entry.id))?);
    }
    if clusters.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(KubeScaler::new(
        clusters, clock, shutdown, records,
    ))))
}

fn options(entry: &Kubernetes) -> Options {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let path = |path: &String| text(path).map(PathBuf::from);
    let credentials = if entry.in_cluster {
        Credentials::InCluster
    } else if entry.api_servers.is_empty() {
        Credentials::Kubeconfig {
            path: path(&entry.kubeconfig),
            context: text(&entry.context),
        }
    } else {
        Credentials::Servers {
            urls: entry.api_servers.clone(),
            token: text(&entry.token),
            token_file: path(&entry.token_file),
            ca_path: path(&entry.ca_path),
        }
    };
    Options {
        id: entry.id.clone(),
        namespace: entry.namespace.clone(),
        credentials,
    }
}
