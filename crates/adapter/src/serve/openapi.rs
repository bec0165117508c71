//! OpenAPI documents of what is served: enough for clients that look up kinds.

use capstan_kubeapi::Status;
use capstan_kubeapi::negotiate::Accept;
use serde_json::{Map, Value, json};

use super::{Answer, Shared, answer, custom, external};

/// A kind: its name in schemas, what it is, its fields.
struct Kind {
    name: &'static str,
    schema: String,
    fields: Value,
}

/// The kinds of a group's version.
fn kinds(group: &str, version: &str) -> Vec<Kind> {
    let prefix = match group {
        external::GROUP => format!("io.k8s.metrics.pkg.apis.external_metrics.{version}"),
        custom::GROUP => format!("io.k8s.metrics.pkg.apis.custom_metrics.{version}"),
        _ => format!("io.k8s.metrics.pkg.apis.metrics.{version}"),
    };
    let text = || json!({"type": "string"});
    let time = || json!({"type": "string", "format": "date-time"});
    let seconds = || json!({"type": "integer", "format": "int64"});
    let labels = || json!({"type": "object", "additionalProperties": {"type": "string"}});
    let usage = labels;
    let described = json!({"type": "object", "properties": {
        "kind": text(), "namespace": text(), "name": text(), "apiVersion": text(),
    }});
    let (items, item, fields) = match (group, version) {
        (external::GROUP, _) => (
            vec!["ExternalMetricValueList"],
            "ExternalMetricValue",
            json!({"metricName": text(), "metricLabels": labels(), "timestamp": time(), "window": seconds(),
                "value": text()}),
        ),
        (custom::GROUP, "v1beta1") => (
            vec!["MetricValueList"],
            "MetricValue",
            json!({"describedObject": described, "metricName": text(), "timestamp": time(), "window": seconds(),
                "value": text(), "selector": {"type": "object"}}),
        ),
        (custom::GROUP, _) => (
            vec!["MetricValueList"],
            "MetricValue",
            json!({"describedObject": described, "metric": {"type": "object", "properties": {
                "name": text(), "selector": {"type": "object"}}}, "timestamp": time(),
                "windowSeconds": seconds(), "value": text()}),
        ),
        _ => (
            vec!["NodeMetricsList", "PodMetricsList"],
            "",
            json!({"metadata": {"type": "object"}, "timestamp": time(), "window": text(), "usage": usage(),
                "containers": {"type": "array", "items": {"type": "object", "properties": {
                    "name": text(), "usage": usage()}}}}),
        ),
    };
    let mut out = Vec::new();
    for list in items {
        let item = if item.is_empty() {
            list.trim_end_matches("List")
        } else {
            item
        };
        let item_fields = match item {
            "NodeMetrics" => without(&fields, "containers"),
            "PodMetrics" => without(&fields, "usage"),
            _ => fields.clone(),
        };
        let of_items = json!({"type": "array", "items": {"type": "object", "properties": item_fields}});
        out.push(Kind {
            name: list,
            schema: format!("{prefix}.{list}"),
            fields: json!({"metadata": {"type": "object"}, "items": of_items}),
        });
    }
    out
}

fn without(fields: &Value, name: &str) -> Value {
    let mut fields = fields.clone();
    if let Some(map) = fields.as_object_mut() {
        map.shift_remove(name);
    }
    fields
}

fn schema(kind: &Kind, group: &str, version: &str) -> Value {
    let mut properties = json!({"apiVersion": {"type": "string"}, "kind": {"type": "string"}});
    if let (Value::Object(all), Value::Object(own)) = (&mut properties, kind.fields.clone()) {
        all.extend(own);
    }
    json!({
        "type": "object",
        "properties": properties,
        "x-kubernetes-group-version-kind": [{"group": group, "kind": kind.name, "version": version}],
    })
}

