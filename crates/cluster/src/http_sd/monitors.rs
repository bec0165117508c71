//! `ServiceMonitor` and `PodMonitor` (monitoring.coreos.com/v1), as the Prometheus operator turns them into targets.

use std::collections::BTreeMap;

use capstan_kubeapi::{Selector, meta};
use serde_json::Value;

use super::{Target, address, join, label_name, of_pod, ports, scrape};

/// What a monitor selects: by labels, in which namespaces.
struct Selected<'a> {
    labels: Selector,
    monitor: &'a Value,
}

impl<'a> Selected<'a> {
    fn of(monitor: &'a Value) -> Self {
        let labels = Selector::of_object(Some(&monitor["spec"]["selector"])).unwrap_or_else(|error| {
            tracing::warn!(
                monitor = meta::name(monitor),
                error,
                "the monitor's selector selects nothing"
            );
            Selector::nothing()
        });
        Self { labels, monitor }
    }

    fn has(&self, object: &Value) -> bool {
        let namespaces = &self.monitor["spec"]["namespaceSelector"];
        let inside = if namespaces["any"] == true {
            true
        } else {
            match namespaces["matchNames"]
                .as_array()
                .filter(|names| !names.is_empty())
            {
                Some(names) => names.iter().any(|name| name == meta::namespace(object)),
                None => meta::namespace(object) == meta::namespace(self.monitor),
            }
        };
        inside && self.labels.matches_object(object)
    }
}

/// The targets of a `PodMonitor`.
pub(super) fn of_pod_monitor(monitor: &Value, pods: &[&Value]) -> Vec<Target> {
    let selected = Selected::of(monitor);
    let endpoints = monitor["spec"]["podMetricsEndpoints"].as_array();
    let mut targets = Vec::new();
    for pod in pods.iter().filter(|pod| selected.has(pod)) {
        for endpoint in endpoints.into_iter().flatten() {
            for (container, port, name) in chosen(pod, endpoint, &endpoint["portNumber"]) {
                let mut labels = of_pod(pod);
                labels.insert("container".to_owned(), container);
                labels.insert("endpoint".to_owned(), name);
                let job = format!("{}/{}", meta::namespace(monitor), meta::name(monitor));
                labels.insert("job".to_owned(), job_label(monitor, pod).unwrap_or(job));
                carry(&mut labels, &monitor["spec"]["podTargetLabels"], pod);
                how(&mut labels, endpoint);
                targets.push(Target {
                    address: join(address(pod), port),
                    labels,
                });
            }
        }
    }
    targets
}

/// The targets of a `ServiceMonitor`: the pods behind the services it selects.
pub(super) fn of_service_monitor<'a>(
    monitor: &Value,
    services: impl Iterator<Item = &'a Value>,
    pods: &[&Value],
) -> Vec<Target> {
    let selected = Selected::of(monitor);
    let mut targets = Vec::new();
    for service in services.filter(|service| selected.has(service)) {
        let chosen_by = &service["spec"]["selector"];
        if chosen_by.as_object().is_none_or(serde_json::Map::is_empty) {
            continue;
        }
        let behind = Selector::of_labels(Some(chosen_by));
        let behind =
            |pod: &&&Value| meta::namespace(pod) == meta::namespace(service) && behind.matches_object(pod);
        for pod in pods.iter().filter(behind) {
            let endpoints = monitor["spec"]["endpoints"].as_array();
            for endpoint in endpoints.into_iter().flatten() {
                for (container, port, name) in of_service(service, pod, endpoint) {
                    let mut labels = of_pod(pod);
                    labels.insert("service".to_owned(), meta::name(service).to_owned());
                    labels.insert("container".to_owned(), container);
                    labels.insert("endpoint".to_owned(), name);
                    let job = job_label(monitor, service).unwrap_or_else(|| meta::name(service).to_owned());
                    labels.insert("job".to_owned(), job);
                    carry(&mut labels, &monitor["spec"]["targetLabels"], service);
                    carry(&mut labels, &monitor["spec"]["podTargetLabels"], pod);
                    how(&mut labels, endpoint);
                    targets.push(Target {
                        address: join(address(pod), port),
                        labels,
                    });
                }
            }
        }
    }
    targets
}

/// The container, port and port name that an endpoint of a `ServiceMonitor` means in a pod: `port` is a port of the
/// service, `targetPort` one of the pod.
fn of_service(service: &Value, pod: &Value, endpoint: &Value) -> Vec<(String, u64, String)> {
    let Some(wanted) = endpoint["port"].as_str() else {
        return chosen(pod, endpoint, &Value::Null);
    };
    let all = service["spec"]["ports"].as_array().into_iter().flatten();
    all.filter(|port| port["name"] == wanted)
        .filter_map(|port| {
            let target = if port["targetPort"].is_null() {
                &port["port"]
            } else {
                &port["targetPort"]
            };
            let (container, number) = resolve(pod, target)?;
            Some((container, number, wanted.to_owned()))
        })
        .collect()
}

/// The same for an endpoint that names a port of the pod by `port`, by number, or by the old `targetPort`.
fn chosen(pod: &Value, endpoint: &Value, number: &Value) -> Vec<(String, u64, String)> {
    let wanted = [&endpoint["port"], number, &endpoint["targetPort"]]
        .into_iter()
        .find(|value| !value.is_null());
    let Some(wanted) = wanted else { return Vec::new() };
    let name = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
    resolve(pod, wanted)
        .map(|(container, port)| (container, port, name))
        .into_iter()
        .collect()
}

/// A port by name or number, and whose it is.
fn resolve(pod: &Value, wanted: &Value) -> Option<(String, u64)> {
    let found = ports(pod).find(|(_, port)| match wanted.as_u64() {
        Some(number) => port["containerPort"] == number,
        None => port["name"] == *wanted,
    });
    match found {
        Some((container, port)) => Some((container.to_owned(), port["containerPort"].as_u64()?)),
        // A number need not be declared.
        None => Some((String::new(), wanted.as_u64()?)),
    }
}

fn job_label(monitor: &Value, of: &Value) -> Option<String> {
    let label = monitor["spec"]["jobLabel"].as_str()?;
    let value = meta::labels(of)?.get(label)?.as_str()?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// Labels that the monitor has carried over from an object.
fn carry(labels: &mut BTreeMap<String, String>, names: &Value, from: &Value) {
    for name in meta::strings(Some(names)) {
        if let Some(value) = meta::labels(from).and_then(|all| all.get(name)?.as_str()) {
            labels.insert(label_name(name), value.to_owned());
        }
    }
}

fn how(labels: &mut BTreeMap<String, String>, endpoint: &Value) {
    let text = |field: &str| endpoint[field].as_str();
    scrape(labels, text("path"), text("scheme"), text("interval"));
    let parameters = endpoint["params"].as_object().into_iter().flatten();
    for (name, values) in parameters {
        if let Some(value) = values.get(0).and_then(Value::as_str) {
            labels.insert(format!("__param_{}", label_name(name)), value.to_owned());
        }
    }
}
