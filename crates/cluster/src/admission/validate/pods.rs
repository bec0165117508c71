//! Rules for pod specs.

use std::collections::HashSet;

use capstan_kubeapi::{FieldError, Quantity, validation};
use serde_json::{Value, json};

use super::is_empty;

/// Rules for the spec of a pod, or of a template (whose pods must always be restarted).
pub(super) fn spec(path: &str, spec: Option<&Value>, in_template: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let empty = json!({});
    let spec = spec.unwrap_or(&empty);
    let mut volumes = HashSet::new();
    for (index, volume) in list(spec, "volumes").enumerate() {
        let at = format!("{path}.volumes[{index}].name");
        match text(volume, "name") {
            "" => errors.push(FieldError::required(at, "")),
            name => {
                for error in validation::dns1123_label(name) {
                    errors.push(FieldError::invalid(at.clone(), &json!(name), &error));
                }
                if !volumes.insert(name) {
                    errors.push(FieldError::duplicate(at, &json!(name)));
                }
            }
        }
    }
    if is_empty(spec.get("containers")) {
        errors.push(FieldError::required(format!("{path}.containers"), ""));
    }
    let mut names = HashSet::new();
    for part in ["initContainers", "containers"] {
        for (index, container) in list(spec, part).enumerate() {
            let at = format!("{path}.{part}[{index}]");
            self::container(&mut errors, &at, container, &mut names, &volumes);
        }
    }
    let policy = text(spec, "restartPolicy");
    if in_template {
        if policy != "Always" {
            errors.push(FieldError::not_supported(
                format!("{path}.restartPolicy"),
                &json!(policy),
                &["Always"],
            ));
        }
        if spec.get("activeDeadlineSeconds").is_some_and(|v| !v.is_null()) {
            errors.push(FieldError::forbidden(
                format!("{path}.activeDeadlineSeconds"),
                "activeDeadlineSeconds in ReplicaSet is not Supported",
            ));
        }
    } else if !matches!(policy, "Always" | "OnFailure" | "Never") {
        let at = format!("{path}.restartPolicy");
        errors.push(FieldError::not_supported(
            at,
            &json!(policy),
            &["Always", "Never", "OnFailure"],
        ));
    }
    errors
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or("")
}

fn container<'a>(
    errors: &mut Vec<FieldError>,
    at: &str,
    container: &'a Value,
    names: &mut HashSet<&'a str>,
    volumes: &HashSet<&str>,
) {
    match text(container, "name") {
        "" => errors.push(FieldError::required(format!("{at}.name"), "")),
        name => {
            for error in validation::dns1123_label(name) {
                errors.push(FieldError::invalid(format!("{at}.name"), &json!(name), &error));
            }
            if !names.insert(name) {
                errors.push(FieldError::duplicate(format!("{at}.name"), &json!(name)));
            }
        }
    }
    let image = text(container, "image");
    if image.is_empty() {
        errors.push(FieldError::required(format!("{at}.image"), ""));
    } else if image.trim() != image {
        errors.push(FieldError::invalid(
            format!("{at}.image"),
            &json!(image),
            "must not have leading or trailing whitespace",
        ));
    }
    for (index, port) in list(container, "ports").enumerate() {
        let at = format!("{at}.ports[{index}]");
        match port.get("containerPort").and_then(Value::as_i64).unwrap_or(0) {
            0 => errors.push(FieldError::required(format!("{at}.containerPort"), "")),
            number if !(1..=65_535).contains(&number) => {
                let at = format!("{at}.containerPort");
                errors.push(FieldError::invalid(
                    at,
                    &json!(number),
                    "must be between 1 and 65535, inclusive",
                ));
            }
            _ => {}
        }
        let protocol = text(port, "protocol");
        if !matches!(protocol, "TCP" | "UDP" | "SCTP") {
            let at = format!("{at}.protocol");
            errors.push(FieldError::not_supported(
                at,
                &json!(protocol),
                &["SCTP", "TCP", "UDP"],
            ));
        }
    }
    for (index, variable) in list(container, "env").enumerate() {
        if text(variable, "name").is_empty() {
            errors.push(FieldError::required(format!("{at}.env[{index}].name"), ""));
        }
        if !text(variable, "value").is_empty() && !is_empty(variable.get("valueFrom")) {
            let at = format!("{at}.env[{index}].valueFrom");
            errors.push(FieldError::invalid(
                at,
                &json!(""),
                "may not be specified when `value` is not empty",
            ));
        }
    }
    for (index, mount) in list(container, "volumeMounts").enumerate() {
        let at = format!("{at}.volumeMounts[{index}]");
        match text(mount, "name") {
            "" => errors.push(FieldError::required(format!("{at}.name"), "")),
            name if !volumes.contains(name) => errors.push(FieldError {
                field: format!("{at}.name"),
                reason: "FieldValueNotFound",
                message: format!("Not found: \"{name}\""),
            }),
            _ => {}
        }
        if text(mount, "mountPath").is_empty() {
            errors.push(FieldError::required(format!("{at}.mountPath"), ""));
        }
    }
    let amounts = |part: &str| {
        container
            .get("resources")
            .and_then(|r| r.get(part))
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    let limits: Vec<(&String, Quantity)> = amounts("limits")
        .filter_map(|(name, v)| Some((name, quantity(v)?)))
        .collect();
    for (name, value) in amounts("requests") {
        let Some(request) = quantity(value) else { continue };
        let path = format!("{at}.resources.requests");
        if request.sign() < 0 {
            let at = format!("{path}[{name}]");
            errors.push(FieldError::invalid(
                at,
                &json!(request.to_string()),
                "must be greater than or equal to 0",
            ));
        }
        if let Some((_, limit)) = limits.iter().find(|(n, _)| *n == name)
            && request > *limit
        {
            let detail = format!("must be less than or equal to {name} limit of {limit}");
            errors.push(FieldError::invalid(path, &json!(request.to_string()), &detail));
        }
    }
}

fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

/// A pod's spec hardly changes after creation.
pub(super) fn update(current: &Value, wanted: &Value) -> Vec<FieldError> {
    let comparable = |pod: &Value| {
        let mut spec = pod.get("spec").cloned().unwrap_or(Value::Null);
        if let Some(map) = spec.as_object_mut() {
            for field in [
                "activeDeadlineSeconds",
                "terminationGracePeriodSeconds",
                "tolerations",
                "nodeName",
                "ephemeralContainers",
            ] {
                map.shift_remove(field);
            }
            for part in ["containers", "initContainers"] {
                for container in map
                    .get_mut(part)
                    .and_then(Value::as_array_mut)
                    .into_iter()
                    .flatten()
                {
                    if let Some(container) = container.as_object_mut() {
                        container.shift_remove("image");
                        container.retain(|_, value| !is_empty(Some(value)));
                    }
                }
            }
            map.retain(|_, value| !is_empty(Some(value)));
        }
        spec
    };
    let node = |pod: &Value| {
        pod.pointer("/spec/nodeName")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let moved = !node(current).is_empty() && node(current) != node(wanted);
    if moved || comparable(current) != comparable(wanted) {
        return vec![FieldError::forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        )];
    }
    Vec::new()
}
