//! Rules for roles and bindings (upstream `pkg/apis/rbac/validation`).

use capstan_kubeapi::{FieldError, Resource, meta};
use serde_json::{Value, json};

const GROUP: &str = "rbac.authorization.k8s.io";

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

pub(super) fn validate(stored: Resource, object: &Value) -> Vec<FieldError> {
    match stored.plural {
        "roles" | "clusterroles" => role(object, stored.namespaced),
        _ => binding(object, stored.namespaced),
    }
}

fn role(object: &Value, namespaced: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let rules = object.get("rules").and_then(Value::as_array);
    for (index, rule) in rules.into_iter().flatten().enumerate() {
        let path = format!("rules[{index}]");
        let has = |field: &str| !meta::strings(rule.get(field)).is_empty();
        if !has("verbs") {
            errors.push(FieldError::required(
                format!("{path}.verbs"),
                "verbs must contain at least one value",
            ));
        }
        if has("nonResourceURLs") {
            let urls = rule.get("nonResourceURLs").unwrap_or(&Value::Null);
            if namespaced {
                let detail = "namespaced rules cannot apply to non-resource URLs";
                errors.push(FieldError::invalid(
                    format!("{path}.nonResourceURLs"),
                    urls,
                    detail,
                ));
            }
            if has("apiGroups") || has("resources") || has("resourceNames") {
                let detail = "rules cannot apply to both regular resources and non-resource URLs";
                errors.push(FieldError::invalid(
                    format!("{path}.nonResourceURLs"),
                    urls,
                    detail,
                ));
            }
            continue;
        }
        if !has("apiGroups") {
            let detail = "resource rules must supply at least one api group";
            errors.push(FieldError::required(format!("{path}.apiGroups"), detail));
        }
        if !has("resources") {
            let detail = "resource rules must supply at least one resource";
            errors.push(FieldError::required(format!("{path}.resources"), detail));
        }
    }
    errors
}

fn binding(object: &Value, namespaced: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if text(object, "/roleRef/apiGroup") != GROUP {
        let group = json!(text(object, "/roleRef/apiGroup"));
        errors.push(FieldError::not_supported("roleRef.apiGroup", &group, &[GROUP]));
    }
    let kinds: &[&str] = if namespaced {
        &["ClusterRole", "Role"]
    } else {
        &["ClusterRole"]
    };
    let kind = text(object, "/roleRef/kind");
    if !kinds.contains(&kind) {
        errors.push(FieldError::not_supported("roleRef.kind", &json!(kind), kinds));
    }
    if text(object, "/roleRef/name").is_empty() {
        errors.push(FieldError::required("roleRef.name", ""));
    }
    let subjects = object.get("subjects").and_then(Value::as_array);
    for (index, subject) in subjects.into_iter().flatten().enumerate() {
        let path = format!("subjects[{index}]");
        if text(subject, "/name").is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        }
        let group = text(subject, "/apiGroup");
        match text(subject, "/kind") {
            "ServiceAccount" => {
                if !group.is_empty() {
                    errors.push(FieldError::not_supported(
                        format!("{path}.apiGroup"),
                        &json!(group),
                        &[""],
                    ));
                }
                if !namespaced && text(subject, "/namespace").is_empty() {
                    errors.push(FieldError::required(format!("{path}.namespace"), ""));
                }
            }
            "User" | "Group" => {
                if group != GROUP {
                    errors.push(FieldError::not_supported(
                        format!("{path}.apiGroup"),
                        &json!(group),
                        &[GROUP],
                    ));
                }
            }
            kind => errors.push(FieldError::not_supported(
                format!("{path}.kind"),
                &json!(kind),
                &["Group", "ServiceAccount", "User"],
            )),
        }
    }
    errors
}
