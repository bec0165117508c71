//! `capstan autoscaler` as a process of its own, against a cluster that has no other controller of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use capstan_cluster::runners::{ImageMap, Runner};
use capstan_cluster::{Cluster, Handle, Options, Subresource};
use capstan_e2e::{Running, capstan, kubectls, output, wait_for};
use capstan_kubeapi::builtin::{EVENTS, HORIZONTALPODAUTOSCALERS};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A cluster in this process, and the binary's controller beside it.
struct World {
    controller: Running,
    url: String,
    cluster: Handle,
    runtime: Runtime,
    kubectl: PathBuf,
    folder: tempfile::TempDir,
}

/// kubectl on a cluster.
fn run(kubectl: &Path, cluster: &Handle, args: &[&str]) -> Result<String> {
    output(
        Command::new(kubectl)
            .env("KUBECONFIG", cluster.kubeconfig_path())
            .args(args),
    )
}

impl World {
    fn start(kubectl: PathBuf, pod_cidr: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let mut images = ImageMap::new();
        images.set_fallback(Some(Runner::Hollow));
        let options = Options {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            pod_cidr: pod_cidr.to_owned(),
            images,
            hollow_ready_delay: Duration::from_millis(10),
            ..Options::new(folder.path().join("cluster"))
        };
        let cluster = runtime.block_on(Cluster::start(options))?;
        let manifests = folder.path().join("manifests.yaml");
        std::fs::write(
            &manifests,
            output(Command::new(capstan()).args(["manifests", "autoscaler"]))?,
        )?;
        let manifests = manifests.to_string_lossy();
        run(
            &kubectl,
            &cluster,
            &["create", "--validate=false", "-f", &manifests],
        )?;
        let controller = Running::start(
            Command::new(capstan())
                .args(["autoscaler", "--autoscaler-bind", "127.0.0.1:0", "--kubeconfig"])
                .arg(cluster.kubeconfig_path())
                .arg("--data-dir")
                .arg(folder.path().join("controller"))
                .args(["--horizontal-pod-autoscaler-sync-period", "1s"])
                .args(["--horizontal-pod-autoscaler-cpu-initialization-period", "1ns"]),
        )?;
        let line = controller.line_with("Decisions on")?;
        let url = line.split("on ").nth(1).and_then(|rest| rest.split(": ").next());
        let url = url.context("an address")?.to_owned();
        Ok(Self {
            controller,
            url,
            cluster,
            runtime,
            kubectl,
            folder,
        })
    }

    /// A Deployment of hollow pods that together use this much CPU and request 100m each.
    fn deploy(&self, name: &str, replicas: u64, load: &str) -> Result<()> {
        let labels = json!({"app": name});
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "annotations": {"capstan.dev/cpu-load": load}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "100m"}}}]}}}});
        self.create(&deployment)?;
        wait_for("the pods are ready", || {
            let object = self.object("deployment", name)?;
            Ok((object["status"]["readyReplicas"] == replicas).then_some(()))
        })
    }

    fn kubectl(&self, args: &[&str]) -> Result<String> {
        run(&self.kubectl, &self.cluster, args)
    }

    fn create(&self, object: &Value) -> Result<()> {
        let file = self.folder.path().join("object.json");
        std::fs::write(&file, object.to_string())?;
        self.kubectl(&["create", "--validate=false", "-f", &file.to_string_lossy()])?;
        Ok(())
    }

    fn object(&self, kind: &str, name: &str) -> Result<Value> {
        Ok(serde_json::from_str(
            &self.kubectl(&["get", kind, name, "-o", "json"])?,
        )?)
    }

    fn replicas(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.object("deployment", name)?["spec"]["replicas"].as_u64())
    }

    /// An event with this reason about this object.
    fn event(&self, name: &str, reason: &str) -> Option<Value> {
        let events = self.cluster.objects().list(EVENTS, Some("default")).items;
        let found = events
            .iter()
            .find(|event| event["involvedObject"]["name"] == name && event["reason"] == reason);
        found.map(|event| (**event).clone())
    }

    fn explain(&self, args: &[&str]) -> Result<String> {
        output(
            Command::new(capstan())
                .args(["explain", "--url", &self.url])
                .args(args),
        )
    }

    fn end(mut self) -> Result<()> {
        let status = self.controller.terminate()?;
        ensure!(status.success(), "the controller ends in order: {status}");
        self.runtime.block_on(self.cluster.shutdown());
        self.folder.close()?;
        Ok(())
    }
}

fn spec(target: &str) -> Value {
    json!({"minReplicas": 2, "maxReplicas": 10,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 50}}}]})
}

