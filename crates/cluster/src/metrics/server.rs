//! The API: what metrics-server serves, and how it prints.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use capstan_kubeapi::builtin::{NODES, PODS};
use capstan_kubeapi::quantity::{Format, Quantity};
use capstan_kubeapi::{FieldSelector, Selector, Status, meta};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{GROUP, Measured, Metrics, PodUsage, Usage, VERSION};
use crate::controllers::timestamp;
use crate::http::negotiate::{Accept, Form};
use crate::http::path::{Query, percent_decode};
use crate::http::respond;

pub(super) fn router(metrics: Metrics) -> Router {
    Router::new().fallback(handle).with_state(metrics)
}

async fn handle(State(metrics): State<Metrics>, request: Request) -> Response {
    let accept = crate::http::accept(request.headers());
    answer(&metrics, &request, &accept).unwrap_or_else(|status| respond::status(&status, &accept))
}

fn api_version() -> String {
    format!("{GROUP}/{VERSION}")
}

fn answer(metrics: &Metrics, request: &Request, accept: &Accept) -> Result<Response, Status> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(Status::method_not_allowed());
    }
    let parts: Vec<String> = request
        .uri()
        .path()
        .split('/')
        .filter(|p| !p.is_empty())
        .map(percent_decode)
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let query = Query::parse(request.uri().query());
    let object = |value: &Value| respond::object(StatusCode::OK, value, accept);
    match parts.as_slice() {
        ["apis"] => match accept.discovery() {
            Some(version) => respond::discovery(&aggregated(version), version, request),
            None => Err(Status::not_acceptable("application/json")),
        },
        [_, _, _] => object(&resources()),
        [_, _, _, "nodes"] => nodes(metrics, &query, accept),
        [_, _, _, "nodes", name] => {
            let node = metrics.context.objects.get(NODES, None, name);
            match (node, metrics.node()) {
                (Ok(node), Some(measured)) => object(&typed("NodeMetrics", node_item(&node, measured))),
                _ => Err(not_found("nodemetrics", name)),
            }
        }
        [_, _, _, "pods"] => pods(metrics, None, &query, accept),
        [_, _, _, "namespaces", namespace, "pods"] => pods(metrics, Some(namespace), &query, accept),
        [_, _, _, "namespaces", namespace, "pods", name] => {
            let found = metrics.pods(Some(namespace), |pod| meta::name(pod) == *name);
            match found.first() {
                Some((pod, usage)) => object(&typed("PodMetrics", pod_item(pod, usage))),
                None => Err(not_found("podmetrics", &format!("{namespace}/{name}"))),
            }
        }
        _ => Err(Status::no_such_resource()),
    }
}

fn not_found(plural: &'static str, name: &str) -> Status {
    let resource = capstan_kubeapi::ResourceType {
        group: GROUP,
        version: VERSION,
        plural,
        ..*PODS.0
    };
    Status::not_found(&resource, name)
}

fn resources() -> Value {
    let verbs = ["get", "list"];
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version(),
        "resources": [
            {"name": "nodes", "singularName": "", "namespaced": false, "kind": "NodeMetrics", "verbs": verbs},
            {"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": verbs},
        ],
    })
}

fn aggregated(version: &str) -> Value {
    let resource = |name: &str, kind: &str, scope: &str| {
        json!({
            "resource": name,
            "responseKind": {"group": GROUP, "version": VERSION, "kind": kind},
            "scope": scope,
            "singularResource": "",
            "verbs": ["get", "list"],
        })
    };
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": [{"metadata": {"name": GROUP}, "versions": [{
            "version": VERSION,
            "resources": [resource("nodes", "NodeMetrics", "Cluster"), resource("pods", "PodMetrics", "Namespaced")],
            "freshness": "Current",
        }]}],
    })
}

/// What a list's selectors let through.
fn wanted(query: &Query, resource: capstan_kubeapi::Resource) -> Result<impl Fn(&Value) -> bool, Status> {
    let labels = match query.get("labelSelector") {
        Some(text) => Selector::parse(text).map_err(Status::bad_request)?,
        None => Selector::everything(),
    };
    let fields = match query.get("fieldSelector") {
        Some(text) => FieldSelector::parse(resource.0, text).map_err(Status::bad_request)?,
        None => FieldSelector::default(),
    };
    Ok(move |object: &Value| labels.matches_object(object) && fields.matches(object))
}

fn nodes(metrics: &Metrics, query: &Query, accept: &Accept) -> Result<Response, Status> {
    let wanted = wanted(query, NODES)?;
    let items: Vec<(Value, Usage, Duration)> = match metrics.node() {
        None => Vec::new(),
        Some(measured) => metrics
            .context
            .objects
            .list(NODES, None)
            .items
            .iter()
            .filter(|node| wanted(node))
            .map(|node| (node_item(node, measured), measured.usage, measured.window))
            .collect(),
    };
    list("NodeMetrics", items, accept)
}