/// Paths with their kinds.
fn paths(group: &str, version: &str) -> Vec<(String, usize)> {
    let root = format!("/apis/{group}/{version}");
    match group {
        external::GROUP => vec![(format!("{root}/namespaces/{{namespace}}/{{metric}}"), 0)],
        custom::GROUP => vec![
            (
                format!("{root}/namespaces/{{namespace}}/{{resource}}/{{name}}/{{metric}}"),
                0,
            ),
            (format!("{root}/namespaces/{{namespace}}/metrics/{{metric}}"), 0),
            (format!("{root}/{{resource}}/{{name}}/{{metric}}"), 0),
        ],
        _ => vec![
            (format!("{root}/nodes"), 0),
            (format!("{root}/pods"), 1),
            (format!("{root}/namespaces/{{namespace}}/pods"), 1),
        ],
    }
}

fn parameters(path: &str) -> Vec<String> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(str::to_owned)
        .collect()
}

/// A path's GET, in the form of v3 (`schema` beside the media type) or v2 (`schema` beside the description).
fn operation(path: &str, kind: &Kind, group: &str, version: &str, v3: bool) -> Value {
    let reference = |root: &str| json!({"$ref": format!("{root}{}", kind.schema)});
    let parameters: Vec<Value> = parameters(path)
        .iter()
        .map(|name| {
            let mut parameter = json!({"name": name, "in": "path", "required": true});
            if v3 {
                parameter["schema"] = json!({"type": "string"});
            } else {
                parameter["type"] = json!("string");
            }
            parameter
        })
        .collect();
    let ok = if v3 {
        json!({"description": "OK", "content": {"application/json": {"schema": reference("#/components/schemas/")}}})
    } else {
        json!({"description": "OK", "schema": reference("#/definitions/")})
    };
    json!({
        "get": {
            "responses": {"200": ok},
            "x-kubernetes-action": "list",
            "x-kubernetes-group-version-kind": {"group": group, "kind": kind.name, "version": version},
        },
        "parameters": parameters,
    })
}

fn all_paths(group: &str, version: &str, v3: bool) -> Map<String, Value> {
    let kinds = kinds(group, version);
    paths(group, version)
        .into_iter()
        .map(|(path, kind)| {
            let operation = operation(&path, &kinds[kind], group, version, v3);
            (path, operation)
        })
        .collect()
}

fn schemas(group: &str, version: &str) -> Map<String, Value> {
    kinds(group, version)
        .iter()
        .map(|kind| (kind.schema.clone(), schema(kind, group, version)))
        .collect()
}

fn info() -> Value {
    json!({"title": "Kubernetes metrics APIs", "version": concat!("v", env!("CARGO_PKG_VERSION"))})
}

impl Shared {
    /// `/openapi/v2` and `/openapi/v3`.
    pub(super) fn openapi(&self, segments: &[&str], accept: &Accept) -> Result<Answer, Status> {
        match segments {
            ["v2"] => {
                let (mut paths, mut definitions) = (Map::new(), Map::new());
                for (group, versions) in &self.groups {
                    for version in *versions {
                        paths.extend(all_paths(group, version, false));
                        definitions.extend(schemas(group, version));
                    }
                }
                let document =
                    json!({"swagger": "2.0", "info": info(), "paths": paths, "definitions": definitions});
                answer::object(&document, accept)
            }
            ["v3"] => {
                let mut paths = Map::new();
                for (group, versions) in &self.groups {
                    for version in *versions {
                        let name = format!("apis/{group}/{version}");
                        // The documents change with the program only.
                        let url = format!("/openapi/v3/{name}?hash={}", env!("CARGO_PKG_VERSION"));
                        paths.insert(name, json!({ "serverRelativeURL": url }));
                    }
                }
                answer::object(&json!({ "paths": paths }), accept)
            }
            ["v3", "apis", group, version] => {
                let served = self
                    .groups
                    .iter()
                    .any(|(name, versions)| name == group && versions.contains(version));
                if !served {
                    return Ok(answer::page_not_found());
                }
                let document = json!({
                    "openapi": "3.0.0",
                    "info": info(),
                    "paths": all_paths(group, version, true),
                    "components": {"schemas": schemas(group, version)},
                });
                answer::object(&document, accept)
            }
            _ => Ok(answer::page_not_found()),
        }
    }
}
