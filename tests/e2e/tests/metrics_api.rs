//! The controller behind the aggregation layer: metrics APIs of a server of their own, behind a Service with endpoints, and
//! what an HPA says when they fail. What is expected is what a real control plane of 1.36 said.

#![allow(clippy::print_stdout)] // what is skipped and why must be seen

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use capstan_e2e::standin::Standin;
use capstan_e2e::{Embedded, Running, kubectls, wait_for};
use serde_json::{Value, json};

const EXTERNAL: &str = "external.metrics.k8s.io";
const CUSTOM: &str = "custom.metrics.k8s.io";
const RESOURCE: &str = "metrics.k8s.io";

/// A file of the shared test data, if this machine has it.
fn golden(name: &str) -> Result<Option<Value>> {
    let Some(root) = std::env::var_os("CAPSTAN_SHARED").map(PathBuf::from) else {
        println!("skipped: CAPSTAN_SHARED is not set");
        return Ok(None);
    };
    let path = root.join("hpa/golden").join(name);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(Some(serde_json::from_str(&text)?))
}

/// A Service without a selector, and its endpoints.
fn publish(cluster: &Embedded, standin: &Standin) -> Result<()> {
    let name = json!({"name": "standin", "namespace": "kube-system"});
    cluster.create(&json!({"apiVersion": "v1", "kind": "Service", "metadata": name,
        "spec": {"ports": [{"name": "https", "port": 443, "targetPort": standin.address.port()}]}}))?;
    cluster.create(&json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": name,
        "subsets": [{"addresses": [{"ip": standin.address.ip().to_string()}],
            "ports": [{"name": "https", "port": standin.address.port()}]}]}))?;
    Ok(())
}

fn api_service(group: &str, version: &str, priority: u32) -> Value {
    json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": format!("{version}.{group}")},
        "spec": {"group": group, "version": version, "insecureSkipTLSVerify": true,
            "groupPriorityMinimum": 100, "versionPriority": priority,
            "service": {"name": "standin", "namespace": "kube-system", "port": 443}}})
}

fn available(cluster: &Embedded, name: &str, status: &str) -> Result<()> {
    wait_for(&format!("{name} is {status}"), || {
        let object = cluster.object("apiservice", name)?;
        Ok((object["status"]["conditions"][0]["status"] == status).then_some(()))
    })
}

/// Metrics and conditions without their times.
fn essence(status: &Value) -> Value {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let plain = |condition: &Value| {
        let mut condition = condition.clone();
        if let Some(fields) = condition.as_object_mut() {
            fields.remove("lastTransitionTime");
        }
        condition
    };
    json!({"currentMetrics": status["currentMetrics"], "conditions": conditions.map(plain).collect::<Vec<_>>()})
}

/// Waits until every HPA's status is the golden one.
fn statuses(cluster: &Embedded, what: &str, wanted: &Value) -> Result<()> {
    for (name, wanted) in wanted.as_object().into_iter().flatten() {
        let wanted = essence(wanted);
        let mut last = Value::Null;
        let seen = wait_for(name, || {
            last = essence(&cluster.object("hpa", name)?["status"]);
            Ok((last == wanted).then_some(()))
        });
        seen.with_context(|| format!("{what}: {name} is\n{last:#}\nand not\n{wanted:#}"))?;
    }
    Ok(())
}

