//! Defaults of pod specs (upstream `pkg/apis/core/v1/defaults.go`).

use serde_json::{Map, Value, json};

use super::default;

/// Completes a pod spec, of a pod or of a template.
pub(super) fn spec(spec: &mut Map<String, Value>) {
    for volume in spec
        .get_mut("volumes")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        self::volume(volume);
    }
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(container) = container.as_object_mut() {
                self::container(container);
            }
        }
    }
    default(spec, "restartPolicy", "Always");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "dnsPolicy", "ClusterFirst");
    // The old name of the same field.
    if let Some(old) = spec.get("serviceAccount").filter(|o| o.is_string()).cloned() {
        default(spec, "serviceAccountName", old);
    } else if let Some(new) = spec.get("serviceAccountName").filter(|n| n.is_string()).cloned() {
        spec.insert("serviceAccount".to_owned(), new);
    }
    default(spec, "securityContext", json!({}));
    default(spec, "schedulerName", "default-scheduler");
}

fn container(container: &mut Map<String, Value>) {
    for port in container
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(port) = port.as_object_mut() {
            default(port, "protocol", "TCP");
        }
    }
    for variable in container
        .get_mut("env")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(field) = variable
            .pointer_mut("/valueFrom/fieldRef")
            .and_then(Value::as_object_mut)
        {
            default(field, "apiVersion", "v1");
        }
    }
    default(container, "resources", json!({}));
    if let Some(resources) = container.get_mut("resources").and_then(Value::as_object_mut) {
        // A limit without a request is the request too.
        if let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() {
            let requests = resources.entry("requests").or_insert_with(|| json!({}));
            if let Some(requests) = requests.as_object_mut() {
                for (name, limit) in limits {
                    default(requests, &name, limit);
                }
            }
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe).and_then(Value::as_object_mut) {
            if let Some(http) = probe.get_mut("httpGet").and_then(Value::as_object_mut) {
                default(http, "path", "/");
                default(http, "scheme", "HTTP");
            }
            for (field, value) in [
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ] {
                default(probe, field, value);
            }
        }
    }
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    let image = container.get("image").and_then(Value::as_str).unwrap_or("");
    let policy = if tag(image) == "latest" {
        "Always"
    } else {
        "IfNotPresent"
    };
    default(container, "imagePullPolicy", policy);
}

/// The tag of an image; `latest` when it has neither tag nor digest.
fn tag(image: &str) -> &str {
    if image.contains('@') {
        return "";
    }
    let last = image.rsplit('/').next().unwrap_or("");
    last.split_once(':').map_or("latest", |(_, tag)| tag)
}

fn volume(volume: &mut Value) {
    let Some(volume) = volume.as_object_mut() else {
        return;
    };
    if volume.keys().all(|key| key == "name") {
        volume.insert("emptyDir".to_owned(), json!({}));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = volume.get_mut(source).and_then(Value::as_object_mut) {
            default(source, "defaultMode", 0o644);
        }
    }
    if let Some(host) = volume.get_mut("hostPath").and_then(Value::as_object_mut) {
        default(host, "type", "");
    }
}

/// What admission lets every pod tolerate for five minutes.
pub(super) fn default_tolerations() -> Value {
    let one = |key: &str| json!({"key": format!("node.kubernetes.io/{key}"), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    json!([one("not-ready"), one("unreachable")])
}

/// The quality-of-service class that requests and limits make.
pub(super) fn quality(pod: &Value) -> &'static str {
    let containers: Vec<&Value> = ["initContainers", "containers"]
        .iter()
        .flat_map(|list| {
            pod.get("spec")
                .and_then(|s| s.get(list))
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        })
        .collect();
    let amount = |container: &Value, part: &str, resource: &str| {
        container
            .get("resources")
            .and_then(|r| r.get(part))
            .and_then(|p| p.get(resource))
            .cloned()
    };
    let mut any = false;
    let mut guaranteed = !containers.is_empty();
    for container in &containers {
        for resource in ["cpu", "memory"] {
            let (request, limit) = (
                amount(container, "requests", resource),
                amount(container, "limits", resource),
            );
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && request == limit;
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
