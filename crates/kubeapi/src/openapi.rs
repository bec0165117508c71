//! OpenAPI v2 in the protobuf form that kubectl reads (gnostic's `openapi.v2` schema, the parts that a Kubernetes
//! document uses).

use prost::Message;
use serde_json::Value;

mod messages;

pub use messages::Document;

use messages::{
    AdditionalProperties, Any, Definitions, Info, Items, NamedAny, NamedParameterKind, NamedPathItem,
    NamedSchema, NonBodyParameter, Operation, Parameter, ParameterKind, ParametersItem, PathItem, Paths,
    Properties, QueryParameter, Schema, TypeItem,
};

/// The document as bytes of `application/com.github.proto-openapi.spec.v2@v1.0+protobuf`.
pub fn encode(document: &Value) -> Vec<u8> {
    let text = |path: &str| {
        document
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let named = |value: Option<&Value>| -> Vec<(String, Value)> {
        value
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    let definitions = named(document.get("definitions"))
        .into_iter()
        .map(|(name, value)| NamedSchema {
            name,
            value: Some(schema(&value)),
        })
        .collect();
    let path = named(document.get("paths"))
        .into_iter()
        .map(|(name, value)| NamedPathItem {
            name,
            value: Some(path_item(&value)),
        })
        .collect();
    let document = Document {
        swagger: text("/swagger"),
        info: Some(Info {
            title: text("/info/title"),
            version: text("/info/version"),
        }),
        paths: Some(Paths {
            vendor_extension: Vec::new(),
            path,
        }),
        definitions: Some(Definitions {
            additional_properties: definitions,
        }),
    };
    document.encode_to_vec()
}

fn string(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or("").to_owned()
}

/// JSON is YAML, which is what an `Any` holds.
fn any(value: &Value) -> Any {
    Any {
        yaml: format!("{value}\n"),
    }
}

fn extensions(value: &Value) -> Vec<NamedAny> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| key.starts_with("x-"))
        .map(|(name, value)| NamedAny {
            name: name.clone(),
            value: Some(any(value)),
        })
        .collect()
}

fn schema(value: &Value) -> Schema {
    let strings = |key: &str| {
        crate::meta::strings(value.get(key))
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let properties = value
        .get("properties")
        .and_then(Value::as_object)
        .map(|map| Properties {
            additional_properties: map
                .iter()
                .map(|(name, value)| NamedSchema {
                    name: name.clone(),
                    value: Some(schema(value)),
                })
                .collect(),
        });
    Schema {
        reference: string(value, "$ref"),
        format: string(value, "format"),
        title: string(value, "title"),
        description: string(value, "description"),
        default: value.get("default").map(any),
        required: strings("required"),
        enumeration: value
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(any)
            .collect(),
        additional_properties: value.get("additionalProperties").map(|v| {
            Box::new(AdditionalProperties {
                schema: Some(Box::new(schema(v))),
            })
        }),
        kind: value.get("type").and_then(Value::as_str).map(|t| TypeItem {
            value: vec![t.to_owned()],
        }),
        items: value.get("items").map(|v| Items {
            schema: vec![schema(v)],
        }),
        properties,
        vendor_extension: extensions(value),
    }
}

fn path_item(value: &Value) -> PathItem {
    let of = |verb: &str| value.get(verb).map(operation);
    PathItem {
        get: of("get"),
        put: of("put"),
        post: of("post"),
        delete: of("delete"),
        patch: of("patch"),
    }
}

fn operation(value: &Value) -> Operation {
    let strings = |key: &str| {
        crate::meta::strings(value.get(key))
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    Operation {
        tags: strings("tags"),
        description: string(value, "description"),
        id: string(value, "operationId"),
        produces: strings("produces"),
        consumes: strings("consumes"),
        parameters: value
            .get("parameters")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(parameter)
            .collect(),
        vendor_extension: extensions(value),
    }
}

/// Only query parameters: the ones that kubectl looks for.
fn parameter(value: &Value) -> Option<ParametersItem> {
    if value.get("in").and_then(Value::as_str) != Some("query") {
        return None;
    }
    let query = QueryParameter {
        location: "query".to_owned(),
        description: string(value, "description"),
        name: string(value, "name"),
        kind: string(value, "type"),
        unique_items: value.get("uniqueItems").and_then(Value::as_bool).unwrap_or(false),
    };
    let parameter = Parameter {
        kind: Some(ParameterKind::NonBody(NonBodyParameter {
            kind: Some(NamedParameterKind::Query(query)),
        })),
    };
    Some(ParametersItem {
        parameter: Some(parameter),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_survives_the_protobuf_form() {
        let bytes = encode(&json!({
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": "v1"},
            "paths": {"/api/v1/pods": {"patch": {
                "parameters": [{"in": "query", "name": "dryRun", "type": "string"}],
                "x-kubernetes-group-version-kind": {"group": "", "version": "v1", "kind": "Pod"},
            }}},
            "definitions": {"Pod": {"type": "object", "required": ["spec"], "properties": {
                "spec": {"$ref": "#/definitions/PodSpec"},
            }}},
        }));
        let document = Document::decode(bytes.as_slice()).unwrap();
        let definition = &document.definitions.unwrap().additional_properties[0];
        assert_eq!(definition.name, "Pod");
        let schema = definition.value.as_ref().unwrap();
        assert_eq!(schema.required, ["spec"]);
        let field = &schema.properties.as_ref().unwrap().additional_properties[0];
        assert_eq!(field.value.as_ref().unwrap().reference, "#/definitions/PodSpec");
        let patch = document.paths.unwrap().path[0]
            .value
            .clone()
            .unwrap()
            .patch
            .unwrap();
        assert_eq!(patch.vendor_extension[0].name, "x-kubernetes-group-version-kind");
    }
}