fn pods(
    metrics: &Metrics,
    namespace: Option<&str>,
    query: &Query,
    accept: &Accept,
) -> Result<Response, Status> {
    let wanted = wanted(query, PODS)?;
    let items = metrics
        .pods(namespace, wanted)
        .iter()
        .map(|(pod, usage)| {
            let mut sum = Usage::default();
            for (_, part) in &usage.containers {
                sum += *part;
            }
            (pod_item(pod, usage), sum, usage.window)
        })
        .collect();
    list("PodMetrics", items, accept)
}

fn list(kind: &str, items: Vec<(Value, Usage, Duration)>, accept: &Accept) -> Result<Response, Status> {
    let document = match accept.form() {
        Form::Plain => {
            let items: Vec<Value> = items.into_iter().map(|(item, ..)| item).collect();
            json!({"kind": format!("{kind}List"), "apiVersion": api_version(), "metadata": {}, "items": items})
        }
        Form::Partial => {
            let items: Vec<Value> = items
                .iter()
                .map(|(item, ..)| capstan_kubeapi::table::partial(item))
                .collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": items})
        }
        Form::Table(version) => table(kind, items, version),
    };
    respond::object(StatusCode::OK, &document, accept)
}

/// Name, resources, window, as metrics-server prints them.
fn table(kind: &str, items: Vec<(Value, Usage, Duration)>, version: &str) -> Value {
    let column = |name: &str, format: &str, description: &str| json!({"name": name, "type": "string", "format": format, "description": description, "priority": 0});
    let columns = json!([
        column("Name", "name", "Name of the resource"),
        column("cpu", "quantity", ""),
        column("memory", "quantity", ""),
        column("Window", "duration", ""),
    ]);
    let rows: Vec<Value> = items
        .into_iter()
        .map(|(item, usage, window)| {
            let cells = json!([meta::name(&item), cpu(usage), memory(usage), duration(window)]);
            json!({"cells": cells, "object": typed(kind, item)})
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": {},
        "columnDefinitions": columns,
        "rows": rows,
    })
}

fn typed(kind: &str, item: Value) -> Value {
    let mut object = item;
    crate::views::set_type(&mut object, &api_version(), kind);
    object
}

fn cpu(usage: Usage) -> String {
    let text = format!("{}n", usage.nanocores);
    Quantity::parse(&text).map_or(text, |quantity| quantity.to_string())
}

fn memory(usage: Usage) -> String {
    let bytes = i64::try_from(usage.bytes).unwrap_or(i64::MAX);
    Quantity::from_value(bytes, Format::BinarySI).to_string()
}

/// As Go prints it: `15s`, `10.032s`. Below a millisecond nothing was measured.
fn duration(window: Duration) -> String {
    let millis = window.as_millis();
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let seconds = match rest % 1000 {
        0 => format!("{}s", rest / 1000),
        fraction => {
            let text = format!("{}.{fraction:03}", rest / 1000);
            format!("{}s", text.trim_end_matches('0'))
        }
    };
    if minutes > 0 {
        format!("{minutes}m{seconds}")
    } else {
        seconds
    }
}

fn metadata(of: &Value, at: jiff::Timestamp) -> Value {
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(meta::name(of)));
    if !meta::namespace(of).is_empty() {
        out.insert("namespace".to_owned(), json!(meta::namespace(of)));
    }
    out.insert("creationTimestamp".to_owned(), json!(timestamp(at)));
    if let Some(labels) = meta::labels(of).filter(|l| !l.is_empty()) {
        out.insert("labels".to_owned(), json!(labels));
    }
    Value::Object(out)
}

fn pod_item(pod: &Value, usage: &PodUsage) -> Value {
    let containers: Vec<Value> = usage
        .containers
        .iter()
        .map(|(name, usage)| json!({"name": name, "usage": {"cpu": cpu(*usage), "memory": memory(*usage)}}))
        .collect();
    json!({
        "metadata": metadata(pod, usage.at),
        "timestamp": timestamp(usage.at),
        "window": duration(usage.window),
        "containers": containers,
    })
}

fn node_item(node: &Value, measured: Measured) -> Value {
    json!({
        "metadata": metadata(node, measured.at),
        "timestamp": timestamp(measured.at),
        "window": duration(measured.window),
        "usage": {"cpu": cpu(measured.usage), "memory": memory(measured.usage)},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_as_go_prints_them() {
        let usage = |nanocores, bytes| Usage { nanocores, bytes };
        assert_eq!(cpu(usage(50_000_000, 0)), "50m");
        assert_eq!(cpu(usage(11_225_451, 0)), "11225451n");
        assert_eq!(cpu(usage(0, 0)), "0");
        assert_eq!(memory(usage(0, 64 << 20)), "64Mi");
        assert_eq!(duration(Duration::from_secs(15)), "15s");
        assert_eq!(duration(Duration::from_millis(10_032)), "10.032s");
        assert_eq!(duration(Duration::from_millis(61_500)), "1m1.5s");
    }
}
