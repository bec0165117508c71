//! Rules for metrics and their targets.

use capstan_kubeapi::{FieldError, validation as kubernetes};
use serde_json::{Value, json};

use super::{ReferenceOptions, given, names, number, quantity, reference, text};

/// Type and field of every source of metrics, in the order in which they are looked at.
const SOURCES: [(&str, &str); 5] = [
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];

pub(super) fn all(errors: &mut Vec<FieldError>, spec: &Value, min: Option<i64>, described: ReferenceOptions) {
    let metrics = spec
        .get("metrics")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for (index, metric) in metrics.iter().enumerate() {
        one(errors, &format!("spec.metrics[{index}]"), metric, described);
    }
    let counts_alone = |metric: &Value| matches!(text(metric, "type"), "Object" | "External");
    if min == Some(0) && !metrics.iter().any(counts_alone) {
        errors.push(FieldError::forbidden(
            "spec.metrics",
            "must specify at least one Object or External metric to support scaling to zero replicas",
        ));
    }
}

fn one(errors: &mut Vec<FieldError>, path: &str, metric: &Value, described: ReferenceOptions) {
    let kind = text(metric, "type");
    let unsupported = || {
        let mut supported: Vec<&str> = SOURCES.iter().map(|(kind, _)| *kind).collect();
        supported.sort_unstable();
        FieldError::not_supported(format!("{path}.type"), &json!(kind), &supported)
    };
    if kind.is_empty() {
        errors.push(FieldError::required(
            format!("{path}.type"),
            "must specify a metric source type",
        ));
    }
    let expected = SOURCES
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, field)| *field);
    if expected.is_none() {
        errors.push(unsupported());
    }
    let present: Vec<&str> = SOURCES
        .iter()
        .map(|(_, field)| *field)
        .filter(|field| given(metric, field).is_some())
        .collect();
    if let Some(first) = present.first()
        && let Some(source) = given(metric, first)
    {
        let path = format!("{path}.{first}");
        match *first {
            "object" => object(errors, &path, source, described),
            "external" => external(errors, &path, source),
            "pods" => pods(errors, &path, source),
            "resource" => resource(errors, &path, source),
            _ => container_resource(errors, &path, source),
        }
    }
    match expected {
        Some(field) if !present.contains(&field) => errors.push(FieldError::required(
            format!("{path}.{field}"),
            "must populate information for the given metric source",
        )),
        Some(_) => {}
        // Upstream asks twice, and says so twice.
        None => errors.push(unsupported()),
    }
    if present.len() != 1 {
        for field in present.iter().filter(|field| Some(**field) != expected) {
            errors.push(FieldError::forbidden(
                format!("{path}.{field}"),
                "must populate the given metric source only",
            ));
        }
    }
}

fn none() -> &'static Value {
    &Value::Null
}

fn part<'a>(source: &'a Value, field: &str) -> &'a Value {
    source.get(field).unwrap_or(none())
}

fn has(source: &Value, field: &str) -> bool {
    given(part(source, "target"), field).is_some()
}

fn object(errors: &mut Vec<FieldError>, path: &str, source: &Value, described: ReferenceOptions) {
    reference(
        errors,
        &format!("{path}.describedObject"),
        part(source, "describedObject"),
        described,
    );
    identifier(errors, path, source);
    target(errors, path, source);
    if !has(source, "value") && !has(source, "averageValue") {
        errors.push(FieldError::required(
            format!("{path}.target.averageValue"),
            "must set either a target value or averageValue",
        ));
    }
}

fn external(errors: &mut Vec<FieldError>, path: &str, source: &Value) {
    identifier(errors, path, source);
    target(errors, path, source);
    match (has(source, "value"), has(source, "averageValue")) {
        (false, false) => errors.push(FieldError::required(
            format!("{path}.target.averageValue"),
            "must set either a target value for metric or a per-pod target",
        )),
        (true, true) => errors.push(FieldError::forbidden(
            format!("{path}.target.value"),
            "may not set both a target value for metric and a per-pod target",
        )),
        _ => {}
    }
}

fn pods(errors: &mut Vec<FieldError>, path: &str, source: &Value) {
    identifier(errors, path, source);
    target(errors, path, source);
    if !has(source, "averageValue") {
        errors.push(FieldError::required(
            format!("{path}.target.averageValue"),
            "must specify a positive target averageValue",
        ));
    }
}

fn resource(errors: &mut Vec<FieldError>, path: &str, source: &Value) {
    if text(source, "name").is_empty() {
        errors.push(FieldError::required(
            format!("{path}.name"),
            "must specify a resource name",
        ));
    }
    usage(errors, path, source);
}

fn container_resource(errors: &mut Vec<FieldError>, path: &str, source: &Value) {
    let name = text(source, "name");
    let field = format!("{path}.name");
    if name.is_empty() {
        errors.push(FieldError::required(field, "must specify a resource name"));
    } else {
        for detail in names::container_resource(name) {
            errors.push(FieldError::invalid(&field, &json!(name), &detail));
        }
    }
    let container = text(source, "container");
    let field = format!("{path}.container");
    if container.is_empty() {
        errors.push(FieldError::required(field, "must specify a container"));
    } else {
        for detail in kubernetes::dns1123_label(container) {
            errors.push(FieldError::invalid(&field, &json!(container), &detail));
        }
    }
    usage(errors, path, source);
}

/// What Resource and ContainerResource have in common.
fn usage(errors: &mut Vec<FieldError>, path: &str, source: &Value) {
    target(errors, path, source);
    match (has(source, "averageUtilization"), has(source, "averageValue")) {
        (false, false) => errors.push(FieldError::required(
            format!("{path}.target.averageUtilization"),
            "must set either a target raw value or a target utilization",
        )),
        (true, true) => errors.push(FieldError::forbidden(
            format!("{path}.target.averageValue"),
            "may not set both a target raw value and a target utilization",
        )),
        _ => {}
    }
}

fn target(errors: &mut Vec<FieldError>, path: &str, source: &Value) {
    let (path, target) = (format!("{path}.target"), part(source, "target"));
    let kind = text(target, "type");
    if kind.is_empty() {
        errors.push(FieldError::required(
            format!("{path}.type"),
            "must specify a metric target type",
        ));
    }
    if !matches!(kind, "Utilization" | "Value" | "AverageValue") {
        errors.push(FieldError::invalid(
            format!("{path}.type"),
            &json!(kind),
            "must be either Utilization, Value, or AverageValue",
        ));
    }
    for field in ["value", "averageValue"] {
        if let Some(value) = given(target, field)
            && quantity(value).is_some_and(|q| q.sign() != 1)
        {
            errors.push(FieldError::invalid(
                format!("{path}.{field}"),
                value,
                "must be positive",
            ));
        }
    }
    if let Some(utilization) = number(target, "averageUtilization").filter(|u| *u < 1) {
        errors.push(FieldError::invalid(
            format!("{path}.averageUtilization"),
            &json!(utilization),
            "must be greater than 0",
        ));
    }
}

fn identifier(errors: &mut Vec<FieldError>, path: &str, source: &Value) {
    let name = text(part(source, "metric"), "name");
    let field = format!("{path}.metric.name");
    if name.is_empty() {
        errors.push(FieldError::required(field, "must specify a metric name"));
    } else {
        for detail in names::path_segment(name) {
            errors.push(FieldError::invalid(&field, &json!(name), &detail));
        }
    }
}