#[test]
fn failures_of_metrics_apis_are_told_as_upstream_tells_them() -> Result<()> {
    let (Some(kubectl), Some(scenarios), Some(failures)) = (
        kubectls().into_iter().next(),
        golden("scenarios.json")?,
        golden("failures/hpa-status.json")?,
    ) else {
        return Ok(());
    };
    let mut standin = Standin::start()?;
    let flags = [
        "--horizontal-pod-autoscaler-sync-period=1s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=1ns",
        "--horizontal-pod-autoscaler-initial-readiness-delay=1ns",
    ];
    let cluster = Embedded::start(&kubectl, tempfile::tempdir()?, "127.64.0.0/16", &flags)?;
    publish(&cluster, &standin)?;
    let spec = json!({"spec": api_service(RESOURCE, "v1beta1", 100)["spec"]}).to_string();
    cluster.kubectl(&[
        "patch",
        "apiservice",
        "v1beta1.metrics.k8s.io",
        "--type=merge",
        "-p",
        &spec,
    ])?;
    let custom = [("v1beta1", 100), ("v1beta2", 200)];
    for (version, priority) in custom {
        cluster.create(&api_service(CUSTOM, version, priority))?;
    }
    cluster.create(&api_service(EXTERNAL, "v1beta1", 100))?;
    for name in [
        "v1beta1.metrics.k8s.io",
        "v1beta2.custom.metrics.k8s.io",
        "v1beta1.external.metrics.k8s.io",
    ] {
        available(&cluster, name, "True")?;
    }

    // A kind that this cluster does not have of itself, and an HPA describes an object of.
    cluster.create(&json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "ingresses.networking.k8s.io",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
        "spec": {"group": "networking.k8s.io", "scope": "Namespaced",
            "names": {"plural": "ingresses", "singular": "ingress", "kind": "Ingress"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}))?;
    cluster.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/ingresses.networking.k8s.io",
    ])?;

    // The second set of values, with which nothing changes any more.
    let values = &scenarios["phases"][1];
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let external = values["external"].as_object().context("values")?;
    standin.with(|answers| {
        answers.external = external
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        answers.custom = ["qps", "hits", "jobs"]
            .map(|name| (name.to_owned(), text(&values[name])))
            .into();
        answers.cpu = format!("{}m", values["cpu"]);
    });
    let names = [
        "s-ext-avg",
        "s-pods",
        "s-obj-value",
        "s-obj-ns",
        "s-cpu-util",
        "s-cont",
        "s-multi-max",
    ];
    for name in names {
        let scenario = &scenarios["scenarios"][name];
        cluster.create(&scenario["workloads"][0])?;
        cluster.kubectl(&["rollout", "status", "deployment", name])?;
    }
    let pods: Value = serde_json::from_str(&cluster.kubectl(&["get", "pods", "-o", "json"])?)?;
    standin.with(|answers| {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        for pod in list(&pods["items"]) {
            let containers = list(&pod["spec"]["containers"]);
            let names = containers
                .iter()
                .map(|container| text(&container["name"]))
                .collect();
            let (name, app) = (&pod["metadata"]["name"], &pod["metadata"]["labels"]["app"]);
            answers.pods.push((text(name), text(app), names));
        }
    });
    for name in names {
        cluster.create(&scenarios["scenarios"][name]["hpas"][0])?;
    }
    for name in names {
        let mut last = Value::Null;
        let seen = wait_for("it has metrics", || {
            last = cluster.object("hpa", name)?["status"].clone();
            Ok((last["conditions"][2]["reason"] == "DesiredWithinRange").then_some(()))
        });
        seen.with_context(|| format!("{name} is\n{last:#}"))?;
    }

    let fail = |failures: &[(&str, u16, &str)]| {
        standin.with(|answers| {
            let failures = failures.iter();
            answers.failures = failures
                .map(|(group, code, message)| ((*group).to_owned(), (*code, (*message).to_owned())))
                .collect::<BTreeMap<_, _>>();
            answers.asked.clear();
        });
    };
    fail(&[
        (EXTERNAL, 500, "boom"),
        (CUSTOM, 503, "later"),
        (RESOURCE, 403, "no"),
    ]);
    let what = "servers answer 500/503/403";
    statuses(&cluster, what, &failures[what])?;
    let events = cluster.kubectl(&[
        "get",
        "events",
        "--field-selector",
        "involvedObject.name=s-ext-avg",
    ])?;
    for text in [
        "FailedGetExternalMetric",
        "unable to get external metric default/ea/nil: unable to fetch metrics from external metrics API: boom",
        "FailedComputeMetricsReplicas",
        "invalid metrics (1 invalid out of 1), first error is: failed to get ea external metric value",
    ] {
        ensure!(events.contains(text), "no {text:?} in\n{events}");
    }

    fail(&[]);
    cluster.kubectl(&["delete", "apiservice", "v1beta2.custom.metrics.k8s.io"])?;
    let what = "v1beta2 APIService deleted, 50 s";
    statuses(&cluster, what, &failures[what]["status"])?;
    let older = standin.with(|answers| {
        let asked = answers.asked.iter();
        asked
            .filter(|path| path.starts_with("/apis/custom.metrics.k8s.io/v1beta1/namespaces/"))
            .count()
    });
    ensure!(older > 0, "the older version is asked");

    cluster.kubectl(&["delete", "apiservice", "v1beta1.custom.metrics.k8s.io"])?;
    let what = "no custom metrics API registered";
    statuses(&cluster, what, &failures[what])?;

    for (version, priority) in custom {
        cluster.create(&api_service(CUSTOM, version, priority))?;
    }
    available(&cluster, "v1beta2.custom.metrics.k8s.io", "True")?;
    standin.stop();
    let what = "server gone for 45 s";
    statuses(&cluster, what, &failures[what])?;

    standin.listen()?;
    let what = "server back for 40 s";
    statuses(&cluster, what, &failures[what])
}

