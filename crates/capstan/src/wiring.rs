//! The outside world, wired into the engine's ports.

pub(crate) mod adapter;
pub(crate) mod alert;
pub(crate) mod autoscaler;
pub(crate) mod cluster;
pub(crate) mod http_post;
pub(crate) mod influx;
pub(crate) mod log;
pub(crate) mod loopback;
pub(crate) mod scaler;
pub(crate) mod sideload;
pub(crate) mod udf;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use capstan_config::{Kubernetes, Settings};
use capstan_flow::ports::Scaler;
use capstan_kube::{Cluster, Credentials, Options};
use capstan_swarm::Swarm;

use scaler::swarm::{LOOK_EVERY, Services};
use scaler::{Context, Workers};

/// Scales of the clusters that the configuration enables; `None` without one, and then a node that wants to scale refuses to
/// start (N-206). No API server is talked to, so that it may be down when we start.
///
/// # Errors
/// The configuration names credentials that cannot be read.
pub(crate) async fn kubernetes(settings: &Settings, context: Context) -> Result<Option<Arc<dyn Scaler>>> {
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
    Ok(scaler(clusters, context))
}

/// Services of the swarms that the configuration enables (S-37); `None` without one. No manager is talked to.
///
/// # Errors
/// The configuration names a server that is no URL, or a certificate that cannot be read.
pub(crate) fn swarms(settings: &Settings, context: Context) -> Result<Option<Arc<dyn Scaler>>> {
    let mut swarms = Vec::new();
    for (at, entry) in settings
        .swarm
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.enabled)
    {
        let path = |path: &String| Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty());
        let options = capstan_swarm::Options {
            id: entry.id.clone(),
            servers: entry
                .servers
                .iter()
                .filter(|url| !url.is_empty())
                .cloned()
                .collect(),
            ssl_ca: path(&entry.ssl_ca),
            ssl_cert: path(&entry.ssl_cert).zip(path(&entry.ssl_key)),
            insecure_skip_verify: entry.insecure_skip_verify,
        };
        let swarm =
            Swarm::new(&options).with_context(|| format!("swarm.{at} ({:?}) cannot be used", entry.id))?;
        swarms.push(Services {
            swarm,
            look_every: LOOK_EVERY,
        });
    }
    Ok(scaler(swarms, context))
}

fn scaler<C: scaler::Orchestrator>(clusters: Vec<C>, context: Context) -> Option<Arc<dyn Scaler>> {
    (!clusters.is_empty()).then(|| Arc::new(Workers::new(clusters, context)) as _)
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
