//! `Table` answers for `kubectl get` (upstream `pkg/printers/internalversion`).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::resource::Resource;
use crate::time::age;
use crate::{meta, selector};

mod autoscalers;
mod cluster;
mod columns;
mod pods;
mod workloads;

pub use columns::Column;

/// What rows carry of their objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Include {
    /// Nothing.
    None,
    /// Their metadata.
    #[default]
    Metadata,
    /// Everything.
    Object,
}

impl Include {
    /// The `includeObject` parameter; `None` for a word that is none of its values.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "Metadata" => Some(Self::Metadata),
            "None" => Some(Self::None),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }
}

/// The columns of a kind.
pub fn columns(resource: Resource) -> &'static [Column] {
    if let Some(custom) = resource.custom {
        return &custom.columns;
    }
    match (resource.group, resource.plural) {
        ("", "pods") => columns::PODS,
        ("" | "events.k8s.io", "events") => columns::EVENTS,
        ("", "services") => columns::SERVICES,
        ("", "endpoints") => columns::ENDPOINTS,
        ("", "namespaces") => columns::NAMESPACES,
        ("", "nodes") => columns::NODES,
        ("", "configmaps") => columns::CONFIGMAPS,
        ("", "secrets") => columns::SECRETS,
        ("", "serviceaccounts") => columns::SERVICEACCOUNTS,
        ("", "replicationcontrollers") => columns::REPLICATIONCONTROLLERS,
        ("apps" | "extensions", "deployments") => columns::DEPLOYMENTS,
        ("apps" | "extensions", "replicasets") => columns::REPLICASETS,
        ("apps", "statefulsets") => columns::STATEFULSETS,
        ("rbac.authorization.k8s.io", "roles" | "clusterroles") => columns::ROLES,
        ("rbac.authorization.k8s.io", _) => columns::ROLE_BINDINGS,
        ("apiextensions.k8s.io", "customresourcedefinitions") => columns::CUSTOMRESOURCEDEFINITIONS,
        ("apiregistration.k8s.io", "apiservices") => columns::APISERVICES,
        ("autoscaling", "horizontalpodautoscalers") => columns::HORIZONTALPODAUTOSCALERS,
        ("coordination.k8s.io", "leases") => columns::LEASES,
        ("discovery.k8s.io", "endpointslices") => columns::ENDPOINTSLICES,
        _ => columns::PLAIN,
    }
}

/// The cells of one object, in the order of [`columns`].
pub fn cells(resource: Resource, object: &Value, now: Timestamp) -> Vec<Value> {
    if let Some(custom) = resource.custom {
        return custom.cells(object, now);
    }
    match (resource.group, resource.plural) {
        ("", "pods") => pods::cells(object, now),
        ("", "events") => cluster::event(object, now),
        ("events.k8s.io", "events") => cluster::event_v1(object, now),
        ("", "services") => cluster::service(object, now),
        ("", "endpoints") => cluster::endpoints(object, now),
        ("", "namespaces") => cluster::namespace(object, now),
        ("", "nodes") => cluster::node(object, now),
        ("", "configmaps") => cluster::configmap(object, now),
        ("", "secrets") => cluster::secret(object, now),
        ("", "serviceaccounts") => vec![
            name(object),
            json!(list_len(object, "/secrets")),
            created(object, now),
        ],
        ("", "replicationcontrollers") => workloads::replication_controller(object, now),
        ("apps" | "extensions", "deployments") => workloads::deployment(object, now),
        ("apps" | "extensions", "replicasets") => workloads::replica_set(object, now),
        ("apps", "statefulsets") => workloads::stateful_set(object, now),
        ("rbac.authorization.k8s.io", plural) if plural.ends_with("bindings") => {
            cluster::role_binding(object, now)
        }
        ("apiextensions.k8s.io", "customresourcedefinitions") | ("rbac.authorization.k8s.io", _) => {
            vec![name(object), json!(text(object, "/metadata/creationTimestamp"))]
        }
        ("apiregistration.k8s.io", "apiservices") => cluster::api_service(object, now),
        ("autoscaling", "horizontalpodautoscalers") => autoscalers::cells(object, now),
        ("coordination.k8s.io", "leases") => {
            vec![
                name(object),
                json!(text(object, "/spec/holderIdentity")),
                created(object, now),
            ]
        }
        ("discovery.k8s.io", "endpointslices") => cluster::endpoint_slice(object, now),
        _ => vec![name(object), created(object, now)],
    }
}

