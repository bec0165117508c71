//! Rules for services.

use std::collections::HashSet;

use capstan_kubeapi::{FieldError, validation};
use serde_json::{Value, json};

use super::is_empty;

pub(super) fn service(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let empty = json!({});
    let spec = object.get("spec").unwrap_or(&empty);
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or("");
    if !matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName") {
        let supported = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
        errors.push(FieldError::not_supported("spec.type", &json!(kind), &supported));
    }
    let headless = spec.get("clusterIP").and_then(Value::as_str) == Some("None");
    if is_empty(spec.get("ports")) && !headless && kind != "ExternalName" {
        errors.push(FieldError::required("spec.ports", ""));
    }
    if kind == "ExternalName" && is_empty(spec.get("externalName")) {
        errors.push(FieldError::required("spec.externalName", ""));
    }
    let ports: Vec<&Value> = spec
        .get("ports")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let mut names = HashSet::new();
    let mut numbers = HashSet::new();
    for (index, port) in ports.iter().enumerate() {
        let at = format!("spec.ports[{index}]");
        let name = port.get("name").and_then(Value::as_str).unwrap_or("");
        if name.is_empty() {
            if ports.len() > 1 {
                errors.push(FieldError::required(format!("{at}.name"), ""));
            }
        } else {
            for error in validation::dns1123_label(name) {
                errors.push(FieldError::invalid(format!("{at}.name"), &json!(name), &error));
            }
            if !names.insert(name) {
                errors.push(FieldError::duplicate(format!("{at}.name"), &json!(name)));
            }
        }
        let number = port.get("port").and_then(Value::as_i64).unwrap_or(0);
        let detail = "must be between 1 and 65535, inclusive";
        if !(1..=65_535).contains(&number) {
            errors.push(FieldError::invalid(format!("{at}.port"), &json!(number), detail));
        }
        let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
        if !matches!(protocol, "TCP" | "UDP" | "SCTP") {
            let at = format!("{at}.protocol");
            errors.push(FieldError::not_supported(
                at,
                &json!(protocol),
                &["SCTP", "TCP", "UDP"],
            ));
        }
        if !numbers.insert((number, protocol)) {
            errors.push(FieldError::duplicate(
                at.clone(),
                &json!({"protocol": protocol, "port": number}),
            ));
        }
        if let Some(target) = port.get("targetPort").and_then(Value::as_i64)
            && !(1..=65_535).contains(&target)
        {
            errors.push(FieldError::invalid(
                format!("{at}.targetPort"),
                &json!(target),
                detail,
            ));
        }
    }
    errors
}
