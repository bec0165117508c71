//! The schemas of custom resources: what they drop, fill in and refuse (upstream `apiextensions-apiserver`
//! `pkg/apiserver/schema` and `kube-openapi` `pkg/validation/validate`).
//!
//! Known: types, required, enum, bounds of numbers, texts and lists, patterns, nullable, int-or-string, free and typed
//! maps, `allOf`, `anyOf`, `oneOf`, `not`, embedded resources, `x-kubernetes-preserve-unknown-fields`. Not evaluated:
//! `x-kubernetes-validations` (CEL) and formats other than `int32` and `date-time`.

use serde_json::{Map, Value, json};

mod validate;

pub use validate::validate;

/// Depth at which an object is no object of ours.
const DEEPEST: usize = 64;

fn flag(schema: &Value, key: &str) -> bool {
    schema.get(key).and_then(Value::as_bool) == Some(true)
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

/// Fields that every embedded resource, and the object itself, has besides those of its schema.
const OBJECT_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Drops what the schema does not know; the paths go to `unknown`. `is_root` keeps apiVersion, kind and metadata.
pub fn prune(schema: &Value, value: &mut Value, is_root: bool, unknown: &mut Vec<String>) {
    prune_at(schema, value, is_root, "", unknown, 0);
}

fn prune_at(
    schema: &Value,
    value: &mut Value,
    is_object: bool,
    path: &str,
    unknown: &mut Vec<String>,
    depth: usize,
) {
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Object(map) => {
            let free = flag(schema, "x-kubernetes-preserve-unknown-fields");
            let properties = schema.get("properties").and_then(Value::as_object);
            let every = schema.get("additionalProperties");
            let keeps = |key: &str| is_object && OBJECT_FIELDS.contains(&key);
            let known = |key: &str| {
                properties.is_some_and(|p| p.contains_key(key))
                    || every.is_some_and(|e| *e != Value::Bool(false))
                    || keeps(key)
            };
            if !free {
                unknown.extend(map.keys().filter(|key| !known(key)).map(|key| join(path, key)));
                map.retain(|key, _| known(key));
            }
            for (key, child) in map.iter_mut() {
                // The metadata of objects is everybody's; it has a schema of its own.
                if is_object && key == "metadata" {
                    continue;
                }
                let schema = properties.and_then(|p| p.get(key)).or(every);
                if let Some(schema) = schema.filter(|s| s.is_object()) {
                    let embedded = flag(schema, "x-kubernetes-embedded-resource");
                    prune_at(schema, child, embedded, &join(path, key), unknown, depth + 1);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items").filter(|s| s.is_object()) {
                let embedded = flag(schema, "x-kubernetes-embedded-resource");
                for (index, item) in items.iter_mut().enumerate() {
                    prune_at(
                        schema,
                        item,
                        embedded,
                        &format!("{path}[{index}]"),
                        unknown,
                        depth + 1,
                    );
                }
            }
        }
        _ => {}
    }
}

/// Fills in defaults, and drops nulls that a field with a default may not have.
pub fn default(schema: &Value, value: &mut Value) {
    default_at(schema, value, 0);
}

fn default_at(schema: &Value, value: &mut Value, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Object(map) => {
            if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
                for (key, schema) in properties {
                    let wanted = match map.get(key) {
                        None => true,
                        Some(given) => given.is_null() && !flag(schema, "nullable"),
                    };
                    if let Some(default) = schema.get("default").filter(|_| wanted) {
                        map.insert(key.clone(), default.clone());
                    }
                    if let Some(child) = map.get_mut(key) {
                        default_at(schema, child, depth + 1);
                    }
                }
            }
            if let Some(schema) = schema.get("additionalProperties").filter(|s| s.is_object()) {
                let known = |key: &str| schema_knows(schema, key);
                for (key, child) in map.iter_mut() {
                    if !known(key) {
                        default_at(schema, child, depth + 1);
                    }
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    default_at(schema, item, depth + 1);
                }
            }
        }
        _ => {}
    }
}

fn schema_knows(schema: &Value, key: &str) -> bool {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|properties| properties.contains_key(key))
}

