//! The rules that people run into, with upstream's field paths and words (`pkg/apis/*/validation`).

use capstan_hpa::options::Gates;
use capstan_kubeapi::builtin::CUSTOMRESOURCEDEFINITIONS;
use capstan_kubeapi::{FieldError, Resource, Selector, meta, structural, validation};
use serde_json::{Map, Value, json};

use super::{autoscalers, custom_resources};

mod api_services;
mod pods;
mod rbac;
mod services;

/// Whether a field is absent, null, or the empty text, list or map.
fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

fn not_negative(errors: &mut Vec<FieldError>, path: &str, value: Option<&Value>) {
    if let Some(number) = value.and_then(Value::as_i64)
        && number < 0
    {
        errors.push(FieldError::invalid(
            path,
            &json!(number),
            "must be greater than or equal to 0",
        ));
    }
}

/// Rules for a set of labels.
pub(super) fn labels(path: &str, labels: Option<&Map<String, Value>>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in labels.into_iter().flatten() {
        for error in validation::qualified_name(key) {
            errors.push(FieldError::invalid(path, &json!(key), &error));
        }
        for error in validation::label_value(value.as_str().unwrap_or("")) {
            errors.push(FieldError::invalid(path, value, &error));
        }
    }
    errors
}

/// Rules for a new object.
pub(super) fn create(resource: Resource, stored: Resource, object: &Value, gates: Gates) -> Vec<FieldError> {
    if let Some(custom) = resource.custom {
        return structural::validate(&custom.schema, object);
    }
    match (stored.group, stored.plural) {
        ("", "pods") => pods::spec("spec", object.get("spec"), false),
        ("", "services") => services::service(object),
        ("apps", "deployments" | "replicasets" | "statefulsets") => workload(stored, object),
        ("", "replicationcontrollers") => replication_controller(object),
        ("", "configmaps") => data_keys(object, &["data", "binaryData"]),
        ("", "secrets") => data_keys(object, &["data"]),
        ("", "events") => event(object),
        ("autoscaling", "horizontalpodautoscalers") => autoscalers::validate(object, None, gates),
        ("apiregistration.k8s.io", "apiservices") => api_services::validate(object),
        ("rbac.authorization.k8s.io", _) => rbac::validate(stored, object),
        ("apiextensions.k8s.io", "customresourcedefinitions") => custom_resources::validate(object, None),
        _ => Vec::new(),
    }
}

/// Rules for the next state of an object.
pub(super) fn update(
    resource: Resource,
    stored: Resource,
    current: &Value,
    wanted: &Value,
    gates: Gates,
) -> Vec<FieldError> {
    // What an autoscaler may keep depends on what it was.
    if (stored.group, stored.plural) == ("autoscaling", "horizontalpodautoscalers") {
        return autoscalers::validate(wanted, Some(current), gates);
    }
    if stored == CUSTOMRESOURCEDEFINITIONS {
        return custom_resources::validate(wanted, Some(current));
    }
    let mut errors = create(resource, stored, wanted, gates);
    match (stored.group, stored.plural) {
        ("apps", "deployments" | "replicasets") => {
            immutable(
                &mut errors,
                "spec.selector",
                current.pointer("/spec/selector"),
                wanted.pointer("/spec/selector"),
            );
        }
        ("apps", "statefulsets") => {
            const MUTABLE: &[&str] = &[
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ];
            if strip(current.get("spec"), MUTABLE) != strip(wanted.get("spec"), MUTABLE) {
                errors.push(FieldError::forbidden("spec", "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"));
            }
        }
        ("", "pods") => errors.extend(pods::update(current, wanted)),
        ("", "services") => {
            let before = current.pointer("/spec/clusterIP");
            if !is_empty(before)
                && !is_empty(wanted.pointer("/spec/clusterIP"))
                && wanted.pointer("/spec/type") == current.pointer("/spec/type")
            {
                immutable(
                    &mut errors,
                    "spec.clusterIPs[0]",
                    before,
                    wanted.pointer("/spec/clusterIP"),
                );
            }
        }
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings")
            if current.get("roleRef") != wanted.get("roleRef") =>
        {
            let role = wanted.get("roleRef").unwrap_or(&Value::Null);
            errors.push(FieldError::invalid("roleRef", role, "cannot change roleRef"));
        }
        ("", "secrets") => {
            immutable(&mut errors, "type", current.get("type"), wanted.get("type"));
            frozen(&mut errors, current, wanted, &["data"]);
        }
        ("", "configmaps") => frozen(&mut errors, current, wanted, &["data", "binaryData"]),
        _ => {}
    }
    errors
}

