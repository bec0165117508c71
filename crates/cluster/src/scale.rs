//! The `scale` subresource: `autoscaling/v1`, and the old shape of `extensions/v1beta1`.

use capstan_kubeapi::custom::ScalePaths;
use capstan_kubeapi::{FieldError, Resource, Status, meta};
use serde_json::{Map, Value, json};

/// The `Scale` of a stored object. As on the wire, a replica count of 0 is absent in `spec` and present in `status`.
pub(crate) fn of(resource: Resource, stored: &Value) -> Result<Value, Status> {
    let Some((group, version, kind)) = resource.subresource("scale").and_then(|s| s.gvk) else {
        return Err(Status::no_such_resource());
    };
    if let Some(paths) = resource.custom.and_then(|custom| custom.scale.as_ref()) {
        return Ok(custom_scale(paths, stored));
    }
    let mut metadata = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = stored.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let replicas = stored
        .pointer("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(1);
    let spec = if replicas == 0 {
        json!({})
    } else {
        json!({ "replicas": replicas })
    };
    let mut status = Map::new();
    let observed = stored
        .pointer("/status/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    status.insert("replicas".to_owned(), observed.into());
    let selector = stored.pointer("/spec/selector").cloned().unwrap_or(Value::Null);
    // A replication controller's selector is a plain map.
    let selector = if resource.plural == "replicationcontrollers" {
        json!({ "matchLabels": selector })
    } else {
        selector
    };
    let text = capstan_kubeapi::selector::label_selector_string(&selector);
    if group == "extensions" {
        if let Some(labels) = selector.get("matchLabels").filter(|l| l.is_object()) {
            status.insert("selector".to_owned(), labels.clone());
        }
        status.insert("targetSelector".to_owned(), text.into());
    } else {
        status.insert("selector".to_owned(), text.into());
    }
    let api_version = capstan_kubeapi::resource::api_version(group, version);
    Ok(json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "spec": spec, "status": status}))
}

fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, field| value.get(field))
}

fn set_at(object: &mut Value, path: &[String], value: Value) {
    match path {
        [] => *object = value,
        [field, rest @ ..] => {
            if !object.is_object() {
                *object = json!({});
            }
            if let Some(map) = object.as_object_mut() {
                set_at(map.entry(field.clone()).or_insert(Value::Null), rest, value);
            }
        }
    }
}

/// The `Scale` of an object of a custom kind. What is absent counts as 0, and a selector that is absent as none.
fn custom_scale(paths: &ScalePaths, stored: &Value) -> Value {
    let mut metadata = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = stored.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let number = |path: &[String]| at(stored, path).and_then(Value::as_i64).unwrap_or(0);
    let wanted = number(&paths.spec_replicas);
    let spec = if wanted == 0 {
        json!({})
    } else {
        json!({ "replicas": wanted })
    };
    let mut status = json!({"replicas": number(&paths.status_replicas)});
    let selector = paths
        .label_selector
        .as_ref()
        .and_then(|path| at(stored, path))
        .and_then(Value::as_str);
    if let Some(selector) = selector.filter(|s| !s.is_empty()) {
        status["selector"] = json!(selector);
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status})
}

/// `current` with the replica count that `wanted`, a `Scale`, asks for.
pub(crate) fn put(resource: Resource, current: &Value, wanted: &Value) -> Result<Value, Status> {
    let name = meta::name(current);
    let stored = capstan_kubeapi::resource::storage_of(resource);
    let given = meta::name(wanted);
    if !given.is_empty() && given != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        )));
    }
    check_type(wanted)?;
    let version = meta::resource_version(wanted);
    if !version.is_empty() && version != meta::resource_version(current) {
        return Err(Status::modified(stored.0, name));
    }
    let uid = meta::uid(wanted);
    if !uid.is_empty() && uid != meta::uid(current) {
        return Err(Status::conflict(
            stored.0,
            name,
            &format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                meta::uid(current)
            ),
        ));
    }
    let replicas = match wanted.pointer("/spec/replicas") {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_i64().filter(|n| i32::try_from(*n).is_ok()).ok_or_else(|| {
            let what = match value {
                Value::String(_) => "string".to_owned(),
                Value::Bool(_) => "bool".to_owned(),
                Value::Array(_) => "array".to_owned(),
                Value::Object(_) => "object".to_owned(),
                other => format!("number {other}"),
            };
            Status::bad_request(format!(
                "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal {what} into Go struct field ScaleSpec.spec.replicas of type int32"
            ))
        })?,
    };
    if replicas < 0 {
        let error = FieldError::invalid(
            "spec.replicas",
            &json!(replicas),
            "must be greater than or equal to 0",
        );
        return Err(Status::invalid("autoscaling", "Scale", name, &[error]));
    }
    let mut next = current.clone();
    if let Some(paths) = resource.custom.and_then(|custom| custom.scale.as_ref()) {
        if at(&next, &paths.spec_replicas).and_then(Value::as_i64) != Some(replicas) {
            set_at(&mut next, &paths.spec_replicas, replicas.into());
            let generation = meta::generation(current) + 1;
            meta::set(&mut next, "generation", generation);
        }
        return Ok(next);
    }
    if next.pointer("/spec/replicas").and_then(Value::as_i64) != Some(replicas) {
        if let Some(spec) = meta::object_at(&mut next, "spec") {
            spec.insert("replicas".to_owned(), replicas.into());
        }
        let generation = meta::generation(current) + 1;
        meta::set(&mut next, "generation", generation);
    }
    Ok(next)
}

/// Refuses what calls itself something else than a `Scale`.
pub(crate) fn check_type(wanted: &Value) -> Result<(), Status> {
    match wanted.get("kind").and_then(Value::as_str) {
        None | Some("" | "Scale") => Ok(()),
        Some(kind) => Err(Status::bad_request(format!(
            "{kind} in version \"v1\" cannot be handled as a Scale: converting (v1.{kind}) to (autoscaling.Scale): unknown conversion"
        ))),
    }
}
