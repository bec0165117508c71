//! A HorizontalPodAutoscaler on CPU with real kubectl against the embedded cluster, and why it decided what it did.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use capstan_e2e::{Embedded, capstan, http, kubectls, output, wait_for};

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    capstan.dev/cpu-load: 350m
spec:
  replicas: 5
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: web
        resources:
          requests: {cpu: 100m}
";

fn replicas(cluster: &Embedded) -> Result<String> {
    cluster.kubectl(&[
        "get",
        "deployment",
        "web",
        "-o",
        "jsonpath={.status.readyReplicas}",
    ])
}

fn metrics(cluster: &Embedded) -> Result<String> {
    let address = cluster.url.trim_start_matches("http://").parse()?;
    Ok(http(address, "GET", "/metrics", b"")?.1)
}

/// How often HPAs are looked at.
const FAST: [&str; 2] = ["--horizontal-pod-autoscaler-sync-period", "1s"];

#[test]
fn replicas_follow_the_cpu_and_every_decision_can_be_explained() -> Result<()> {
    for (at, kubectl) in kubectls().into_iter().enumerate() {
        let cidr = format!("127.{}.0.0/16", 60 + at);
        let cluster = Embedded::start(&kubectl, tempfile::tempdir()?, &cidr, &FAST)?;
        follow(cluster).with_context(|| kubectl.display().to_string())?;
    }
    Ok(())
}

fn follow(mut cluster: Embedded) -> Result<()> {
    let manifest = cluster.folder.path().join("web.yaml");
    std::fs::write(&manifest, WEB)?;
    let manifest = manifest.to_string_lossy().into_owned();
    cluster.kubectl(&["create", "--validate=false", "-f", &manifest])?;
    wait_for("five pods", || Ok((replicas(&cluster)? == "5").then_some(())))?;
    let autoscale = [
        "autoscale",
        "deployment",
        "web",
        "--min=2",
        "--max=10",
        "--cpu-percent=50",
    ];
    cluster.kubectl(&autoscale)?;

    // Five pods use 350m together and request 100m each: 70 %, which is 1.4 times the target.
    wait_for("seven pods", || Ok((replicas(&cluster)? == "7").then_some(())))?;
    wait_for("50 % are seen", || {
        let table = cluster.kubectl(&["get", "hpa", "web", "--no-headers"])?;
        let row: Vec<&str> = table.split_whitespace().collect();
        Ok(
            (row[1..row.len() - 1] == ["Deployment/web", "cpu:", "50%/50%", "2", "10", "7"]
                || row[1..row.len() - 1] == ["Deployment/web", "50%/50%", "2", "10", "7"])
            .then_some(()),
        )
    })?;
    let described = cluster.kubectl(&["describe", "hpa", "web"])?;
    for text in [
        "50% (50m) / 50%",
        "7 current / 7 desired",
        "ReadyForNewScale",
        "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)",
        "DesiredWithinRange",
        "SuccessfulRescale",
        "horizontal-pod-autoscaler",
        "New size: 7; reason: cpu resource utilization (percentage of request) above target",
    ] {
        ensure!(described.contains(text), "no {text:?} in\n{described}");
    }

    // The load falls; the recommendation of seven holds the number for five minutes.
    cluster.kubectl(&[
        "annotate",
        "deployment",
        "web",
        "--overwrite",
        "capstan.dev/cpu-load=70m",
    ])?;
    let held = wait_for("an explanation of the hold", || {
        let text = cluster.explain(&["hpa/web"])?;
        Ok(text.contains("held by      stabilization").then_some(text))
    })?;
    for text in ["stays at 7", "unless       wait until after"] {
        ensure!(held.contains(text), "no {text:?} in\n{held}");
    }
    let all = cluster.explain(&["hpa/web", "--last", "100", "--replay"])?;
    ensure!(all.contains("up from 5 to 7"), "{all}");
    ensure!(all.contains("the same answer: 7"), "{all}");
    ensure!(!all.contains("another answer"), "{all}");
    let json: serde_json::Value = serde_json::from_str(&cluster.explain(&["hpa/web", "--json"])?)?;
    ensure!(json["decisions"][0]["finalDesiredReplicas"] == 7, "{json}");
    let metrics = metrics(&cluster)?;
    let gauge =
        "horizontal_pod_autoscaler_controller_desired_replicas{hpa_name=\"web\",namespace=\"default\"} 7";
    ensure!(metrics.contains(gauge), "{metrics}");

    // Decisions survive the process.
    ensure!(
        cluster.running.terminate()?.success(),
        "the cluster ends in order"
    );
    let Embedded { folder, kubectl, .. } = cluster;
    let again = Embedded::start(&kubectl, folder, "127.62.0.0/16", &FAST)?;
    let all = again.explain(&["hpa/web", "--last", "100"])?;
    ensure!(all.contains("up from 5 to 7"), "{all}");
    let unknown = again.explain(&["hpa/other"]);
    ensure!(unknown.is_err(), "nothing is recorded of another one");
    Ok(())
}