#[test]
fn with_its_gate_the_controller_scales_to_zero_and_back() -> Result<()> {
    let (Some(kubectl), Some(recorded)) = (kubectls().into_iter().next(), golden("scale-to-zero.json")?)
    else {
        return Ok(());
    };
    let standin = Standin::start()?;
    standin.with(|answers| answers.external.insert("q".to_owned(), "0".to_owned()));
    let flags = [
        "--feature-gates=HPAScaleToZero=true",
        "--horizontal-pod-autoscaler-sync-period=500ms",
        "--horizontal-pod-autoscaler-downscale-stabilization=1s",
    ];
    let cluster = Embedded::start(&kubectl, tempfile::tempdir()?, "127.65.0.0/16", &flags)?;
    publish(&cluster, &standin)?;
    cluster.create(&api_service(EXTERNAL, "v1beta1", 100))?;
    available(&cluster, "v1beta1.external.metrics.k8s.io", "True")?;

    let hpa = &recorded["hpas"]["z-ext-value"];
    let refused = cluster
        .create(&recorded["hpas"]["z-cpu-only"])
        .err()
        .context("it is refused")?;
    let why =
        "Forbidden: must specify at least one Object or External metric to support scaling to zero replicas";
    ensure!(refused.to_string().contains(why), "{refused}");
    cluster.create(
        &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "z-ext-value"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "z"}}, "template": {
            "metadata": {"labels": {"app": "z"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}),
    )?;
    cluster.create(hpa)?;
    let replicas = |wanted: u64| {
        wait_for(&format!("{wanted} replicas"), || {
            let found = cluster.object("deployment", "z-ext-value")?["spec"]["replicas"].as_u64();
            Ok((found == Some(wanted)).then_some(()))
        })
    };
    let timeline = recorded["timelines"]["z-ext-value"]
        .as_array()
        .context("a timeline")?;
    // The statuses on which it comes to rest: at zero, and at the maximum.
    let (at_zero, at_most) = (&timeline[2]["status"], &timeline[6]["status"]);
    replicas(0)?;
    statuses(&cluster, "at zero", &json!({"z-ext-value": at_zero}))?;
    standin.with(|answers| answers.external.insert("q".to_owned(), "25".to_owned()));
    replicas(10)?;
    statuses(&cluster, "at most", &json!({"z-ext-value": at_most}))?;
    standin.with(|answers| answers.external.insert("q".to_owned(), "0".to_owned()));
    replicas(0)?;
    let events = cluster.kubectl(&["get", "events"])?;
    for event in recorded["events"].as_array().into_iter().flatten() {
        if event["hpa"] == "z-ext-value" {
            let message = event["message"].as_str().context("a message")?;
            ensure!(events.contains(message), "no {message:?} in\n{events}");
        }
    }
    Ok(())
}

