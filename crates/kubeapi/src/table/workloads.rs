//! Rows of workloads.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{containers, created, label_selector, labels_text, name, number};

const TEMPLATE: &str = "/spec/template/spec/containers";

pub(super) fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let desired = number(object, "/spec/replicas");
    let (names, images) = containers(object, TEMPLATE);
    vec![
        name(object),
        json!(format!("{}/{desired}", number(object, "/status/readyReplicas"))),
        json!(number(object, "/status/updatedReplicas")),
        json!(number(object, "/status/availableReplicas")),
        created(object, now),
        names,
        images,
        label_selector(object),
    ]
}

pub(super) fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, TEMPLATE);
    vec![
        name(object),
        json!(number(object, "/spec/replicas")),
        json!(number(object, "/status/replicas")),
        json!(number(object, "/status/readyReplicas")),
        created(object, now),
        names,
        images,
        label_selector(object),
    ]
}

pub(super) fn replication_controller(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = replica_set(object, now);
    if let Some(last) = cells.last_mut() {
        *last = json!(labels_text(object.pointer("/spec/selector")));
    }
    cells
}

pub(super) fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, TEMPLATE);
    let desired = number(object, "/spec/replicas");
    vec![
        name(object),
        json!(format!("{}/{desired}", number(object, "/status/readyReplicas"))),
        created(object, now),
        names,
        images,
    ]
}
