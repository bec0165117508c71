//! The API: `pods` and `nodes`, as metrics-server serves them.

use std::collections::{BTreeMap, HashMap};

use capstan_gocompat::duration;
use capstan_kube::Message;
use capstan_kubeapi::negotiate::{Accept, Form};
use capstan_kubeapi::query::Query;
use capstan_kubeapi::{Details, Format, Quantity, Status, meta, table, time};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Element, GROUP, Resources, Rule};
use crate::serve::{Answer, Place, Shared, answer, escaped};

const API_VERSION: &str = "metrics.k8s.io/v1beta1";
const PARTIAL: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// CPU and memory of one container or node, and the older of their times.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    cores: Option<f64>,
    bytes: Option<f64>,
    at: Option<Timestamp>,
}

/// What is complete.
#[derive(Debug, Clone, Copy)]
struct Complete {
    cores: f64,
    bytes: f64,
    at: Timestamp,
}

impl Usage {
    fn complete(self) -> Option<Complete> {
        Some(Complete {
            cores: self.cores?,
            bytes: self.bytes?,
            at: self.at?,
        })
    }

    fn seen(&mut self, at: Timestamp) {
        self.at = Some(self.at.map_or(at, |known| known.min(at)));
    }
}

impl Resources {
    pub(crate) async fn answer(
        &self,
        shared: &Shared,
        place: &Place<'_>,
        query: &str,
        accept: &Accept,
    ) -> Result<Answer, Status> {
        let query = Query::parse(Some(query));
        if !place.subresource.is_empty() {
            return Ok(answer::page_not_found());
        }
        match &*place.resource {
            "pods" if place.name.is_empty() => {
                let items = self.pods(shared, &place.namespace, &query).await?;
                list("PodMetrics", items, accept)
            }
            "pods" if !place.namespace.is_empty() => {
                let only = Query::parse(Some(&format!(
                    "fieldSelector=metadata.name%3D{}",
                    escaped(&place.name)
                )));
                let items = self.pods(shared, &place.namespace, &only).await?;
                let name = format!("{}/{}", place.namespace, place.name);
                single("PodMetrics", items, &name, accept)
            }
            "nodes" if place.namespace.is_empty() && place.name.is_empty() => {
                let items = self.nodes(shared, &query).await?;
                list("NodeMetrics", items, accept)
            }
            "nodes" if place.namespace.is_empty() => {
                let only = Query::parse(Some(&format!(
                    "fieldSelector=metadata.name%3D{}",
                    escaped(&place.name)
                )));
                let items = self.nodes(shared, &only).await?;
                single("NodeMetrics", items, &place.name, accept)
            }
            _ => Ok(answer::page_not_found()),
        }
    }

    async fn pods(&self, shared: &Shared, namespace: &str, query: &Query) -> Result<Vec<Value>, Status> {
        let path = if namespace.is_empty() {
            "/api/v1/pods".to_owned()
        } else {
            format!("/api/v1/namespaces/{}/pods", escaped(namespace))
        };
        let pods = objects(shared, &path, query).await?;
        if pods.is_empty() {
            return Ok(Vec::new());
        }
        let (cpu, memory) = tokio::join!(
            self.vector(self.rules.cpu.containers(namespace)),
            self.vector(self.rules.memory.containers(namespace)),
        );
        // By pod, then container.
        let mut used: HashMap<(String, String), BTreeMap<String, Usage>> = HashMap::new();
        let mut note = |rule: &Rule, element: &Element, set: fn(&mut Usage, f64)| {
            let label = |name: &str| element.labels.get(name).cloned().unwrap_or_default();
            let pod = (label(&rule.namespace_label), label(&rule.pod_label));
            let containers = used.entry(pod).or_default();
            let usage = containers.entry(label(&rule.container_label)).or_default();
            set(usage, element.value);
            usage.seen(element.at);
        };
        for element in &cpu? {
            note(&self.rules.cpu, element, |usage, value| usage.cores = Some(value));
        }
        for element in &memory? {
            note(&self.rules.memory, element, |usage, value| {
                usage.bytes = Some(value);
            });
        }
        let items = pods.iter().filter_map(|pod| {
            let key = (meta::namespace(pod).to_owned(), meta::name(pod).to_owned());
            let containers = used.get(&key)?;
            let complete: Vec<(&String, Complete)> = containers
                .iter()
                .map(|(name, usage)| Some((name, usage.complete()?)))
                .collect::<Option<_>>()?;
            let at = complete.iter().map(|(_, usage)| usage.at).min()?;
            let containers: Vec<Value> = complete
                .iter()
                .map(|(name, usage)| json!({"name": name, "usage": usage_of(*usage)}))
                .collect();
            Some(json!({
                "metadata": metadata(pod, at),
                "timestamp": time::rfc3339(at),
                "window": self.window(),
                "containers": containers,
            }))
        });
        Ok(items.collect())
    }

    async fn nodes(&self, shared: &Shared, query: &Query) -> Result<Vec<Value>, Status> {
        let nodes = objects(shared, "/api/v1/nodes", query).await?;
        if nodes.is_empty() {
            return Ok(Vec::new());
        }
        let (cpu, memory) = tokio::join!(
            self.vector(self.rules.cpu.nodes()),
            self.vector(self.rules.memory.nodes()),
        );
        let mut used: HashMap<String, Usage> = HashMap::new();
        for element in &cpu? {
            if let Some(name) = element.labels.get(&self.rules.cpu.node_label) {
                let usage = used.entry(name.clone()).or_default();
                usage.cores = Some(element.value);
                usage.seen(element.at);
            }
        }
        for element in &memory? {
            if let Some(name) = element.labels.get(&self.rules.memory.node_label) {
                let usage = used.entry(name.clone()).or_default();
                usage.bytes = Some(element.value);
                usage.seen(element.at);
            }
        }
        let items = nodes.iter().filter_map(|node| {
            let usage = used.get(meta::name(node))?.complete()?;
            Some(json!({
                "metadata": metadata(node, usage.at),
                "timestamp": time::rfc3339(usage.at),
                "window": self.window(),
                "usage": usage_of(usage),
            }))
        });
        Ok(items.collect())
    }

