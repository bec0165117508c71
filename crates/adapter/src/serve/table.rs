//! Values as tables, for clients that print them.

use capstan_kubeapi::time;
use capstan_metrics::{Labels, Reading, Series};
use jiff::Timestamp;
use serde_json::{Value, json};

fn column(name: &str, format: &str, description: &str) -> Value {
    json!({"name": name, "type": "string", "format": format, "description": description, "priority": 0})
}

fn table(version: &str, columns: &[Value], rows: Vec<Value>) -> Value {
    json!({
        "kind": "Table",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": {},
        "columnDefinitions": columns,
        "rows": rows,
    })
}

fn row(cells: Value, name: &str, namespace: &str) -> Value {
    let mut metadata = json!({ "name": name });
    if !namespace.is_empty() {
        metadata["namespace"] = json!(namespace);
    }
    json!({
        "cells": cells,
        "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata},
    })
}

fn labels(labels: &Labels) -> String {
    if labels.is_empty() {
        return "<none>".to_owned();
    }
    let pairs: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    pairs.join(",")
}

fn age(reading: &Reading, now: Timestamp) -> String {
    time::human_duration(now.duration_since(reading.sample.at).as_secs())
}

/// Values of an external metric.
pub(super) fn external(readings: &[Reading], version: &str, now: Timestamp) -> Value {
    let columns = [
        column("Name", "name", "Name of the metric"),
        column("Labels", "", "Labels of the series"),
        column("Value", "quantity", ""),
        column("Age", "", "How old the value is"),
    ];
    let rows = readings
        .iter()
        .map(|reading| {
            let series = &reading.series;
            let cells = json!([
                series.metric(),
                labels(series.labels()),
                reading.sample.value,
                age(reading, now)
            ]);
            row(cells, series.metric(), series.namespace())
        })
        .collect();
    table(version, &columns, rows)
}

/// Values of a metric of objects.
pub(super) fn custom(readings: &[Reading], version: &str, now: Timestamp) -> Value {
    let columns = [
        column("Name", "name", "Name of the object"),
        column("Kind", "", "Kind of the object"),
        column("Metric", "", "Name of the metric"),
        column("Value", "quantity", ""),
        column("Age", "", "How old the value is"),
    ];
    let rows = readings
        .iter()
        .map(|reading| {
            let (kind, name) = match &*reading.series {
                Series::Object { kind, name, .. } => (kind.as_str(), name.as_str()),
                Series::External { metric, .. } => ("", metric.as_str()),
            };
            let cells = json!([
                name,
                kind,
                reading.series.metric(),
                reading.sample.value,
                age(reading, now)
            ]);
            row(cells, name, reading.series.namespace())
        })
        .collect();
    table(version, &columns, rows)
}
