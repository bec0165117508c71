//! Everything the demonstration runs on: the cluster, the server, the app, the task.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use capstan_base::SharedClock;
use capstan_client::Client;
use capstan_client::wire::{CreateTask, Dbrp, TaskStatus, TaskType};
use capstan_cluster::{Cluster, Handle, Options};
use capstan_config::{Kubernetes, Settings};
use capstan_demo::report::Write;
use capstan_hpa::options::Gates;
use capstan_hpa::record::Record;
use capstan_kubeapi::{Resource, builtin};
use capstan_tasks::DecisionFilter;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::perform::{Scene, WatchedWrites};
use super::view::View;
use crate::server::Server;
use crate::wiring::autoscaler::{Autoscaler, Flags};

const SCRIPT: &str = include_str!("../../../../../demo/demo.tick");
const REPLICA_SET: &str = include_str!("../../../../../demo/replicasets/app.yaml");
pub(super) const APP_SERVICE: &str = include_str!("../../../../../demo/services/app.yaml");
const KAPACITOR_SERVICE: &str = include_str!("../../../../../demo/services/kapacitor.yaml");

pub(super) const NAMESPACE: &str = "default";
pub(super) const NAME: &str = "app";
const TASK: &str = "autoscale";

/// Nothing here takes longer on a laptop that works.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// The running parts.
pub(super) struct Stage {
    cluster: Handle,
    autoscaler: Autoscaler,
    server: Server,
    directory: tempfile::TempDir,
}

impl Stage {
    /// Starts the cluster and the server.
    pub(super) async fn set(view: &View, flags: &Flags) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("capstan-demo-")
            .tempdir()
            .context("a temporary folder")?;
        let cluster = cluster(directory.path(), flags.gates()?)
            .await
            .context("the embedded cluster does not start")?;
        view.step(&format!("embedded Kubernetes on {}", cluster.url()));
        let autoscaler = Autoscaler::embedded(&cluster, flags, directory.path()).await?;
        let server = server(directory.path(), &cluster)
            .await
            .context("the server does not start")?;
        view.step(&format!("server on http://{}", server.address()));
        Ok(Self {
            cluster,
            autoscaler,
            server,
            directory,
        })
    }

    /// Brings up the app, and defines and enables the task.
    pub(super) async fn open(&self, view: &View) -> Result<()> {
        let objects = self.cluster.objects();
        for manifest in [APP_SERVICE, KAPACITOR_SERVICE] {
            let object: Value = serde_saphyr::from_str(manifest)?;
            objects.create(builtin::SERVICES, Some(NAMESPACE), object)?;
        }
        let address = self.server.address();
        let endpoints = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "kapacitor"},
            "subsets": [{"addresses": [{"ip": address.ip().to_string()}],
                "ports": [{"port": address.port(), "protocol": "TCP"}]}]});
        objects.create(builtin::ENDPOINTS, Some(NAMESPACE), endpoints)?;
        until("the services have no ports", || {
            self.cluster.service_url(NAMESPACE, "kapacitor", None).is_some()
                && self.cluster.service_url(NAMESPACE, NAME, None).is_some()
        })
        .await?;
        let set: Value = serde_saphyr::from_str(REPLICA_SET)?;
        objects.create(builtin::REPLICASETS, Some(NAMESPACE), set)?;
        until("the app's pod does not become ready", || {
            self.replicas() == (1, 1)
        })
        .await?;
        view.step(&format!("ReplicaSet {NAME}: 1 pod ready at {}", self.app_url()?));

        let client = Client::new(&self.server_url(), false)?;
        let task = CreateTask {
            id: TASK.to_owned(),
            kind: Some(TaskType::Stream),
            dbrps: vec![Dbrp {
                db: "autoscale".to_owned(),
                rp: "autogen".to_owned(),
            }],
            script: SCRIPT.to_owned(),
            status: Some(TaskStatus::Enabled),
            ..CreateTask::default()
        };
        client.create_task(&task).await.context("the task is refused")?;
        view.step(&format!("task {TASK} defined and enabled (demo/demo.tick)"));
        Ok(())
    }

    /// What to try while everything is up.
    pub(super) fn hints(&self) -> String {
        let kubeconfig = self.cluster.kubeconfig_path().display();
        let url = self.server_url();
        format!(
            "\nEverything stays up until Ctrl-C. Try:\n
  export KUBECONFIG={kubeconfig} KAPACITOR_URL={url}
  kubectl get pods -w
  kubectl describe replicaset {NAME}
  capstan kapacitor show {TASK}
  capstan explain {NAME}
  capstan load $(capstan cluster url {NAME}) --max-qps 400\n"
        )
    }

    /// Stops everything and removes what was written.
    pub(super) async fn strike(self) {
        // The server first: it must not scale what is going away.
        self.server.stop().await;
        self.autoscaler.stop().await;
        self.cluster.shutdown().await;
        if let Err(error) = self.directory.close() {
            tracing::warn!(%error, "temporary folder not removed");
        }
    }

    fn server_url(&self) -> String {
        format!("http://{}", self.server.address())
    }
}