/// How pods phase and conditions read in the STATUS column.
pub fn pod_status(pod: &Value) -> String {
    pods::status(pod)
}

/// A row: cells, and as much of the object as asked for.
pub fn row(resource: Resource, object: &Value, include: Include, now: Timestamp) -> Value {
    let mut row = Map::new();
    row.insert("cells".to_owned(), Value::Array(cells(resource, object, now)));
    if resource.plural == "pods" {
        let finished = match text(object, "/status/phase") {
            "Succeeded" => Some("The pod has completed successfully."),
            "Failed" => Some("The pod failed."),
            _ => None,
        };
        if let Some(message) = finished {
            let reason = if text(object, "/status/phase") == "Failed" {
                "Failed"
            } else {
                "Succeeded"
            };
            let condition =
                json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]);
            row.insert("conditions".to_owned(), condition);
        }
    }
    match include {
        Include::None => {}
        Include::Metadata => {
            row.insert("object".to_owned(), partial(object));
        }
        Include::Object => {
            row.insert("object".to_owned(), object.clone());
        }
    }
    if include == Include::None {
        row.insert("object".to_owned(), Value::Null);
    }
    Value::Object(row)
}

/// `PartialObjectMetadata` of an object.
pub fn partial(object: &Value) -> Value {
    let metadata = object.get("metadata").cloned().unwrap_or_else(|| json!({}));
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

/// A whole table. Without `with_columns`, as from the second event of a watch on, the definitions are null.
pub fn table(
    resource: Resource,
    metadata: Value,
    rows: Vec<Value>,
    with_columns: bool,
    version: &str,
) -> Value {
    let definitions = if with_columns {
        Value::Array(columns(resource).iter().map(Column::to_value).collect())
    } else {
        Value::Null
    };
    json!({
        "kind": "Table",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

fn name(object: &Value) -> Value {
    json!(meta::name(object))
}

fn created(object: &Value, now: Timestamp) -> Value {
    json!(age(
        object
            .pointer("/metadata/creationTimestamp")
            .and_then(Value::as_str),
        now
    ))
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or("")
}

fn number(object: &Value, path: &str) -> i64 {
    object.pointer(path).and_then(Value::as_i64).unwrap_or(0)
}

fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object
        .pointer(path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn list_len(object: &Value, path: &str) -> usize {
    items(object, path).len()
}

fn or_none(text: &str) -> Value {
    json!(if text.is_empty() { "<none>" } else { text })
}

/// Names and images of a template's containers.
fn containers(object: &Value, path: &str) -> (Value, Value) {
    let join = |field: &str| {
        items(object, path)
            .iter()
            .map(|c| c.get(field).and_then(Value::as_str).unwrap_or(""))
            .collect::<Vec<_>>()
            .join(",")
    };
    (json!(join("name")), json!(join("image")))
}

fn label_selector(object: &Value) -> Value {
    json!(selector::format_label_selector(object.pointer("/spec/selector")))
}

/// `a=1,b=2`, sorted by key; `<none>` when empty.
fn labels_text(labels: Option<&Value>) -> String {
    let mut pairs: Vec<String> = labels
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    pairs.sort();
    if pairs.is_empty() {
        "<none>".to_owned()
    } else {
        pairs.join(",")
    }
}

#[cfg(test)]
mod tests;
