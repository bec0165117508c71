//! Paths and operations: kubectl looks in them for what a kind's PATCH understands.

use capstan_kubeapi::Resource;
use serde_json::{Map, Value, json};

const GVK: &str = "x-kubernetes-group-version-kind";

/// (name, description) of the query parameters of a verb.
fn parameters(verb: &str) -> &'static [(&'static str, &'static str)] {
    const DRY_RUN: (&str, &str) = (
        "dryRun",
        "When present, indicates that modifications should not be persisted. Valid values are: - All: all dry run stages will be processed",
    );
    const MANAGER: (&str, &str) = (
        "fieldManager",
        "The name of whoever makes these changes. Must be at most 128 characters long.",
    );
    const VALIDATION: (&str, &str) = (
        "fieldValidation",
        "How to handle unknown or duplicate fields. Valid values are: Ignore, Warn (the default), Strict.",
    );
    const FORCE: (&str, &str) = (
        "force",
        "Take over fields that other managers own. Only for apply patches.",
    );
    match verb {
        "create" | "update" => &[DRY_RUN, MANAGER, VALIDATION],
        "patch" => &[DRY_RUN, MANAGER, VALIDATION, FORCE],
        "delete" => &[
            DRY_RUN,
            (
                "gracePeriodSeconds",
                "The duration in seconds before the object should be deleted.",
            ),
            (
                "propagationPolicy",
                "Whether and how garbage collection will be performed: Orphan, Background or Foreground.",
            ),
        ],
        "list" => &[
            ("continue", "The token of the page before."),
            ("fieldSelector", "A selector to restrict the list by fields."),
            ("labelSelector", "A selector to restrict the list by labels."),
            ("limit", "The most items to return."),
            ("resourceVersion", "The version to list or watch from."),
            ("watch", "Watch for changes instead of listing."),
        ],
        _ => &[],
    }
}

fn collection_path(resource: Resource) -> String {
    let root = if resource.group.is_empty() {
        format!("/api/{}", resource.version)
    } else {
        format!("/apis/{}/{}", resource.group, resource.version)
    };
    if resource.namespaced {
        format!("{root}/namespaces/{{namespace}}/{}", resource.plural)
    } else {
        format!("{root}/{}", resource.plural)
    }
}

fn operation_id(resource: Resource, verb: &str, suffix: &str) -> String {
    let capital = |text: &str| {
        let mut chars = text.chars();
        chars
            .next()
            .map(|c| c.to_uppercase().chain(chars).collect::<String>())
            .unwrap_or_default()
    };
    let group = if resource.group.is_empty() {
        "core"
    } else {
        resource.group.split('.').next().unwrap_or("")
    };
    let scope = if resource.namespaced { "Namespaced" } else { "" };
    format!(
        "{verb}{}{}{scope}{}{suffix}",
        capital(group),
        capital(resource.version),
        resource.kind
    )
}

struct Entry {
    path: String,
    method: &'static str,
    verb: &'static str,
    suffix: String,
    kind: (String, String, String),
    definition: String,
}

fn entries(resource: Resource) -> Vec<Entry> {
    let own = (
        resource.group.to_owned(),
        resource.version.to_owned(),
        resource.kind.to_owned(),
    );
    let collection = collection_path(resource);
    let item = format!("{collection}/{{name}}");
    let mut entries = Vec::new();
    for verb in resource.verbs {
        let (path, method) = match *verb {
            "create" => (&collection, "post"),
            "list" => (&collection, "get"),
            "deletecollection" => (&collection, "delete"),
            "get" => (&item, "get"),
            "update" => (&item, "put"),
            "patch" => (&item, "patch"),
            "delete" => (&item, "delete"),
            _ => continue,
        };
        entries.push(Entry {
            path: path.clone(),
            method,
            verb,
            suffix: String::new(),
            kind: own.clone(),
            definition: resource.definition.to_owned(),
        });
    }
    for subresource in resource.subresources {
        let (kind, definition) = match subresource.gvk {
            Some(gvk) => (
                (gvk.0.to_owned(), gvk.1.to_owned(), gvk.2.to_owned()),
                super::definitions::of_kind(gvk)
                    .unwrap_or(resource.definition)
                    .to_owned(),
            ),
            None => (own.clone(), resource.definition.to_owned()),
        };
        for verb in subresource.verbs {
            let method = match *verb {
                "create" => "post",
                "get" => "get",
                "update" => "put",
                "patch" => "patch",
                _ => continue,
            };
            let mut suffix = subresource.name.to_owned();
            suffix[..1].make_ascii_uppercase();
            entries.push(Entry {
                path: format!("{item}/{}", subresource.name),
                method,
                verb,
                suffix,
                kind: kind.clone(),
                definition: definition.clone(),
            });
        }
    }
    entries
}