impl Scene for Stage {
    fn app_url(&self) -> Result<http::Uri> {
        app_url(&self.cluster)
    }

    fn replicas(&self) -> (i64, i64) {
        replicas(&self.cluster, builtin::REPLICASETS)
    }

    fn decisions(&self) -> Vec<Record> {
        self.server.tasks().decisions(&DecisionFilter::default())
    }

    fn watch_writes(&self, clock: SharedClock) -> Result<WatchedWrites> {
        watch_writes(&self.cluster, builtin::REPLICASETS, clock)
    }
}

/// Where load on the app goes.
pub(super) fn app_url(cluster: &Handle) -> Result<http::Uri> {
    let url = cluster
        .service_url(NAMESPACE, NAME, None)
        .context("the app's service has no port")?;
    Ok(format!("{url}/").parse()?)
}

/// Wanted and ready replicas of the app, which is an object of this resource.
pub(super) fn replicas(cluster: &Handle, resource: Resource) -> (i64, i64) {
    let Ok(object) = cluster.objects().get(resource, Some(NAMESPACE), NAME) else {
        return (0, 0);
    };
    let count = |part: &str, field: &str| object[part][field].as_i64().unwrap_or(0);
    (count("spec", "replicas"), count("status", "readyReplicas"))
}

/// Notes every change of the app's replica count from now on, in seconds.
pub(super) fn watch_writes(
    cluster: &Handle,
    resource: Resource,
    clock: SharedClock,
) -> Result<WatchedWrites> {
    let mut watch = cluster.objects().watch(resource, Some(NAMESPACE), None)?;
    let writes = Arc::new(Mutex::new(Vec::new()));
    let (noted, start) = (Arc::clone(&writes), clock.monotonic());
    let task = capstan_runtime::spawn("demo watch", async move {
        let mut before: Option<i64> = None;
        while let Some(event) = watch.next().await {
            let Some(to) = event.object["spec"]["replicas"].as_i64() else {
                continue;
            };
            if let Some(from) = before.filter(|&from| from != to) {
                let t = clock.monotonic().saturating_sub(start).as_secs_f64();
                noted.lock().push(Write { t, from, to });
            }
            before = Some(to);
        }
    });
    Ok(WatchedWrites::new(writes, task))
}

/// Looks until the condition holds.
pub(super) async fn until(otherwise: &str, condition: impl Fn() -> bool) -> Result<()> {
    let wait = async {
        while !condition() {
            capstan_runtime::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(PATIENCE, wait).await.is_err() {
        bail!("{otherwise} within {}s", PATIENCE.as_secs());
    }
    Ok(())
}

/// The cluster on its usual port, or on a free one when that is taken.
pub(super) async fn cluster(directory: &Path, gates: Gates) -> Result<Handle, capstan_cluster::Error> {
    // Other clusters of this machine have addresses of their own.
    let pod_cidr = format!("127.{}.0.0/16", 32 + std::process::id() % 192);
    let options = |port: u16| Options {
        bind: (Ipv4Addr::LOCALHOST, port).into(),
        pod_cidr: pod_cidr.clone(),
        gates,
        ..Options::new(directory.join("cluster"))
    };
    match Cluster::start(options(6443)).await {
        Err(capstan_cluster::Error::PortInUse(_)) => Cluster::start(options(0)).await,
        other => other,
    }
}

/// The server on its usual port, or on a free one when that is taken.
async fn server(directory: &Path, cluster: &Handle) -> Result<Server> {
    let settings = |port: u16, name: &str| {
        let mut settings = Settings {
            data_dir: directory.join(name).display().to_string(),
            ..Settings::default()
        };
        settings.http.bind_address = format!("{}:{port}", Ipv4Addr::LOCALHOST);
        settings.kubernetes = vec![Kubernetes {
            enabled: true,
            kubeconfig: cluster.kubeconfig_path().display().to_string(),
            ..Kubernetes::default()
        }];
        settings
    };
    match Server::start(settings(9092, "server")).await {
        Err(error) if matches!(error.downcast_ref(), Some(capstan_api::Error::PortInUse { .. })) => {
            // What the first attempt opened may not be closed yet.
            Server::start(settings(0, "server-beside")).await
        }
        other => other,
    }
}
