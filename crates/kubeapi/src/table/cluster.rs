//! Rows of everything that is no workload.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{created, items, labels_text, name, number, or_none, text};
use crate::meta;
use crate::time::age;

/// Endpoints shown before the rest is only counted.
const SHOWN: usize = 3;

pub(super) fn event(event: &Value, now: Timestamp) -> Vec<Value> {
    let first = first_of(event, &["/firstTimestamp", "/eventTime"]);
    let series = text(event, "/series/lastObservedTime");
    let last = if series.is_empty() {
        first_of(event, &["/lastTimestamp", "/firstTimestamp", "/eventTime"])
    } else {
        Some(series)
    };
    let count = match number(event, "/series/count") {
        0 => number(event, "/count").max(1),
        count => count,
    };
    event_cells(
        event,
        now,
        "/involvedObject",
        "/message",
        first,
        last,
        count,
        &source(event),
    )
}

pub(super) fn event_v1(event: &Value, now: Timestamp) -> Vec<Value> {
    let first = first_of(event, &["/deprecatedFirstTimestamp", "/eventTime"]);
    let last = first_of(
        event,
        &[
            "/series/lastObservedTime",
            "/deprecatedLastTimestamp",
            "/eventTime",
        ],
    );
    let count = number(event, "/deprecatedCount").max(1);
    event_cells(
        event,
        now,
        "/regarding",
        "/note",
        first,
        last,
        count,
        text(event, "/reportingController"),
    )
}

fn first_of<'a>(event: &'a Value, paths: &[&str]) -> Option<&'a str> {
    paths
        .iter()
        .map(|path| text(event, path))
        .find(|time| !time.is_empty())
}

fn source(event: &Value) -> String {
    let component = match text(event, "/source/component") {
        "" => text(event, "/reportingComponent"),
        component => component,
    };
    let host = match text(event, "/source/host") {
        "" => text(event, "/reportingInstance"),
        host => host,
    };
    if host.is_empty() {
        component.to_owned()
    } else {
        format!("{component}, {host}")
    }
}

#[allow(clippy::too_many_arguments)] // the ways in which the two versions of events differ
fn event_cells(
    event: &Value,
    now: Timestamp,
    about: &str,
    message: &str,
    first: Option<&str>,
    last: Option<&str>,
    count: i64,
    source: &str,
) -> Vec<Value> {
    let part = |field: &str| text(event, &format!("{about}/{field}"));
    let object = match part("name") {
        "" => part("kind").to_lowercase(),
        name => format!("{}/{name}", part("kind").to_lowercase()),
    };
    vec![
        json!(age(last, now)),
        json!(text(event, "/type")),
        json!(text(event, "/reason")),
        json!(object),
        json!(part("fieldPath")),
        json!(source),
        json!(text(event, message).trim()),
        json!(age(first, now)),
        json!(count),
        name(event),
    ]
}

pub(super) fn service(service: &Value, now: Timestamp) -> Vec<Value> {
    let kind = text(service, "/spec/type");
    let internal = match text(service, "/spec/clusterIP") {
        "" => "<none>",
        ip => ip,
    };
    let external: Vec<&str> = meta::strings(service.pointer("/spec/externalIPs"));
    let balanced: Vec<&str> = items(service, "/status/loadBalancer/ingress")
        .iter()
        .map(|i| match text(i, "/ip") {
            "" => text(i, "/hostname"),
            ip => ip,
        })
        .collect();
    let external = match kind {
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        "LoadBalancer" if balanced.is_empty() && external.is_empty() => "<pending>".to_owned(),
        "LoadBalancer" => [balanced, external].concat().join(","),
        _ if external.is_empty() => "<none>".to_owned(),
        _ => external.join(","),
    };
    let ports: Vec<String> = items(service, "/spec/ports")
        .iter()
        .map(|port| {
            let (number, node, protocol) = (
                self::number(port, "/port"),
                self::number(port, "/nodePort"),
                text(port, "/protocol"),
            );
            if node > 0 {
                format!("{number}:{node}/{protocol}")
            } else {
                format!("{number}/{protocol}")
            }
        })
        .collect();
    vec![
        name(service),
        json!(kind),
        json!(if kind == "ExternalName" {
            "<none>"
        } else {
            internal
        }),
        json!(external),
        or_none(&ports.join(",")),
        created(service, now),
        json!(labels_text(service.pointer("/spec/selector"))),
    ]
}

