//! HPAs of an embedded cluster that scale on schedules and on what a task computes, by `capstan adapter` as a process of its
//! own behind the aggregation layer.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Result, ensure};
use capstan_e2e::{Embedded, Running, capstan, free_address, http, kubectls, root, wait_for};
use serde_json::{Value, json};

const SCRIPT: &str = "
stream
    |from()
        .measurement('jobs')
        .groupBy('queue')
    |eval(lambda: \"waiting\" * 2.0)
        .as('load')
    |httpOut('load')
";

/// A Deployment of hollow pods, and an HPA with one metric for it.
fn app(cluster: &Embedded, name: &str, replicas: u32, metric: &Value) -> Result<()> {
    let labels = json!({"app": name});
    let pod =
        json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "main"}]}});
    cluster.create(
        &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}}),
    )?;
    wait_for("pods", || {
        let status = &cluster.object("deployment", name)?["status"];
        Ok((status["readyReplicas"] == replicas).then_some(()))
    })?;
    cluster.create(
        &json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "maxReplicas": 100, "metrics": [metric]}}),
    )?;
    Ok(())
}

/// The adapter, and the cluster's way to it.
fn adapter(cluster: &Embedded, tasks: SocketAddr) -> Result<Running> {
    let secure = free_address();
    let running = Running::start(
        Command::new(capstan())
            .args([
                "adapter",
                "--scaling-schedule",
                "--default-collection-interval=1s",
            ])
            .args(["--metrics-address", "127.0.0.1:0"])
            .arg(format!("--bind-address={}", secure.ip()))
            .arg(format!("--secure-port={}", secure.port()))
            .arg(format!("--capstan-server=http://{tasks}"))
            .arg("--cert-dir")
            .arg(cluster.folder.path().join("adapter"))
            .arg("--kubeconfig")
            .arg(cluster.kubeconfig()),
    )?;
    running.line_with("State and metrics on")?;
    let name = json!({"name": "kube-metrics-adapter", "namespace": "kube-system"});
    cluster.create(&json!({"apiVersion": "v1", "kind": "Service", "metadata": name,
        "spec": {"ports": [{"name": "https", "port": 443, "targetPort": secure.port()}]}}))?;
    cluster.create(&json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": name,
        "subsets": [{"addresses": [{"ip": secure.ip().to_string()}],
            "ports": [{"name": "https", "port": secure.port()}]}]}))?;
    for (group, version) in [
        ("custom", "v1beta1"),
        ("custom", "v1beta2"),
        ("external", "v1beta1"),
    ] {
        let group = format!("{group}.metrics.k8s.io");
        cluster.create(
            &json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": format!("{version}.{group}")},
            "spec": {"group": group, "version": version, "insecureSkipTLSVerify": true,
                "groupPriorityMinimum": 100, "versionPriority": 100,
                "service": {"name": "kube-metrics-adapter", "namespace": "kube-system", "port": 443}}}),
        )?;
    }
    Ok(running)
}

/// A server with the task, started.
fn server(cluster: &Embedded) -> Result<(Running, SocketAddr)> {
    let api = free_address();
    let running = Running::start(
        Command::new(capstan())
            .args(["serve", "--bind-address", &api.to_string()])
            .arg("--data-dir")
            .arg(cluster.folder.path().join("tasks")),
    )?;
    wait_for("the server", || {
        Ok(http(api, "GET", "/kapacitor/v1/ping", b"")
            .ok()
            .filter(|(status, _)| *status == 204))
    })?;
    let task = json!({"id": "jobs", "type": "stream", "dbrps": [{"db": "db", "rp": "rp"}], "script": SCRIPT,
        "status": "enabled"});
    let made = http(api, "POST", "/kapacitor/v1/tasks", task.to_string().as_bytes())?;
    ensure!(made.0 == 200, "{made:?}");
    Ok((running, api))
}

