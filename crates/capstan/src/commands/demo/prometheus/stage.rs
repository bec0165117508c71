//! Everything the demonstration runs on: the cluster with its HPA controller, Prometheus, the adapter, the app.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use capstan_adapter::serve::Options as ServingOptions;
use capstan_base::SharedClock;
use capstan_cluster::Handle;
use capstan_collectors::options::Server as PrometheusServer;
use capstan_hpa::record::Record;
use capstan_kube::{Cluster, Message};
use capstan_kubeapi::builtin;
use serde_json::{Value, json};

use super::super::perform::{Scene, WatchedWrites};
use super::super::stage::{self, APP_SERVICE, NAME, NAMESPACE, until};
use super::super::view::View;
use super::server::Prometheus;
use super::{ApiVersion, PrometheusArgs};
use crate::wiring::adapter::{MetricsAdapter, Settings};
use crate::wiring::autoscaler::{Autoscaler, Flags};

const APP: &str = include_str!("../../../../../../demo/prometheus/app.yaml");
const HPA_V2BETA1: &str = include_str!("../../../../../../demo/prometheus/hpa-v2beta1.yaml");
const HPA_V2BETA2: &str = include_str!("../../../../../../demo/prometheus/hpa-v2beta2.yaml");
const HPA_V2: &str = include_str!("../../../../../../demo/prometheus/hpa-v2.yaml");

const EXTERNAL: &str = "external.metrics.k8s.io";
const CUSTOM: &str = "custom.metrics.k8s.io";
const EXTERNAL_METRICS: &str = "/apis/external.metrics.k8s.io/v1beta1";

/// The running parts.
pub(super) struct Stage {
    cluster: Handle,
    client: Arc<Cluster>,
    autoscaler: Autoscaler,
    adapter: MetricsAdapter,
    prometheus: Prometheus,
    directory: tempfile::TempDir,
}

impl Stage {
    /// Starts the cluster, Prometheus and the adapter.
    pub(super) async fn set(view: &View, args: &PrometheusArgs) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("capstan-demo-")
            .tempdir()
            .context("a temporary folder")?;
        let flags = Flags::with(args.sync_period, args.downscale_stabilization);
        let cluster = stage::cluster(directory.path(), flags.gates()?)
            .await
            .context("the embedded cluster does not start")?;
        view.step(&format!("embedded Kubernetes on {}", cluster.url()));
        match Self::on(&cluster, directory.path(), view, &args.prometheus, &flags).await {
            Ok((client, autoscaler, prometheus, adapter)) => Ok(Self {
                cluster,
                client,
                autoscaler,
                adapter,
                prometheus,
                directory,
            }),
            Err(error) => {
                cluster.shutdown().await;
                Err(error)
            }
        }
    }

    async fn on(
        cluster: &Handle,
        directory: &Path,
        view: &View,
        program: &Path,
        flags: &Flags,
    ) -> Result<(Arc<Cluster>, Autoscaler, Prometheus, MetricsAdapter)> {
        let folder = directory.join("prometheus");
        let prometheus = Prometheus::start(program, &folder, cluster).await?;
        view.step(&format!("Prometheus on {}", prometheus.url()));
        let client = Arc::new(Cluster::in_process(
            "embedded",
            "default",
            cluster.router(),
            cluster.admin_token(),
        )?);
        let collectors = capstan_collectors::Options {
            prometheus: Some(PrometheusServer {
                url: prometheus.url(),
                ..PrometheusServer::default()
            }),
            ..capstan_collectors::Options::default()
        };
        let settings = Settings {
            collectors,
            adapter: capstan_adapter::Options::default(),
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 7979)),
            tolerance: 0.1,
            serving: ServingOptions {
                bind: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
                ..ServingOptions::default()
            },
            resources: false,
        };
        announce(cluster, &settings.serving)?;
        let adapter = MetricsAdapter::start(Arc::clone(&client), settings).await?;
        reach(cluster, adapter.secure_address())?;
        view.step(&format!(
            "metrics adapter on https://{}, its state on {}",
            adapter.secure_address(),
            adapter.url()
        ));
        let autoscaler = Autoscaler::embedded(cluster, flags, directory).await?;
        Ok((client, autoscaler, prometheus, adapter))
    }

    /// Brings up the app and its HPA, and waits until the metric is there.
    pub(super) async fn open(&self, view: &View, version: ApiVersion) -> Result<()> {
        for manifest in [APP_SERVICE, APP] {
            self.create(manifest).await?;
        }
        until("the app's pod does not become ready", || {
            self.replicas() == (1, 1) && self.app_url().is_ok()
        })
        .await?;
        view.step(&format!("Deployment {NAME}: 1 pod ready at {}", self.app_url()?));
        let hpa = match version {
            ApiVersion::V2beta1 => HPA_V2BETA1,
            ApiVersion::V2beta2 => HPA_V2BETA2,
            ApiVersion::V2 => HPA_V2,
        };
        let path = self.create(hpa).await?;
        view.step(&format!("HorizontalPodAutoscaler {NAME} created by POST {path}"));
        self.metric(view).await
    }

    /// Waits until the metric is listed and has a value, asking as anybody would: through the aggregation layer.
    async fn metric(&self, view: &View) -> Result<()> {
        let value = format!(
            "{EXTERNAL_METRICS}/namespaces/{NAMESPACE}/prometheus-query?labelSelector=query-name%3Drequests-per-second"
        );
        let mut last = String::new();
        for _ in 0..600 {
            let listed = self.client.send(&Message::get(EXTERNAL_METRICS)).await?;
            let answer = self.client.send(&Message::get(&value)).await?;
            if listed.body.contains("\"prometheus-query\"") && answer.code == 200 {
                let list: Value = serde_json::from_str(&answer.body)?;
                view.step(&format!(
                    "{EXTERNAL_METRICS} lists prometheus-query, its value is {}",
                    list["items"][0]["value"]
                ));
                return Ok(());
            }
            last = answer.body;
            capstan_runtime::sleep(stage::LOOK).await;
        }
        bail!("the external metric has no value: {last}")
    }

    /// Creates the object of a manifest, over the API; gives the path.
    async fn create(&self, manifest: &str) -> Result<String> {
        let object: Value = serde_saphyr::from_str(manifest)?;
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let plural = format!("{}s", text("kind").to_lowercase());
        let version = text("apiVersion");
        let root = if version.contains('/') { "/apis" } else { "/api" };
        let path = format!("{root}/{version}/namespaces/{NAMESPACE}/{plural}");
        let message = Message::json("POST", &path, object.to_string().into_bytes());
        let reply = self.client.send(&message).await?;
        if reply.code != 201 {
            bail!("{} is refused: {}", text("kind"), reply.body);
        }
        Ok(path)
    }

    /// What to try while everything is up.
    pub(super) fn hints(&self) -> String {
        format!(
            "\nEverything stays up until Ctrl-C. Try:\n
  export KUBECONFIG={}
  kubectl get --raw {EXTERNAL_METRICS}
  kubectl describe hpa {NAME}
  capstan adapter status --url {}
  capstan explain hpa/{NAME}{}
  capstan load $(capstan cluster url {NAME}) --max-qps 400\n",
            self.cluster.kubeconfig_path().display(),
            self.adapter.url(),
            self.autoscaler.explain_flag(),
        )
    }

    /// Stops everything and removes what was written.
    pub(super) async fn strike(mut self) {
        // The controller first: it must not scale what is going away.
        self.autoscaler.stop().await;
        self.adapter.stop().await;
        self.prometheus.stop().await;
        self.cluster.shutdown().await;
        if let Err(error) = self.directory.close() {
            tracing::warn!(%error, "temporary folder not removed");
        }
    }
}

