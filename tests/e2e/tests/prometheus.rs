//! `capstan demo prometheus` with a real Prometheus, shortened, and the same while it is up with real kubectl.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use capstan_e2e::{Running, capstan, kubectls, output, prometheus, wait_for};
use serde_json::Value;

fn demo(program: &PathBuf) -> Command {
    let mut command = Command::new(capstan());
    command
        .args(["demo", "prometheus", "--headless", "--prometheus"])
        .arg(program);
    command
}

#[test]
fn replicas_follow_a_query() -> Result<()> {
    let Some(program) = prometheus() else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.json");
    let text = output(
        demo(&program)
            .args(["--max-qps", "350", "--duration", "50s", "--report"])
            .arg(&report),
    )?;
    let report: Value = serde_json::from_slice(&std::fs::read(&report)?)?;
    assert_eq!(report["verdict"], "passed", "{text}");
    let peak = report["peak"].as_i64().unwrap_or(0);
    assert!(peak >= 3, "{text}");
    let timeline = report["timeline"].as_array().expect("a time line");
    let last = timeline.last().and_then(|sample| sample["wanted"].as_i64());
    assert!(last.is_some_and(|last| last < peak), "{text}");
    let decisions = report["decisions"].as_array().expect("decisions");
    assert!(
        decisions.iter().any(|record| record["direction"] == "ScaleUp"
            && record["selectedMetric"]
                .as_str()
                .is_some_and(|metric| metric.contains("prometheus-query"))),
        "{text}"
    );
    Ok(())
}

#[test]
fn the_metric_is_listed_through_the_aggregation_layer() -> Result<()> {
    let Some(program) = prometheus() else {
        return Ok(());
    };
    let kubectls = kubectls();
    for (kubectl, version) in kubectls.iter().zip(["v2", "v2beta2"].iter().cycle()) {
        let mut running = Running::start(demo(&program).args([
            "--max-qps",
            "50",
            "--duration",
            "2s",
            "--keep",
            "--api-version",
            version,
        ]))?;
        let line = running.line_with("export KUBECONFIG=")?;
        let kubeconfig = line.split_once('=').map_or("", |(_, path)| path.trim());
        let status = running.line_with("capstan adapter status --url")?;
        let status = status.rsplit(' ').next().unwrap_or_default().to_owned();
        let get = |args: &[&str]| output(Command::new(kubectl).env("KUBECONFIG", kubeconfig).args(args));
        let listed = get(&["get", "--raw", "/apis/external.metrics.k8s.io/v1beta1"])?;
        let listed: Value = serde_json::from_str(&listed)?;
        assert_eq!(listed["kind"], "APIResourceList");
        assert_eq!(listed["resources"][0]["name"], "prometheus-query");
        assert_eq!(listed["resources"][0]["kind"], "ExternalMetricValueList");
        let value = wait_for("the metric has a value", || {
            let path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/prometheus-query\
                ?labelSelector=query-name%3Drequests-per-second";
            Ok(get(&["get", "--raw", path]).ok())
        })?;
        let value: Value = serde_json::from_str(&value)?;
        assert_eq!(
            value["items"][0]["metricLabels"],
            serde_json::json!({"query-name": "requests-per-second"})
        );
        let services = get(&["get", "apiservice", "v1beta1.external.metrics.k8s.io"])?;
        assert!(services.contains("True"), "{services}");
        let described = get(&["describe", "hpa", "app"])?;
        assert!(described.contains("prometheus-query"), "{described}");
        mistakes_are_told(kubectl, kubeconfig, &status)?;
        // The verdict on two seconds of load does not matter here.
        running.terminate()?;
    }
    Ok(())
}

const MISTAKEN: &str = r"
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: mistaken
  annotations:
    metric-config.external.no.such.collector/key: value
    metric-config.external.rps.prometheus/query: vector(1)
    metric-config.external.rps.prometheus/qeury: vector(2)
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: other}
  maxReplicas: 3
  metrics:
  - type: External
    external: {metric: {name: unheard-of}, target: {type: Value, value: 1}}
  - type: External
    external: {metric: {name: rps, selector: {matchLabels: {type: prometheus}}}, target: {type: Value, value: 1}}
";

/// An HPA with an annotation that is ignored, a key that nobody reads, and a metric without a collector.
fn mistakes_are_told(kubectl: &PathBuf, kubeconfig: &str, url: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let manifest = folder.path().join("hpa.yaml");
    std::fs::write(&manifest, MISTAKEN)?;
    let ask = |args: &[&str]| output(Command::new(kubectl).env("KUBECONFIG", kubeconfig).args(args));
    ask(&["apply", "-f", &manifest.display().to_string()])?;
    wait_for("the HPA has events", || {
        let events = ask(&["get", "events", "-o", "custom-columns=R:.reason,M:.message"])?;
        let told = [
            "no plugin found for External/unheard-of",
            "cannot have a dot",
            "qeury",
        ];
        Ok(told.iter().all(|text| events.contains(text)).then_some(()))
    })?;
    let status = Command::new(capstan())
        .args(["adapter", "status", "mistaken", "--url", url])
        .output()?;
    let text = String::from_utf8_lossy(&status.stdout);
    assert!(!status.status.success(), "{text}");
    assert!(text.contains("no plugin found for External/unheard-of"), "{text}");
    // What is right beside it works all the same.
    wait_for("the other metric has a value", || {
        let path =
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/rps?labelSelector=type%3Dprometheus";
        let value = ask(&["get", "--raw", path]).unwrap_or_default();
        Ok(value.contains(r#""value":"1""#).then_some(()))
    })?;
    ask(&["delete", "-f", &manifest.display().to_string()])?;
    wait_for("its metric is gone", || {
        let listed = ask(&["get", "--raw", "/apis/external.metrics.k8s.io/v1beta1"])?;
        Ok((!listed.contains(r#""rps""#)).then_some(()))
    })
}