/// Rules for a status.
pub(super) fn status(resource: Resource, stored: Resource, object: &Value) -> Vec<FieldError> {
    if let Some(custom) = resource.custom {
        return structural::validate(&custom.schema, object);
    }
    if (stored.group, stored.plural) == ("autoscaling", "horizontalpodautoscalers") {
        return autoscalers::validate_status(object);
    }
    let mut errors = Vec::new();
    if stored.group == "apps" || stored.plural == "replicationcontrollers" {
        for field in [
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
            "unavailableReplicas",
            "fullyLabeledReplicas",
            "currentReplicas",
            "observedGeneration",
        ] {
            let value = object.get("status").and_then(|s| s.get(field));
            not_negative(&mut errors, &format!("status.{field}"), value);
        }
        let count = |field: &str| {
            object
                .get("status")
                .and_then(|s| s.get(field))
                .and_then(Value::as_i64)
                .unwrap_or(0)
        };
        for (field, above, detail) in [
            (
                "readyReplicas",
                "replicas",
                "cannot be greater than status.replicas",
            ),
            (
                "availableReplicas",
                "replicas",
                "cannot be greater than status.replicas",
            ),
            (
                "availableReplicas",
                "readyReplicas",
                "cannot be greater than readyReplicas",
            ),
        ] {
            if count(field) > count(above) {
                errors.push(FieldError::invalid(
                    format!("status.{field}"),
                    &json!(count(field)),
                    detail,
                ));
            }
        }
    }
    errors
}

/// Things worth telling the writer that are no errors.
pub(super) fn warnings(stored: Resource, object: &Value, warnings: &mut Vec<String>) {
    if stored.plural == "services" && !is_empty(object.pointer("/spec/externalIPs")) {
        warnings
            .push("spec.externalIPs is ignored: the embedded cluster has no network of its own".to_owned());
    }
}

fn immutable(errors: &mut Vec<FieldError>, path: &str, before: Option<&Value>, after: Option<&Value>) {
    if before != after {
        errors.push(FieldError::invalid(
            path,
            after.unwrap_or(&Value::Null),
            "field is immutable",
        ));
    }
}

/// Objects marked immutable keep their data.
fn frozen(errors: &mut Vec<FieldError>, current: &Value, wanted: &Value, fields: &[&str]) {
    if current.get("immutable").and_then(Value::as_bool) != Some(true) {
        return;
    }
    let text = "field is immutable when `immutable` is set";
    if wanted.get("immutable").and_then(Value::as_bool) != Some(true) {
        errors.push(FieldError::forbidden("immutable", text));
    }
    for field in fields {
        if current.get(*field) != wanted.get(*field) {
            errors.push(FieldError::forbidden(*field, text));
        }
    }
}

fn strip(spec: Option<&Value>, fields: &[&str]) -> Value {
    let mut spec = spec.cloned().unwrap_or(Value::Null);
    if let Some(map) = spec.as_object_mut() {
        map.retain(|key, value| !fields.contains(&key.as_str()) && !is_empty(Some(value)));
    }
    spec
}

fn data_keys(object: &Value, fields: &[&str]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut size = 0;
    for field in fields {
        for (key, value) in object
            .get(*field)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            size += value.as_str().map_or(0, str::len);
            let good = !key.is_empty()
                && key.len() <= 253
                && key
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
            if !good || key == "." || key == ".." {
                let detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
                errors.push(FieldError::invalid(
                    format!("{field}[{key}]"),
                    &json!(key),
                    detail,
                ));
            }
        }
    }
    if size > 1024 * 1024 {
        errors.push(FieldError {
            field: String::new(),
            reason: "FieldValueTooLong",
            message: "Too long: may not be more than 1048576 bytes".to_owned(),
        });
    }
    errors
}

fn event(object: &Value) -> Vec<FieldError> {
    let about = object
        .pointer("/involvedObject/namespace")
        .and_then(Value::as_str)
        .unwrap_or("");
    let namespace = meta::namespace(object);
    // Cluster-scoped objects have their events in the namespace default.
    if (about.is_empty() && namespace != "default" && namespace != "kube-system")
        || (!about.is_empty() && about != namespace)
    {
        return vec![FieldError::invalid(
            "involvedObject.namespace",
            &json!(about),
            "does not match event.namespace",
        )];
    }
    Vec::new()
}