impl Scene for Stage {
    fn app_url(&self) -> Result<http::Uri> {
        stage::app_url(&self.cluster)
    }

    /// What the HPA wants, and what is ready.
    fn replicas(&self) -> (i64, i64) {
        let (replicas, ready) = stage::replicas(&self.cluster, builtin::DEPLOYMENTS);
        let hpas = builtin::HORIZONTALPODAUTOSCALERS;
        let hpa = self.cluster.objects().get(hpas, Some(NAMESPACE), NAME);
        let wanted = hpa
            .ok()
            .and_then(|hpa| hpa["status"]["desiredReplicas"].as_i64())
            .filter(|&wanted| wanted > 0);
        (wanted.unwrap_or(replicas), ready)
    }

    fn decisions(&self) -> Vec<Record> {
        self.autoscaler.decisions()
    }

    fn watch_writes(&self, clock: SharedClock) -> Result<WatchedWrites> {
        stage::watch_writes(&self.cluster, builtin::DEPLOYMENTS, clock)
    }
}

/// The service of the adapter, and the `APIService`s that name it.
fn announce(cluster: &Handle, serving: &ServingOptions) -> Result<()> {
    let service = &serving.service;
    let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": service.name},
        "spec": {"ports": [{"port": 443, "targetPort": 443}]}});
    let objects = cluster.objects();
    objects.create(builtin::SERVICES, Some(&service.namespace), object)?;
    for (version, group) in [("v1beta1", EXTERNAL), ("v1beta1", CUSTOM), ("v1beta2", CUSTOM)] {
        let object = json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": format!("{version}.{group}")},
            "spec": {"group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100,
                "service": {"name": service.name, "namespace": service.namespace}},
        });
        objects.create(builtin::APISERVICES, None, object)?;
    }
    Ok(())
}

/// Where the service leads.
fn reach(cluster: &Handle, address: SocketAddr) -> Result<()> {
    let service = ServingOptions::default().service;
    let object = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": service.name},
        "subsets": [{"addresses": [{"ip": address.ip().to_string()}],
            "ports": [{"port": address.port(), "protocol": "TCP"}]}]});
    cluster
        .objects()
        .create(builtin::ENDPOINTS, Some(&service.namespace), object)?;
    Ok(())
}