/// The definitions by which objects of a custom kind are walked and explained: `name`, and those of
/// `common` (definitions of metadata) that it refers to.
pub fn definitions(
    name: &str,
    schema: &Value,
    group: &str,
    version: &str,
    kind: &str,
    common: &Map<String, Value>,
) -> Map<String, Value> {
    const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    let mut out: Map<String, Value> = Map::new();
    let mut wanted = vec![META.to_owned()];
    while let Some(name) = wanted.pop() {
        if out.contains_key(&name) {
            continue;
        }
        if let Some(definition) = common.get(&name) {
            references(definition, &mut wanted);
            out.insert(name, definition.clone());
        }
    }
    let mut own = schema.clone();
    if !own.is_object() {
        own = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    }
    if let Some(map) = own.as_object_mut() {
        let properties = map.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            for (field, description) in [
                (
                    "apiVersion",
                    "APIVersion defines the versioned schema of this representation of an object.",
                ),
                (
                    "kind",
                    "Kind is a string value representing the REST resource this object represents.",
                ),
            ] {
                properties
                    .entry(field)
                    .or_insert_with(|| json!({"type": "string", "description": description}));
            }
            let metadata = json!({"$ref": format!("#/definitions/{META}")});
            properties.insert("metadata".to_owned(), metadata);
        }
        map.insert(
            "x-kubernetes-group-version-kind".to_owned(),
            json!([{"group": group, "kind": kind, "version": version}]),
        );
    }
    out.insert(name.to_owned(), own);
    out
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(name) = map
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|r| r.rsplit('/').next())
            {
                found.push(name.to_owned());
            }
            for value in map.values() {
                references(value, found);
            }
        }
        Value::Array(list) => {
            for value in list {
                references(value, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({"type": "object", "properties": {
            "spec": {"type": "object", "required": ["image"], "properties": {
                "image": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 2},
                "mode": {"type": "string", "enum": ["Own", "Shadow"]},
                "port": {"x-kubernetes-int-or-string": true},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "parts": {"type": "array", "maxItems": 1, "items": {"type": "object", "properties": {"name": {"type": "string", "default": "x"}}}},
                "one": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            }},
        }})
    }

    fn findings(object: &Value) -> Vec<(String, &'static str)> {
        validate(&schema(), object)
            .iter()
            .map(|e| (e.to_string(), e.reason))
            .collect()
    }

    #[test]
    fn unknown_fields_go_and_defaults_come() {
        let mut object = json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "a", "labels": {"a": "b"}},
            "spec": {"image": "a", "frob": 1, "free": {"any": 1}, "labels": {"k": "v"}, "parts": [{"y": 1}], "replicas": null}, "extra": 1});
        let mut unknown = Vec::new();
        prune(&schema(), &mut object, true, &mut unknown);
        default(&schema(), &mut object);
        unknown.sort();
        assert_eq!(unknown, ["extra", "spec.frob", "spec.parts[0].y"]);
        assert_eq!(
            object["spec"],
            json!({"image": "a", "free": {"any": 1}, "labels": {"k": "v"}, "parts": [{"name": "x"}], "replicas": 2})
        );
        assert_eq!(object["metadata"]["labels"]["a"], "b");
    }

    #[test]
    fn findings_read_as_upstreams() {
        assert_eq!(
            findings(
                &json!({"spec": {"image": "abc", "replicas": 3, "mode": "Own", "port": "80", "one": {"a": 1}}})
            ),
            []
        );
        let bad = json!({"spec": {"replicas": 0, "mode": "X", "port": true, "labels": {"a": 1}, "parts": [{}, {}], "one": {"a": 1, "b": 2}}});
        assert_eq!(
            findings(&bad),
            [
                ("spec.image: Required value".to_owned(), "FieldValueRequired"),
                ("spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1".to_owned(), "FieldValueInvalid"),
                ("spec.mode: Unsupported value: \"X\": supported values: \"Own\", \"Shadow\"".to_owned(), "FieldValueNotSupported"),
                ("spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: \"boolean\"".to_owned(), "FieldValueTypeInvalid"),
                ("spec.labels.a: Invalid value: \"integer\": spec.labels.a in body must be of type string: \"integer\"".to_owned(), "FieldValueTypeInvalid"),
                ("spec.parts: Too many: 2: must have at most 1 item".to_owned(), "FieldValueTooMany"),
                ("spec.one: Invalid value: {\"a\":1,\"b\":2}: spec.one in body must validate one and only one schema (oneOf). Found 2 valid alternatives".to_owned(), "FieldValueInvalid"),
            ]
        );
        let bad = json!({"spec": {"image": "ABCDEF", "replicas": "3"}});
        assert_eq!(
            findings(&bad),
            [
                ("spec.image: Too long: may not be more than 5 bytes".to_owned(), "FieldValueTooLong"),
                ("spec.image: Invalid value: \"ABCDEF\": spec.image in body should match '^[a-z]+$'".to_owned(), "FieldValueInvalid"),
                ("spec.replicas: Invalid value: \"string\": spec.replicas in body must be of type integer: \"string\"".to_owned(), "FieldValueTypeInvalid"),
            ]
        );
    }
}