fn replicas(cluster: &Embedded, name: &str, wanted: u32) -> Result<()> {
    let mut last = Value::Null;
    let reached = wait_for(&format!("{name} has {wanted} replicas"), || {
        last = cluster.object("deployment", name)?["spec"]["replicas"].clone();
        Ok((last == wanted).then_some(()))
    });
    ensure!(
        reached.is_ok(),
        "{name} has {last} replicas, not {wanted}: {}",
        cluster.kubectl(&["describe", "hpa", name])?
    );
    Ok(())
}

#[test]
fn schedules_and_tasks_feed_stock_hpas() -> Result<()> {
    let Some(kubectl) = kubectls().into_iter().next() else {
        return Ok(());
    };
    let flags = ["--horizontal-pod-autoscaler-sync-period=1s"];
    let cluster = Embedded::start(&kubectl, tempfile::tempdir()?, "127.75.0.0/16", &flags)?;
    let crds = root().join("crates/collectors/src/schedule/crds");
    cluster.kubectl(&["apply", "-f", &crds.to_string_lossy()])?;
    cluster.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/clusterscalingschedules.zalando.org",
    ])?;
    cluster.create(
        &json!({"apiVersion": "zalando.org/v1", "kind": "ClusterScalingSchedule",
        "metadata": {"name": "rush"}, "spec": {"schedules": [{"type": "OneTime", "value": 1000,
            "date": "2020-01-01T00:00:00Z", "endDate": "2120-01-01T00:00:00Z"}]}}),
    )?;
    let (_server, tasks) = server(&cluster)?;
    let _adapter = adapter(&cluster, tasks)?;

    // 1000 / 50 is 20, which is within the controller's tolerance of 19.
    app(
        &cluster,
        "web",
        19,
        &json!({"type": "Object", "object": {
            "describedObject": {"apiVersion": "zalando.org/v1", "kind": "ClusterScalingSchedule", "name": "rush"},
            "metric": {"name": "rush"}, "target": {"type": "AverageValue", "averageValue": "50"}}}),
    )?;
    app(
        &cluster,
        "worker",
        1,
        &json!({"type": "External", "external": {
            "metric": {"name": "jobs", "selector": {"matchLabels": {"type": "tick", "task": "jobs", "queue": "mail"}}},
            "target": {"type": "AverageValue", "averageValue": "10"}}}),
    )?;
    wait_for("the status of the schedule", || {
        let schedule = cluster.object("clusterscalingschedule", "rush")?;
        Ok((schedule["status"]["active"] == true).then_some(()))
    })?;
    let path = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/clusterscalingschedules.zalando.org/rush/rush";
    let value = wait_for("the schedule's metric", || {
        Ok(cluster.kubectl(&["get", "--raw", path]).ok())
    })?;
    let value: Value = serde_json::from_str(&value)?;
    ensure!(value["items"][0]["value"] == "1k", "{value}");
    replicas(&cluster, "web", 20)?;
    let events = wait_for("the event", || {
        let events = cluster.kubectl(&["get", "events", "--field-selector=reason=ScalingAdjusted"])?;
        Ok(events.contains("19 -> 20").then_some(events))
    })?;
    ensure!(
        events.contains(
            "Scaling schedule 'ClusterScalingSchedule' adjusted replicas 19 -> 20 based on metric: rush"
        ),
        "{events}"
    );

    // The queue of mails wants three workers; the other one would want many.
    wait_for("the task's computation", || {
        let body = b"jobs,queue=mail waiting=15\njobs,queue=video waiting=400";
        let written = http(tasks, "POST", "/kapacitor/v1/write?db=db&rp=rp", body)?;
        ensure!(written.0 == 204, "{written:?}");
        let status = &cluster.object("hpa", "worker")?["status"];
        Ok((status["desiredReplicas"] == 3).then_some(()))
    })?;
    replicas(&cluster, "worker", 3)
}
