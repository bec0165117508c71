//! `CustomResourceDefinition`s: what they are completed with, and their rules (apiextensions `pkg/apis/apiextensions`).

use capstan_kubeapi::jsonpath::JsonPath;
use capstan_kubeapi::{FieldError, meta, validation};
use serde_json::{Value, json};

use crate::custom::controller::CLEANUP;

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

/// Keeps a definition until its objects are gone.
pub(super) fn hold(object: &mut Value) {
    let mut finalizers: Vec<String> = meta::finalizers(object).into_iter().map(str::to_owned).collect();
    if !finalizers.iter().any(|f| f == CLEANUP) {
        finalizers.push(CLEANUP.to_owned());
        meta::set(object, "finalizers", finalizers);
    }
}

/// Names that follow from the kind, and the conversion that changes nothing.
pub(super) fn complete(object: &mut Value) {
    let kind = text(object, "/spec/names/kind").to_owned();
    let Some(spec) = meta::object_at(object, "spec") else {
        return;
    };
    spec.entry("conversion")
        .or_insert_with(|| json!({"strategy": "None"}));
    let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) else {
        return;
    };
    for (field, value) in [
        ("singular", kind.to_lowercase()),
        ("listKind", format!("{kind}List")),
    ] {
        if names.get(field).and_then(Value::as_str).unwrap_or("").is_empty() && !kind.is_empty() {
            names.insert(field.to_owned(), json!(value));
        }
    }
}

pub(super) fn validate(object: &Value, current: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (group, plural) = (text(object, "/spec/group"), text(object, "/spec/names/plural"));
    let name = meta::name(object);
    if name != format!("{plural}.{group}") {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", &json!(name), detail));
    }
    if group.is_empty() {
        errors.push(FieldError::required("spec.group", ""));
    } else if !group.contains('.') {
        let detail = "should be a domain with at least one dot";
        errors.push(FieldError::invalid("spec.group", &json!(group), detail));
    } else {
        for detail in validation::dns1123_subdomain(group) {
            errors.push(FieldError::invalid("spec.group", &json!(group), &detail));
        }
    }
    match text(object, "/spec/scope") {
        "" => errors.push(FieldError::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        scope => errors.push(FieldError::not_supported(
            "spec.scope",
            &json!(scope),
            &["Cluster", "Namespaced"],
        )),
    }
    versions(object, &mut errors);
    for (field, wanted) in [
        ("plural", plural),
        ("singular", text(object, "/spec/names/singular")),
        ("kind", text(object, "/spec/names/kind")),
    ] {
        let path = format!("spec.names.{field}");
        if wanted.is_empty() {
            if field != "singular" {
                errors.push(FieldError::required(path, ""));
            }
            continue;
        }
        for detail in validation::dns1035_label(&wanted.to_lowercase()) {
            errors.push(FieldError::invalid(&path, &json!(wanted), &detail));
        }
    }
    let strategy = text(object, "/spec/conversion/strategy");
    if strategy != "None" {
        errors.push(FieldError::not_supported(
            "spec.conversion.strategy",
            &json!(strategy),
            &["None"],
        ));
    }
    if let Some(current) = current {
        for field in ["group", "scope"] {
            let (before, after) = (
                current.pointer(&format!("/spec/{field}")),
                object.pointer(&format!("/spec/{field}")),
            );
            if before != after {
                let value = after.unwrap_or(&Value::Null);
                errors.push(FieldError::invalid(
                    format!("spec.{field}"),
                    value,
                    "field is immutable",
                ));
            }
        }
    }
    errors
}

fn versions(object: &Value, errors: &mut Vec<FieldError>) {
    let versions = object
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if versions.is_empty() {
        errors.push(FieldError::required(
            "spec.versions",
            "must have at least one version",
        ));
        return;
    }
    let is = |version: &Value, field: &str| version.get(field).and_then(Value::as_bool) == Some(true);
    if versions.iter().filter(|v| is(v, "storage")).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid("spec.versions", &json!(versions), detail));
    }
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        let name = text(version, "/name");
        for detail in validation::dns1035_label(name) {
            errors.push(FieldError::invalid(format!("{path}.name"), &json!(name), &detail));
        }
        if versions[..index].iter().any(|v| text(v, "/name") == name) {
            errors.push(FieldError::invalid(
                "spec.versions",
                &json!(versions),
                "must contain unique version names",
            ));
        }
        let schema = format!("{path}.schema.openAPIV3Schema");
        match version.pointer("/schema/openAPIV3Schema") {
            None => errors.push(FieldError::required(schema, "schemas are required")),
            Some(root) => {
                if text(root, "/type") != "object" {
                    let detail = "must be object at the root";
                    if text(root, "/type").is_empty() {
                        errors.push(FieldError::required(format!("{schema}.type"), detail));
                    } else {
                        errors.push(FieldError::invalid(
                            format!("{schema}.type"),
                            &json!(text(root, "/type")),
                            detail,
                        ));
                    }
                }
                structure(root, &schema, errors, 0);
            }
        }
        let columns = version.get("additionalPrinterColumns").and_then(Value::as_array);
        for (at, column) in columns.into_iter().flatten().enumerate() {
            let path = format!("{path}.additionalPrinterColumns[{at}]");
            if text(column, "/name").is_empty() {
                errors.push(FieldError::required(format!("{path}.name"), ""));
            }
            let kind = text(column, "/type");
            if !matches!(kind, "boolean" | "date" | "integer" | "number" | "string") {
                let detail = "must be one of boolean,date,integer,number,string";
                errors.push(FieldError::invalid(format!("{path}.type"), &json!(kind), detail));
            }
            let json_path = text(column, "/jsonPath");
            if JsonPath::parse(json_path).is_none() || !json_path.starts_with('.') {
                let detail = "must be a simple json path starting with .";
                errors.push(FieldError::invalid(
                    format!("{path}.jsonPath"),
                    &json!(json_path),
                    detail,
                ));
            }
        }
        if let Some(scale) = version.pointer("/subresources/scale") {
            for (field, below) in [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")] {
                let value = text(scale, &format!("/{field}"));
                let path = format!("{path}.subresources.scale.{field}");
                if value.is_empty() {
                    errors.push(FieldError::required(path, ""));
                } else if !value.starts_with(below)
                    || JsonPath::parse(value).is_none_or(|p| p.fields().is_none())
                {
                    let detail = format!("should be a json path under {}", below.trim_end_matches('.'));
                    errors.push(FieldError::invalid(path, &json!(value), &detail));
                }
            }
        }
    }
}

/// Every part of a structural schema has a type.
fn structure(schema: &Value, path: &str, errors: &mut Vec<FieldError>, depth: usize) {
    if depth > 64 {
        errors.push(FieldError::forbidden(path, "the schema is nested too deeply"));
        return;
    }
    let flag = |key: &str| schema.get(key).and_then(Value::as_bool) == Some(true);
    if depth > 0
        && text(schema, "/type").is_empty()
        && !flag("x-kubernetes-int-or-string")
        && !flag("x-kubernetes-preserve-unknown-fields")
    {
        errors.push(FieldError::required(
            format!("{path}.type"),
            "must not be empty for specified object fields",
        ));
    }
    for (name, child) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        structure(child, &format!("{path}.properties[{name}]"), errors, depth + 1);
    }
    for field in ["items", "additionalProperties"] {
        if let Some(child) = schema.get(field).filter(|c| c.is_object()) {
            structure(child, &format!("{path}.{field}"), errors, depth + 1);
        }
    }
}
