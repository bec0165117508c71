//! Reading an object as its Go type would: types checked, nulls and unknown fields dropped, quantities canonical.

use serde_json::{Map, Value};

use super::{Node, Shape, canonical_quantity};

/// Why an object cannot be read as its type; the text follows Go's decoder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

/// Depth at which an object is no object of ours.
const DEEPEST: usize = 64;

/// The object as its type reads it. Paths of unknown fields go to `unknown`.
pub fn decode(node: Node<'_>, value: Value, unknown: &mut Vec<String>) -> Result<Value, DecodeError> {
    let mut walk = Walk { unknown };
    let place = Place {
        owner: node.type_name(),
        go: String::new(),
        path: String::new(),
        depth: 0,
    };
    walk.value(node, value, &place)
}

struct Walk<'u> {
    unknown: &'u mut Vec<String>,
}

struct Place<'a> {
    /// The innermost struct, as Go names it.
    owner: &'a str,
    /// The path as Go's decoder prints it: without indices.
    go: String,
    /// The path as a person reads it.
    path: String,
    depth: usize,
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

fn mismatch(value: &Value, place: &Place<'_>, wanted: &str) -> DecodeError {
    let what = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(number) if wanted.starts_with("int") => format!("number {number}"),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    };
    DecodeError(format!(
        "json: cannot unmarshal {what} into Go struct field {}.{} of type {wanted}",
        place.owner, place.go
    ))
}