    /// The result of a query without what is no number: such a value is absent.
    async fn vector(&self, query: String) -> Result<Vec<Element>, Status> {
        let found = self.ask(&query).await.map_err(Status::unavailable)?;
        let numbers = found.iter().filter(|element| element.value.is_finite());
        Ok(numbers.cloned().collect())
    }

    fn window(&self) -> String {
        duration::format_go(i64::try_from(self.rules.window.as_nanos()).unwrap_or(i64::MAX))
    }
}

fn list(kind: &'static str, items: Vec<Value>, accept: &Accept) -> Result<Answer, Status> {
    let document = match accept.form() {
        Form::Plain => {
            json!({"kind": format!("{kind}List"), "apiVersion": API_VERSION, "metadata": {}, "items": items})
        }
        Form::Partial => {
            let items: Vec<Value> = items.iter().map(table::partial).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": items})
        }
        Form::Table(version) => rows(kind, items, version),
    };
    answer::object(&document, accept)
}

/// Objects of the API server with what a query selects; metadata is enough.
async fn objects(shared: &Shared, path: &str, query: &Query) -> Result<Vec<Value>, Status> {
    let mut path = path.to_owned();
    let mut sign = '?';
    for parameter in ["labelSelector", "fieldSelector"] {
        if let Some(value) = query.get(parameter) {
            path = format!("{path}{sign}{parameter}={}", escaped(value));
            sign = '&';
        }
    }
    let message = Message {
        accept: PARTIAL,
        ..Message::get(&path)
    };
    let reply = shared.cluster.send(&message).await;
    let reply = reply.map_err(|error| Status::unavailable(format!("GET {path}: {error}")))?;
    let mut body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    if reply.code != 200 {
        let why = body["message"].as_str().unwrap_or("no reason given");
        if reply.code == 400 {
            return Err(Status::bad_request(why));
        }
        return Err(Status::unavailable(format!("GET {path}: {}: {why}", reply.code)));
    }
    match body.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        _ => Ok(Vec::new()),
    }
}

fn single(kind: &'static str, items: Vec<Value>, name: &str, accept: &Accept) -> Result<Answer, Status> {
    let Some(item) = items.into_iter().next() else {
        let plural = kind.to_lowercase();
        let mut status = answer::plain(404, "NotFound", format!("{plural}.{GROUP} \"{name}\" not found"));
        status.details = Some(Box::new(Details {
            name: name.to_owned(),
            group: GROUP.to_owned(),
            kind: plural,
            ..Details::default()
        }));
        return Err(status);
    };
    let document = match accept.form() {
        Form::Plain => typed(kind, item),
        Form::Partial => table::partial(&typed(kind, item)),
        Form::Table(version) => rows(kind, vec![item], version),
    };
    answer::object(&document, accept)
}

fn typed(kind: &str, item: Value) -> Value {
    let mut object = Map::new();
    object.insert("kind".to_owned(), kind.into());
    object.insert("apiVersion".to_owned(), API_VERSION.into());
    if let Value::Object(fields) = item {
        object.extend(fields);
    }
    Value::Object(object)
}

/// Name, resources, window, as metrics-server prints them.
fn rows(kind: &str, items: Vec<Value>, version: &str) -> Value {
    let column = |name: &str, format: &str, description: &str| json!({"name": name, "type": "string", "format": format, "description": description, "priority": 0});
    let columns = json!([
        column("Name", "name", "Name of the resource"),
        column("cpu", "quantity", ""),
        column("memory", "quantity", ""),
        column("Window", "duration", ""),
    ]);
    let sum = |item: &Value, resource: &str| {
        let one = |usage: &Value| {
            usage[resource]
                .as_str()
                .and_then(|text| Quantity::parse(text).ok())
        };
        let parts = item["containers"].as_array().into_iter().flatten();
        let total = match one(&item["usage"]) {
            Some(usage) => Some(usage),
            None => parts
                .filter_map(|container| one(&container["usage"]))
                .reduce(|sum, part| sum.add(&part)),
        };
        total.map_or_else(|| "<none>".to_owned(), |total| total.to_string())
    };
    let rows: Vec<Value> = items
        .into_iter()
        .map(|item| {
            let cells = json!([
                meta::name(&item),
                sum(&item, "cpu"),
                sum(&item, "memory"),
                item["window"]
            ]);
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

fn usage_of(usage: Complete) -> Value {
    // As prometheus-adapter: thousandths, cut off.
    let milli = |value: f64, format| Quantity::from_milli((value * 1000.0) as i64, format).to_string();
    json!({"cpu": milli(usage.cores, Format::DecimalSI), "memory": milli(usage.bytes, Format::BinarySI)})
}

fn metadata(of: &Value, at: Timestamp) -> Value {
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(meta::name(of)));
    if !meta::namespace(of).is_empty() {
        out.insert("namespace".to_owned(), json!(meta::namespace(of)));
    }
    out.insert("creationTimestamp".to_owned(), json!(time::rfc3339(at)));
    if let Some(labels) = meta::labels(of).filter(|labels| !labels.is_empty()) {
        out.insert("labels".to_owned(), json!(labels));
    }
    Value::Object(out)
}