#[test]
fn an_autoscaler_takes_over_when_the_hpa_is_gone_and_not_before() -> Result<()> {
    let Some(kubectl) = kubectls().into_iter().next() else {
        return Ok(());
    };
    let young = ["--horizontal-pod-autoscaler-cpu-initialization-period", "1ns"];
    let flags = [&FAST[..], &young].concat();
    let cluster = Embedded::start(&kubectl, tempfile::tempdir()?, "127.63.0.0/16", &flags)?;
    let file = |name: &str, text: &str| cluster.file(name, text);
    let manifests = output(Command::new(capstan()).args(["manifests", "autoscaler"]))?;
    cluster.kubectl(&["create", "--validate=false", "-f", &file("crd.yaml", &manifests)?])?;
    cluster.kubectl(&["create", "--validate=false", "-f", &file("web.yaml", WEB)?])?;
    cluster.kubectl(&[
        "autoscale",
        "deployment",
        "web",
        "--min=2",
        "--max=10",
        "--cpu-percent=50",
    ])?;
    wait_for("seven pods", || Ok((replicas(&cluster)? == "7").then_some(())))?;

    let kubeconfig = cluster.folder.path().join("kubeconfig");
    let converted = output(
        Command::new(capstan())
            .args(["convert", "hpa/web", "--sync-period", "500ms", "--kubeconfig"])
            .arg(kubeconfig),
    )?;
    cluster.kubectl(&["create", "--validate=false", "-f", &file("as.yaml", &converted)?])?;
    let standing = || {
        let path = "jsonpath={.status.conditions[?(@.type==\"Acting\")].reason}";
        cluster.kubectl(&["get", "autoscalers", "web", "-o", path])
    };
    wait_for(
        "it refuses",
        || Ok((standing()? == "TargetedByHPA").then_some(())),
    )?;
    let events = cluster.kubectl(&["get", "events"])?;
    ensure!(events.contains("TargetedByHPA"), "{events}");
    ensure!(!events.contains("AmbiguousSelector"), "{events}");

    cluster.kubectl(&["delete", "hpa", "web"])?;
    wait_for("it acts", || {
        Ok((standing()? == "NoOtherAutoscaler").then_some(()))
    })?;
    cluster.kubectl(&[
        "annotate",
        "deployment",
        "web",
        "--overwrite",
        "capstan.dev/cpu-load=450m",
    ])?;
    wait_for("nine pods or more", || {
        Ok((replicas(&cluster)?.parse::<u32>()? >= 9).then_some(()))
    })?;
    let explained = cluster.explain(&["autoscaler/web", "--last", "20", "--replay"])?;
    ensure!(explained.contains("Autoscaler web (apps/v1)"), "{explained}");
    ensure!(explained.contains("up from 7 to"), "{explained}");
    Ok(())
}