pub(super) fn endpoints(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut all = Vec::new();
    for subset in items(object, "/subsets") {
        let ports = items(subset, "/ports");
        for address in items(subset, "/addresses") {
            let ip = text(address, "/ip");
            if ports.is_empty() {
                all.push(ip.to_owned());
            }
            all.extend(ports.iter().map(|port| format!("{ip}:{}", number(port, "/port"))));
        }
    }
    vec![name(object), json!(shortened(&all)), created(object, now)]
}

fn shortened(all: &[String]) -> String {
    if all.is_empty() {
        return "<none>".to_owned();
    }
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(",");
    if all.len() > SHOWN {
        format!("{shown} + {} more...", all.len() - SHOWN)
    } else {
        shown
    }
}

pub(super) fn endpoint_slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = items(object, "/ports")
        .iter()
        .map(|p| number(p, "/port").to_string())
        .collect();
    let addresses: Vec<String> = items(object, "/endpoints")
        .iter()
        .flat_map(|e| meta::strings(e.get("addresses")))
        .map(str::to_owned)
        .collect();
    let ports = if ports.is_empty() {
        "<unset>".to_owned()
    } else {
        shortened(&ports)
    };
    let addresses = if addresses.is_empty() {
        "<unset>".to_owned()
    } else {
        shortened(&addresses)
    };
    vec![
        name(object),
        json!(text(object, "/addressType")),
        json!(ports),
        json!(addresses),
        created(object, now),
    ]
}

pub(super) fn namespace(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        json!(text(object, "/status/phase")),
        created(object, now),
    ]
}

pub(super) fn node(node: &Value, now: Timestamp) -> Vec<Value> {
    let ready = items(node, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == "Ready");
    let mut status = match ready {
        Some(condition) if text(condition, "/status") == "True" => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if node.pointer("/spec/unschedulable").and_then(Value::as_bool) == Some(true) {
        status.push_str(",SchedulingDisabled");
    }
    let mut roles: Vec<&str> = meta::labels(node)
        .into_iter()
        .flatten()
        .filter_map(
            |(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                Some(role) if !role.is_empty() => Some(role),
                _ if key == "kubernetes.io/role" => value.as_str(),
                _ => None,
            },
        )
        .collect();
    roles.sort_unstable();
    let address = |kind: &str| {
        let found = items(node, "/status/addresses")
            .iter()
            .find(|a| text(a, "/type") == kind);
        or_none(found.map_or("", |a| text(a, "/address")))
    };
    let info = |field: &str| match text(node, &format!("/status/nodeInfo/{field}")) {
        "" => json!("<unknown>"),
        value => json!(value),
    };
    vec![
        name(node),
        json!(status),
        or_none(&roles.join(",")),
        created(node, now),
        json!(text(node, "/status/nodeInfo/kubeletVersion")),
        address("InternalIP"),
        address("ExternalIP"),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

fn map_len(object: &Value, field: &str) -> usize {
    object
        .get(field)
        .and_then(Value::as_object)
        .map_or(0, serde_json::Map::len)
}

pub(super) fn configmap(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        json!(map_len(object, "data") + map_len(object, "binaryData")),
        created(object, now),
    ]
}

pub(super) fn secret(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        json!(text(object, "/type")),
        json!(map_len(object, "data")),
        created(object, now),
    ]
}

pub(super) fn api_service(object: &Value, now: Timestamp) -> Vec<Value> {
    let service = match object.pointer("/spec/service") {
        Some(service) if service.is_object() => {
            json!(format!(
                "{}/{}",
                text(service, "/namespace"),
                text(service, "/name")
            ))
        }
        _ => json!("Local"),
    };
    let available = items(object, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == "Available")
        .map_or_else(
            || "Unknown".to_owned(),
            |c| match text(c, "/status") {
                "True" => "True".to_owned(),
                status => format!("{status} ({})", text(c, "/reason")),
            },
        );
    vec![name(object), service, json!(available), created(object, now)]
}

pub(super) fn role_binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let subjects = |kind: &str| {
        let names: Vec<String> = items(object, "/subjects")
            .iter()
            .filter(|subject| text(subject, "/kind") == kind)
            .map(|subject| match text(subject, "/namespace") {
                "" => text(subject, "/name").to_owned(),
                namespace => format!("{namespace}/{}", text(subject, "/name")),
            })
            .collect();
        json!(names.join(", "))
    };
    let role = format!(
        "{}/{}",
        text(object, "/roleRef/kind"),
        text(object, "/roleRef/name")
    );
    vec![
        name(object),
        json!(role),
        created(object, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}