fn workload(stored: Resource, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let empty = json!({});
    let spec = object.get("spec").unwrap_or(&empty);
    not_negative(&mut errors, "spec.replicas", spec.get("replicas"));
    not_negative(&mut errors, "spec.minReadySeconds", spec.get("minReadySeconds"));
    if stored.plural == "deployments" {
        not_negative(
            &mut errors,
            "spec.revisionHistoryLimit",
            spec.get("revisionHistoryLimit"),
        );
        not_negative(
            &mut errors,
            "spec.progressDeadlineSeconds",
            spec.get("progressDeadlineSeconds"),
        );
    }
    let selector = spec.get("selector");
    match selector {
        None | Some(Value::Null) => errors.push(FieldError::required("spec.selector", "")),
        Some(object) => match Selector::of_object(selector) {
            Err(error) => errors.push(FieldError::invalid("spec.selector", object, &error)),
            Ok(parsed) if parsed.is_everything() => {
                let kind = match stored.plural {
                    "deployments" => "deployment",
                    "replicasets" => "replicaset",
                    _ => "statefulset",
                };
                errors.push(FieldError::invalid(
                    "spec.selector",
                    object,
                    &format!("empty selector is invalid for {kind}"),
                ));
            }
            Ok(parsed) => {
                let template = spec
                    .pointer("/template/metadata/labels")
                    .and_then(Value::as_object);
                if !parsed.matches(template) {
                    let shown = template.map_or_else(|| json!(null), |labels| json!(labels));
                    errors.push(FieldError::invalid(
                        "spec.template.metadata.labels",
                        &shown,
                        "`selector` does not match template `labels`",
                    ));
                }
            }
        },
    }
    if stored.plural == "deployments" {
        strategy(&mut errors, spec);
    }
    errors.extend(template(spec.get("template")));
    errors
}

fn strategy(errors: &mut Vec<FieldError>, spec: &Value) {
    let Some(strategy) = spec.get("strategy") else {
        return;
    };
    let kind = strategy.get("type").and_then(Value::as_str).unwrap_or("");
    let rolling = strategy.get("rollingUpdate");
    match kind {
        "Recreate" => {
            if rolling.is_some_and(|r| !r.is_null()) {
                errors.push(FieldError::forbidden(
                    "spec.strategy.rollingUpdate",
                    "may not be specified when strategy `type` is 'Recreate'",
                ));
            }
        }
        "RollingUpdate" => {
            let zero = |field: &str| {
                rolling
                    .and_then(|r| r.get(field))
                    .is_some_and(|v| v.as_i64() == Some(0) || v.as_str() == Some("0%"))
            };
            if zero("maxUnavailable") && zero("maxSurge") {
                let value = rolling
                    .and_then(|r| r.get("maxUnavailable"))
                    .unwrap_or(&Value::Null);
                errors.push(FieldError::invalid(
                    "spec.strategy.rollingUpdate.maxUnavailable",
                    value,
                    "may not be 0 when `maxSurge` is 0",
                ));
            }
        }
        other => errors.push(FieldError::not_supported(
            "spec.strategy.type",
            &json!(other),
            &["Recreate", "RollingUpdate"],
        )),
    }
}

fn template(template: Option<&Value>) -> Vec<FieldError> {
    let path = "spec.template.metadata.labels";
    let mut errors = labels(
        path,
        template
            .and_then(|t| t.pointer("/metadata/labels"))
            .and_then(Value::as_object),
    );
    errors.extend(pods::spec(
        "spec.template.spec",
        template.and_then(|t| t.get("spec")),
        true,
    ));
    errors
}

fn replication_controller(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let empty = json!({});
    let spec = object.get("spec").unwrap_or(&empty);
    not_negative(&mut errors, "spec.minReadySeconds", spec.get("minReadySeconds"));
    let selector = spec.get("selector");
    if is_empty(selector) {
        errors.push(FieldError::required("spec.selector", ""));
    } else {
        let labels = spec
            .pointer("/template/metadata/labels")
            .and_then(Value::as_object);
        if !Selector::of_labels(selector).matches(labels) {
            let shown = labels.map_or_else(|| json!(null), |labels| json!(labels));
            errors.push(FieldError::invalid(
                "spec.template.metadata.labels",
                &shown,
                "`selector` does not match template `labels`",
            ));
        }
    }
    not_negative(&mut errors, "spec.replicas", spec.get("replicas"));
    errors.extend(template(spec.get("template")));
    errors
}