fn hpa(name: &str, annotations: &Value) -> Value {
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "annotations": annotations}, "spec": spec(name)})
}

#[test]
fn it_scales_what_no_hpa_targets_and_says_why_it_does_not() -> Result<()> {
    let Some(kubectl) = kubectls().into_iter().next() else {
        return Ok(());
    };
    let world = World::start(kubectl, "127.72.0.0/16")?;
    world.deploy("web", 5, "350m")?;
    // Somebody else's, which nobody acts on here.
    world.create(&hpa("web", &json!({})))?;
    let mut own = spec("web");
    own["syncPeriod"] = "200ms".into();
    let autoscaler = json!({"apiVersion": "capstan.dev/v1alpha1", "kind": "Autoscaler",
        "metadata": {"name": "web"}, "spec": own});
    wait_for("the kind is served", || Ok(world.create(&autoscaler).ok()))?;
    let acting = |reason: &str| {
        wait_for(reason, || {
            let object = world.object("autoscalers", "web")?;
            let conditions = object["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let found = conditions.into_iter().find(|one| one["type"] == "Acting");
            Ok(found.filter(|one| one["reason"] == reason))
        })
    };
    let refused = acting("TargetedByHPA")?;
    ensure!(refused["status"] == "False", "{refused}");
    let message = refused["message"].as_str().context("a message")?;
    ensure!(
        message.contains("HorizontalPodAutoscaler default/web targets the same object"),
        "{message}"
    );
    wait_for("it says so", || Ok(world.event("web", "TargetedByHPA")))?;
    let computed = wait_for("it is computed all the same", || {
        let text = world.explain(&["autoscaler/web"])?;
        Ok(text.contains("up from 5 to 7").then_some(text))
    })?;
    ensure!(computed.contains("left out (dry run)"), "{computed}");
    ensure!(world.replicas("web")? == Some(5), "nothing was written");

    world.kubectl(&["delete", "hpa", "web"])?;
    acting("NoOtherAutoscaler")?;
    // Five pods use 350m together and request 100m each: 70 %, which is 1.4 times the target.
    wait_for("seven replicas", || {
        Ok((world.replicas("web")? == Some(7)).then_some(()))
    })?;
    let event = wait_for("the event", || Ok(world.event("web", "SuccessfulRescale")))?;
    ensure!(event["source"]["component"] == "capstan-autoscaler", "{event}");
    ensure!(event["involvedObject"]["kind"] == "Autoscaler", "{event}");
    let message = event["message"].as_str().context("a message")?;
    let wanted = "New size: 7; reason: cpu resource utilization (percentage of request) above target; \
                  Deployment default/web: 5 -> 7";
    ensure!(message == wanted, "{message}");
    let again = world.explain(&["autoscaler/web", "--last", "20", "--replay"])?;
    ensure!(again.contains("the same answer: 7"), "{again}");
    world.end()
}

#[test]
fn a_shadow_reports_where_it_would_have_decided_otherwise() -> Result<()> {
    let Some(kubectl) = kubectls().into_iter().next() else {
        return Ok(());
    };
    let world = World::start(kubectl, "127.73.0.0/16")?;
    world.deploy("web", 5, "350m")?;
    world.create(&hpa("web", &json!({"capstan.dev/shadow": "true"})))?;
    world.create(&hpa("other", &json!({})))?;
    // What the acting controller would have left: it wants six.
    world.cluster.objects().modify(
        HORIZONTALPODAUTOSCALERS,
        Some("default"),
        "web",
        Subresource::Status,
        |hpa| {
            hpa["status"] = json!({"currentReplicas": 5, "desiredReplicas": 6, "currentMetrics": null,
                "conditions": [{"type": "AbleToScale", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z",
                    "reason": "ReadyForNewScale", "message": "recommended size matches current size"}]});
        },
    )?;
    let version = world.object("hpa", "web")?["metadata"]["resourceVersion"].clone();
    let told = wait_for("a difference", || {
        let text = world.explain(&["hpa/web"])?;
        Ok(text.contains("7 here, 6 there").then_some(text))
    })?;
    ensure!(told.contains("up from 5 to 7"), "{told}");
    ensure!(
        world.explain(&["hpa/other"]).is_err(),
        "the others are not looked at"
    );
    let after = world.object("hpa", "web")?;
    ensure!(
        after["metadata"]["resourceVersion"] == version,
        "nothing was written: {after}"
    );
    ensure!(world.replicas("web")? == Some(5));
    ensure!(world.event("web", "SuccessfulRescale").is_none());
    world.end()
}