fn operation(resource: Resource, entry: &Entry, query: Vec<Value>) -> Map<String, Value> {
    let group = if resource.group.is_empty() {
        "core"
    } else {
        resource.group.split('.').next().unwrap_or("")
    };
    let verb = match entry.verb {
        "get" => "read",
        "update" => "replace",
        "deletecollection" => "deleteCollection",
        other => other,
    };
    let action = match entry.verb {
        "deletecollection" => "deletecollection",
        "create" => "post",
        "update" => "put",
        other => other,
    };
    let (group_name, version, kind) = &entry.kind;
    let mut operation = Map::new();
    operation.insert(
        "tags".to_owned(),
        json!([format!("{group}_{}", resource.version)]),
    );
    operation.insert(
        "operationId".to_owned(),
        operation_id(resource, verb, &entry.suffix).into(),
    );
    operation.insert("parameters".to_owned(), Value::Array(query));
    operation.insert("x-kubernetes-action".to_owned(), action.into());
    operation.insert(
        GVK.to_owned(),
        json!({"group": group_name, "version": version, "kind": kind}),
    );
    operation
}

/// Adds a kind's paths in the form of version 2.
pub(super) fn v2(resource: Resource, paths: &mut Map<String, Value>) {
    for entry in entries(resource) {
        let query = parameters(entry.verb)
            .iter()
            .map(|(name, description)| {
                json!({"uniqueItems": true, "type": "string", "description": description, "name": name, "in": "query"})
            })
            .collect();
        let mut operation = operation(resource, &entry, query);
        let schema = json!({"$ref": format!("#/definitions/{}", entry.definition)});
        operation.insert(
            "responses".to_owned(),
            json!({"200": {"description": "OK", "schema": schema}}),
        );
        insert(paths, &entry, operation);
    }
}

/// Adds a kind's paths in the form of version 3.
pub(super) fn v3(resource: Resource, paths: &mut Map<String, Value>) {
    for entry in entries(resource) {
        let query = parameters(entry.verb)
            .iter()
            .map(|(name, description)| {
                let schema = json!({"type": "string", "uniqueItems": true});
                json!({"name": name, "in": "query", "description": description, "schema": schema})
            })
            .collect();
        let mut operation = operation(resource, &entry, query);
        let schema = json!({"schema": {"$ref": format!("#/components/schemas/{}", entry.definition)}});
        if matches!(entry.verb, "create" | "update") {
            operation.insert(
                "requestBody".to_owned(),
                json!({"content": {"*/*": schema}, "required": true}),
            );
        }
        let content = json!({"application/json": schema, "application/yaml": schema});
        operation.insert(
            "responses".to_owned(),
            json!({"200": {"description": "OK", "content": content}}),
        );
        insert(paths, &entry, operation);
    }
}

fn insert(paths: &mut Map<String, Value>, entry: &Entry, operation: Map<String, Value>) {
    let item = paths.entry(entry.path.clone()).or_insert_with(|| json!({}));
    if let Some(item) = item.as_object_mut() {
        item.insert(entry.method.to_owned(), Value::Object(operation));
    }
}