#[test]
fn gates_are_off_unless_they_are_named_and_unknown_names_are_refused() -> Result<()> {
    let Some(kubectl) = kubectls().into_iter().next() else {
        return Ok(());
    };
    let cluster = Embedded::start(&kubectl, tempfile::tempdir()?, "127.66.0.0/16", &[])?;
    let hpa = |spec: Value| {
        let mut all = json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"}, "maxReplicas": 3,
            "metrics": [{"type": "External", "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "1"}}}]});
        for (field, value) in spec.as_object().into_iter().flatten() {
            all[field] = value.clone();
        }
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "w"}, "spec": all})
    };
    let refused = cluster
        .create(&hpa(json!({"minReplicas": 0})))
        .err()
        .context("it is refused")?;
    let why = "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1";
    ensure!(refused.to_string().contains(why), "{refused}");
    cluster.create(&hpa(json!({"behavior": {"scaleUp": {"tolerance": "0.2"}}})))?;
    let tolerance = |cluster: &Embedded| -> Result<Value> {
        Ok(cluster.object("hpa", "w")?["spec"]["behavior"]["scaleUp"]["tolerance"].clone())
    };
    // As the real server writes a quantity that it was given as 0.2.
    ensure!(tolerance(&cluster)? == "200m", "{}", tolerance(&cluster)?);
    drop(cluster);
    let off = ["--feature-gates", "HPAConfigurableTolerance=false"];
    let cluster = Embedded::start(&kubectl, tempfile::tempdir()?, "127.66.0.0/16", &off)?;
    cluster.create(&hpa(json!({"behavior": {"scaleUp": {"tolerance": "0.2"}}})))?;
    ensure!(tolerance(&cluster)?.is_null(), "it is dropped");
    for verb in ["cluster", "autoscaler", "demo"] {
        let output = std::process::Command::new(capstan_e2e::capstan())
            .args([verb, "--feature-gates=HPAScaleToNone=true"])
            .output()?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success(), "{verb} takes anything");
        ensure!(
            stderr.contains("unrecognized feature gate: HPAScaleToNone"),
            "{verb}: {stderr}"
        );
    }
    Ok(())
}

#[test]
fn a_watch_prints_a_line_for_every_change() -> Result<()> {
    for (at, kubectl) in kubectls().into_iter().enumerate() {
        let standin = Standin::start()?;
        standin.with(|answers| answers.external.insert("ea".to_owned(), "10".to_owned()));
        let cidr = format!("127.{}.0.0/16", 67 + at);
        let flags = ["--horizontal-pod-autoscaler-sync-period=1s"];
        let cluster = Embedded::start(&kubectl, tempfile::tempdir()?, &cidr, &flags)?;
        publish(&cluster, &standin)?;
        cluster.create(&api_service(EXTERNAL, "v1beta1", 100))?;
        available(&cluster, "v1beta1.external.metrics.k8s.io", "True")?;
        cluster.create(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
                "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}))?;
        cluster.create(&json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 10,
                "metrics": [{"type": "External", "external": {"metric": {"name": "ea"},
                    "target": {"type": "AverageValue", "averageValue": "10"}}}]}}))?;
        let watch = Running::start(&mut cluster.command(&["get", "hpa", "web", "-w"]))?;
        let header = watch.line_with("NAME")?;
        let columns = |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        ensure!(
            columns(&header)
                == [
                    "NAME",
                    "REFERENCE",
                    "TARGETS",
                    "MINPODS",
                    "MAXPODS",
                    "REPLICAS",
                    "AGE"
                ],
            "{header}"
        );
        // kubectl widens a column when a line needs it; the last one is the age.
        let row = |target: &str, replicas: &str| -> Result<()> {
            let line = watch.line_with(&format!(" {target} (avg) "))?;
            let found = columns(&line);
            let wanted = ["web", "Deployment/web", target, "(avg)", "1", "10", replicas];
            ensure!(found[..found.len() - 1] == wanted, "{line}");
            Ok(())
        };
        row("10/10", "1")?;
        standin.with(|answers| answers.external.insert("ea".to_owned(), "25".to_owned()));
        // The number of replicas is that before the change, and in the next line that after it.
        row("25/10", "1")?;
        row("8334m/10", "3")?;
    }
    Ok(())
}
