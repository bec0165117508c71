//! Defaults of services.

use capstan_kubeapi::meta;
use serde_json::{Value, json};

use super::default;

pub(super) fn service(object: &mut Value) {
    meta::object_at(object, "spec");
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    default(spec, "type", "ClusterIP");
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or("").to_owned();
    for port in spec
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let Some(port) = port.as_object_mut() else {
            continue;
        };
        default(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or(Value::Null);
        let unset = |v: &Value| v.is_null() || v.as_i64() == Some(0) || v.as_str() == Some("");
        if port.get("targetPort").is_none_or(unset) {
            port.insert("targetPort".to_owned(), number);
        }
        if !matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
            port.shift_remove("nodePort");
        }
    }
    default(spec, "sessionAffinity", "None");
    if kind != "ExternalName" {
        default(spec, "ipFamilies", json!(["IPv4"]));
        default(spec, "ipFamilyPolicy", "SingleStack");
        default(spec, "internalTrafficPolicy", "Cluster");
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        default(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", true);
    }
    if let Some(status) = meta::object_at(object, "status") {
        default(status, "loadBalancer", json!({}));
    }
}