impl Walk<'_> {
    fn value(&mut self, node: Node<'_>, value: Value, place: &Place<'_>) -> Result<Value, DecodeError> {
        if place.depth > DEEPEST {
            return Err(DecodeError("the object is nested too deeply".to_owned()));
        }
        match node.shape() {
            Shape::Any => Ok(value),
            Shape::Struct => match value {
                Value::Object(map) => self.structure(node, map, place),
                other => Err(mismatch(&other, place, &format!("v1.{}", node.type_name()))),
            },
            Shape::Map => match value {
                Value::Object(map) => {
                    let mut out = Map::with_capacity(map.len());
                    for (key, value) in map {
                        let Some(child) = node.field(&key) else { continue };
                        if value.is_null() && child.shape() != Shape::String {
                            continue;
                        }
                        // A null in a map of texts reads as the empty text.
                        let value = if value.is_null() {
                            Value::String(String::new())
                        } else {
                            value
                        };
                        let place = Place {
                            owner: place.owner,
                            go: place.go.clone(),
                            path: join(&place.path, &key),
                            depth: place.depth + 1,
                        };
                        let value = self.value(child, value, &place)?;
                        out.insert(key, value);
                    }
                    Ok(Value::Object(out))
                }
                other => Err(mismatch(&other, place, "map[string]string")),
            },
            Shape::List => match value {
                Value::Array(items) => {
                    let Some(child) = node.items() else {
                        return Ok(Value::Array(items));
                    };
                    let mut out = Vec::with_capacity(items.len());
                    for (index, item) in items.into_iter().enumerate() {
                        let place = Place {
                            owner: place.owner,
                            go: place.go.clone(),
                            path: format!("{}[{index}]", place.path),
                            depth: place.depth + 1,
                        };
                        let item = if item.is_null() && child.shape() == Shape::Struct {
                            Value::Object(Map::new())
                        } else {
                            item
                        };
                        out.push(self.value(child, item, &place)?);
                    }
                    Ok(Value::Array(out))
                }
                other => {
                    let of = node.items().map_or("", |i| i.type_name());
                    let wanted = if of.is_empty() {
                        "[]string".to_owned()
                    } else {
                        format!("[]v1.{of}")
                    };
                    Err(mismatch(&other, place, &wanted))
                }
            },
            Shape::Quantity => match value {
                Value::String(_) | Value::Number(_) => {
                    canonical_quantity(&value).map(Value::String).map_err(DecodeError)
                }
                other => Err(mismatch(&other, place, "resource.Quantity")),
            },
            Shape::IntOrString => match value {
                Value::String(_) => Ok(value),
                Value::Number(ref number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {
                    Ok(value)
                }
                other => Err(mismatch(&other, place, "int32")),
            },
            Shape::String => match value {
                Value::String(ref text) => {
                    if node.format() == "date-time" && !text.is_empty() && crate::time::parse(text).is_none()
                    {
                        return Err(DecodeError(format!(
                            "parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{text}\" as \"2006\""
                        )));
                    }
                    if node.format() == "byte" && crate::base64::decode(text).is_none() {
                        return Err(DecodeError("illegal base64 data at input byte 0".to_owned()));
                    }
                    Ok(value)
                }
                other => Err(mismatch(&other, place, "string")),
            },
            Shape::Integer => {
                let narrow = node.format() == "int32";
                let wanted = if narrow { "int32" } else { "int64" };
                match value.as_i64() {
                    Some(number) if !narrow || i32::try_from(number).is_ok() => Ok(value),
                    _ => match value
                        .as_f64()
                        .filter(|f| f.fract() == 0.0 && f.abs() < 2_147_483_648.0)
                    {
                        Some(whole) => Ok(Value::from(whole as i64)),
                        None => Err(mismatch(&value, place, wanted)),
                    },
                }
            }
            Shape::Number => match value {
                Value::Number(_) => Ok(value),
                other => Err(mismatch(&other, place, "float64")),
            },
            Shape::Boolean => match value {
                Value::Bool(_) => Ok(value),
                other => Err(mismatch(&other, place, "bool")),
            },
        }
    }

    fn structure(
        &mut self,
        node: Node<'_>,
        map: Map<String, Value>,
        place: &Place<'_>,
    ) -> Result<Value, DecodeError> {
        let mut out = Map::with_capacity(map.len());
        for (key, value) in map {
            let path = join(&place.path, &key);
            let Some(child) = node.field(&key) else {
                self.unknown.push(path);
                continue;
            };
            if value.is_null() {
                continue;
            }
            let place = Place {
                owner: if node.type_name().is_empty() {
                    place.owner
                } else {
                    node.type_name()
                },
                go: join(&place.go, &key),
                path,
                depth: place.depth + 1,
            };
            let value = self.value(child, value, &place)?;
            out.insert(key, value);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Definitions;

    fn definitions() -> Definitions {
        let map = json!({
            "io.k8s.api.x.v1.Thing": {"type": "object", "properties": {
                "spec": {"$ref": "#/definitions/io.k8s.api.x.v1.ThingSpec"},
            }},
            "io.k8s.api.x.v1.ThingSpec": {"type": "object", "properties": {
                "replicas": {"type": "integer", "format": "int32"},
                "limits": {"type": "object", "additionalProperties": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity"}},
                "parts": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
            }},
            "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string"},
        });
        Definitions::new(map.as_object().unwrap().clone())
    }

    fn read(value: Value) -> (Result<Value, String>, Vec<String>) {
        let definitions = definitions();
        let mut unknown = Vec::new();
        let result = decode(
            definitions.node("io.k8s.api.x.v1.Thing").unwrap(),
            value,
            &mut unknown,
        );
        (result.map_err(|e| e.0), unknown)
    }

    #[test]
    fn a_wrong_type_is_named_as_go_names_it() {
        let (result, _) = read(json!({"spec": {"replicas": "3"}}));
        assert_eq!(
            result.unwrap_err(),
            "json: cannot unmarshal string into Go struct field ThingSpec.spec.replicas of type int32"
        );
    }

    #[test]
    fn unknown_fields_and_nulls_are_dropped_and_quantities_become_canonical() {
        let (result, unknown) = read(
            json!({"spec": {"replicas": null, "limits": {"cpu": 1, "memory": "1024Ki"}, "frob": 1, "parts": [{"x": 1}]}}),
        );
        assert_eq!(
            result.unwrap(),
            json!({"spec": {"limits": {"cpu": "1", "memory": "1Mi"}, "parts": [{}]}})
        );
        assert_eq!(unknown, ["spec.frob", "spec.parts[0].x"]);
    }
}
