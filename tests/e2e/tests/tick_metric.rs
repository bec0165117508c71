//! A TICKscript task feeds a stock HPA: points in, the task's output is a metric, the HPA follows it. The adapter runs
//! inside `capstan serve`, by its configuration.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Result, ensure};
use capstan_e2e::{Embedded, Running, capstan, free_address, http, kubectls, output, wait_for};

const SCRIPT: &str = "stream|from().measurement('m')|window().periodCount(2).everyCount(2)|sum('v').as('total')|httpOut('out')";

fn objects(address: SocketAddr) -> String {
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: kube-metrics-adapter, namespace: kube-system}}
spec: {{ports: [{{port: 443, targetPort: 443}}]}}
---
apiVersion: v1
kind: Endpoints
metadata: {{name: kube-metrics-adapter, namespace: kube-system}}
subsets: [{{addresses: [{{ip: {}}}], ports: [{{port: {}}}]}}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {{name: v1beta1.external.metrics.k8s.io}}
spec:
  group: external.metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {{name: kube-metrics-adapter, namespace: kube-system}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: web}}]}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
  annotations:
    metric-config.external.load.tick/task: load
    metric-config.external.load.tick/field: total
    metric-config.external.load.tick/interval: 500ms
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  maxReplicas: 9
  metrics:
  - type: External
    external:
      metric: {{name: load, selector: {{matchLabels: {{type: tick}}}}}}
      target: {{type: AverageValue, averageValue: 10}}
",
        address.ip(),
        address.port()
    )
}

#[test]
fn an_hpa_follows_the_output_of_a_task() -> Result<()> {
    let Some(kubectl) = kubectls().into_iter().next() else {
        return Ok(());
    };
    let fast = ["--horizontal-pod-autoscaler-sync-period", "1s"];
    let cluster = Embedded::start(&kubectl, tempfile::tempdir()?, "127.74.0.0/16", &fast)?;
    let folder = cluster.folder.path().to_owned();
    let (server, apis, state) = (free_address(), free_address(), free_address());
    let config = folder.join("capstan.conf");
    std::fs::write(
        &config,
        format!(
            "data_dir = \"{}\"\n[http]\nbind-address = \"{server}\"\n\
            [[kubernetes]]\nenabled = true\nkubeconfig = \"{}\"\n\
            [adapter]\nenabled = true\nflags = [\"--bind-address={}\", \"--secure-port={}\", \
            \"--metrics-address={state}\"]\n",
            folder.join("server").display(),
            folder.join("kubeconfig").display(),
            apis.ip(),
            apis.port(),
        ),
    )?;
    let mut serving = Running::start(Command::new(capstan()).arg("serve").arg("--config").arg(&config))?;
    wait_for("the server answers", || {
        Ok(http(server, "GET", "/kapacitor/v1/ping", b"").ok())
    })?;
    let (script, manifest) = (folder.join("load.tick"), folder.join("objects.yaml"));
    std::fs::write(&script, SCRIPT)?;
    std::fs::write(&manifest, objects(apis))?;
    let kapacitor = |args: &[&str]| {
        output(
            Command::new(capstan())
                .arg("kapacitor")
                .args(args)
                .env("KAPACITOR_URL", format!("http://{server}")),
        )
    };
    let tick = script.display().to_string();
    kapacitor(&[
        "define", "load", "-tick", &tick, "-type", "stream", "-dbrp", "d.r",
    ])?;
    kapacitor(&["enable", "load"])?;
    cluster.kubectl(&[
        "create",
        "--validate=false",
        "-f",
        &manifest.display().to_string(),
    ])?;
    wait_for("42 for 10 each are five pods", || {
        let (code, body) = http(server, "POST", "/write?db=d&rp=r", b"m v=40\nm v=2\n")?;
        ensure!(code == 204, "{body}");
        let replicas = [
            "get",
            "deployment",
            "web",
            "-o",
            "jsonpath={.status.readyReplicas}",
        ];
        Ok((cluster.kubectl(&replicas)? == "5").then_some(()))
    })?;
    let status = output(
        Command::new(capstan())
            .args(["adapter", "status", "web", "--url"])
            .arg(format!("http://{state}")),
    )?;
    assert!(
        status.contains("External/load{type=tick}: tick, collected"),
        "{status}"
    );
    serving.terminate()?;
    Ok(())
}
