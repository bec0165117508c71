//! Rules for `APIService`s (kube-aggregator `pkg/apis/apiregistration/validation`).

use capstan_kubeapi::{FieldError, meta, validation};
use serde_json::{Value, json};

pub(super) fn validate(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let none = json!({});
    let spec = object.get("spec").unwrap_or(&none);
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
    let (group, version) = (text(spec, "group"), text(spec, "version"));
    let required = format!("{version}.{group}");
    if meta::name(object) != required {
        let detail = format!("must be `spec.version+\".\"+spec.group`: \"{required}\"");
        errors.push(FieldError::invalid(
            "metadata.name",
            &json!(meta::name(object)),
            &detail,
        ));
    }
    if group.is_empty() {
        if version != "v1" {
            errors.push(FieldError::required(
                "spec.group",
                "only v1 may have an empty group and it better be legacy kube",
            ));
        }
    } else {
        for detail in validation::dns1123_subdomain(&group) {
            errors.push(FieldError::invalid("spec.group", &json!(group), &detail));
        }
    }
    for detail in validation::dns1035_label(&version) {
        errors.push(FieldError::invalid("spec.version", &json!(version), &detail));
    }
    for (field, most, detail) in [
        (
            "groupPriorityMinimum",
            20_000,
            "must be positive and less than 20000",
        ),
        ("versionPriority", 1_000, "must be positive and less than 1000"),
    ] {
        let number = spec.get(field).and_then(Value::as_i64).unwrap_or(0);
        if number <= 0 || number > most {
            errors.push(FieldError::invalid(
                format!("spec.{field}"),
                &json!(number),
                detail,
            ));
        }
    }
    let insecure = spec.get("insecureSkipTLSVerify").and_then(Value::as_bool) == Some(true);
    let bundle = !text(spec, "caBundle").is_empty();
    let Some(service) = spec.get("service").filter(|s| s.is_object()) else {
        if bundle {
            let detail = "local APIServices may not have a caBundle";
            errors.push(FieldError::invalid("spec.caBundle", &spec["caBundle"], detail));
        }
        if insecure {
            let detail = "local APIServices may not have insecureSkipTLSVerify";
            errors.push(FieldError::invalid(
                "spec.insecureSkipTLSVerify",
                &json!(true),
                detail,
            ));
        }
        return errors;
    };
    for field in ["namespace", "name"] {
        if text(service, field).is_empty() {
            errors.push(FieldError::required(format!("spec.service.{field}"), ""));
        }
    }
    if let Some(port) = service
        .get("port")
        .and_then(Value::as_i64)
        .filter(|p| !(1..=65_535).contains(p))
    {
        let detail = "port is not valid: must be between 1 and 65535, inclusive";
        errors.push(FieldError::invalid("spec.service.port", &json!(port), detail));
    }
    if insecure && bundle {
        let detail = "may not be true if caBundle is present";
        errors.push(FieldError::invalid(
            "spec.insecureSkipTLSVerify",
            &json!(true),
            detail,
        ));
    }
    errors
}
