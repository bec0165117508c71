//! What Prometheus may scrape, in the form of its HTTP service discovery (`http_sd_config`): `GET /prometheus/targets`.
//!
//! Pods ask for it by the usual annotations (`prometheus.io/scrape`, `/port`, `/path`, `/scheme`); `ServiceMonitor` and
//! `PodMonitor` objects are read as the Prometheus operator reads them, if their definitions are installed. Only
//! pods that have an address and have not ended are targets, as the operator's own discovery has it.

mod monitors;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use capstan_kubeapi::builtin::{PODS, SERVICES};
use capstan_kubeapi::{Resource, meta};
use serde_json::{Value, json};

use crate::objects::Objects;

/// Where the document is.
pub(crate) const PATH: &str = "/prometheus/targets";

const MONITORING: (&str, &str) = ("monitoring.coreos.com", "v1");

/// One target: its address and the labels it gets.
#[derive(Debug, PartialEq)]
struct Target {
    address: String,
    labels: BTreeMap<String, String>,
}

/// The document: one group for each target.
pub(crate) fn document(objects: &Objects) -> Value {
    let list = |resource: Resource| objects.list(resource, None).items;
    let custom = |plural: &str| {
        let (group, version) = MONITORING;
        let resource = objects.kinds().find(group, version, plural);
        resource.map(list).unwrap_or_default()
    };
    let pods = list(PODS);
    let pods: Vec<&Value> = pods
        .iter()
        .map(AsRef::as_ref)
        .filter(|pod| scrapable(pod))
        .collect();
    let mut targets: Vec<Target> = pods.iter().filter_map(|pod| annotated(pod)).collect();
    for monitor in custom("podmonitors") {
        targets.extend(monitors::of_pod_monitor(&monitor, &pods));
    }
    let monitors = custom("servicemonitors");
    if !monitors.is_empty() {
        let services = list(SERVICES);
        for monitor in monitors {
            let services = services.iter().map(AsRef::as_ref);
            targets.extend(monitors::of_service_monitor(&monitor, services, &pods));
        }
    }
    let groups: Vec<Value> = targets
        .into_iter()
        .map(|target| json!({"targets": [target.address], "labels": target.labels}))
        .collect();
    Value::Array(groups)
}

fn scrapable(pod: &Value) -> bool {
    !address(pod).is_empty() && !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

fn address(pod: &Value) -> &str {
    pod["status"]["podIP"].as_str().unwrap_or("")
}

fn join(ip: &str, port: u64) -> String {
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

/// The target of a pod with the usual annotations. Without a port, its first container port.
fn annotated(pod: &Value) -> Option<Target> {
    let annotation = |name: &str| meta::annotation(pod, &format!("prometheus.io/{name}"));
    if annotation("scrape") != Some("true") {
        return None;
    }
    let port = match annotation("port") {
        Some(port) => port.parse().ok()?,
        None => ports(pod).next()?.1["containerPort"].as_u64()?,
    };
    let mut labels = of_pod(pod);
    if let Some(labels_of) = meta::labels(pod) {
        labels.extend(labels_of.iter().filter_map(|(key, value)| {
            // As the usual relabelling does (`labelmap`).
            Some((label_name(key), value.as_str()?.to_owned()))
        }));
    }
    scrape(&mut labels, annotation("path"), annotation("scheme"), None);
    Some(Target {
        address: join(address(pod), port),
        labels,
    })
}

/// Every port of every container, with the container's name.
fn ports(pod: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers.flat_map(|container| {
        let name = container["name"].as_str().unwrap_or("");
        let ports = container["ports"].as_array().into_iter().flatten();
        ports.map(move |port| (name, port))
    })
}

fn of_pod(pod: &Value) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("namespace".to_owned(), meta::namespace(pod).to_owned()),
        ("pod".to_owned(), meta::name(pod).to_owned()),
    ])
}

/// How to scrape, in Prometheus' own labels.
fn scrape(
    labels: &mut BTreeMap<String, String>,
    path: Option<&str>,
    scheme: Option<&str>,
    interval: Option<&str>,
) {
    let given = [
        ("__metrics_path__", path),
        ("__scheme__", scheme),
        ("__scrape_interval__", interval),
    ];
    for (label, value) in given {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            labels.insert(label.to_owned(), value.to_owned());
        }
    }
}

/// A label's name as Prometheus allows it: everything else becomes an underscore.
fn label_name(key: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = key.chars().map(allowed).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("_{name}");
    }
    name
}
