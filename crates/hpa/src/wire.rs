//! `HorizontalPodAutoscaler` as JSON, in every version: what its Go types read and how they write it again.
//!
//! A type is a table of fields; [`read`] walks an object beside it. What comes out is what a Go program that decoded
//! and encoded the object would have: unknown fields gone, fields in their order, quantities canonical, zeros where
//! the type always writes them. (`k8s.io/api/autoscaling/*/types.go`)

use std::fmt;

use capstan_kubeapi::quantity::Quantity;
use serde_json::{Map, Value, json};

mod types;

pub(crate) use types::{BEHAVIOR, CONDITIONS, INTERNAL_BEHAVIOR, METRIC_SPECS_FLAT, METRIC_STATUSES_FLAT};
pub use types::{RULES, V1, V2, V2BETA1, V2BETA2};

/// What stands in a field.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// A 32-bit whole number.
    Int32,
    /// A 64-bit whole number.
    Int64,
    /// A resource quantity; a number is taken too.
    Quantity,
    /// A time in RFC 3339, or null.
    Time,
    /// A map of texts.
    Labels,
    /// Free JSON, such as metadata.
    Json,
    /// An object of a known type.
    Struct(&'static Type),
    /// A list.
    List(&'static Kind),
}

/// When a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Always, with its zero value if need be.
    Always,
    /// Unless it has its zero value (`omitempty`).
    NonZero,
    /// If it was given (a pointer with `omitempty`).
    Given,
    /// Always; null if it was not given (a pointer without).
    Nullable,
}

/// A field of a [`Type`].
#[derive(Debug)]
pub struct Field {
    name: &'static str,
    kind: Kind,
    presence: Presence,
}

/// A struct.
#[derive(Debug)]
pub struct Type {
    fields: &'static [Field],
}

/// Why an object is none of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct WireError {
    /// Path of the field.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

/// How field names are compared: exactly as the API server does, or as Go's `encoding/json` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Exact,
    Ignored,
}

/// `value` as `kind` reads and writes it.
///
/// # Errors
/// When a field holds something of another type.
pub fn read(kind: Kind, value: &Value) -> Result<Value, WireError> {
    read_as(kind, value, Case::Exact)
}

pub(crate) fn read_as(kind: Kind, value: &Value, case: Case) -> Result<Value, WireError> {
    given(kind, value, case, "")
}

/// The OpenAPI schema of a kind, without descriptions; quantities and metadata refer to definitions of their own.
pub fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Int32 => json!({"type": "integer", "format": "int32"}),
        Kind::Int64 => json!({"type": "integer", "format": "int64"}),
        Kind::Quantity => json!({"$ref": "#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity"}),
        Kind::Time => json!({"type": "string", "format": "date-time"}),
        Kind::Labels => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::Json => json!({"type": "object"}),
        Kind::List(of) => {
            let mut list = json!({"type": "array", "items": schema(*of), "x-kubernetes-list-type": "atomic"});
            // Lists of conditions merge by type, as everywhere.
            if matches!(of, Kind::Struct(of) if of.fields.iter().any(|f| f.name == "lastTransitionTime")) {
                list["x-kubernetes-list-type"] = json!("map");
                list["x-kubernetes-list-map-keys"] = json!(["type"]);
            }
            list
        }
        Kind::Struct(of) => {
            let properties: Map<String, Value> = of
                .fields
                .iter()
                .map(|field| (field.name.to_owned(), schema(field.kind)))
                .collect();
            json!({"type": "object", "properties": properties})
        }
    }
}

/// The zero value of a kind, as it is written.
fn zero(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!(""),
        Kind::Int32 | Kind::Int64 => json!(0),
        Kind::Quantity => json!("0"),
        Kind::Time | Kind::List(_) | Kind::Labels => Value::Null,
        Kind::Json => json!({}),
        // A struct without fields given reads like an empty one, and that cannot fail.
        Kind::Struct(of) => structure(of, &Map::new(), Case::Exact, "").unwrap_or(Value::Null),
    }
}

fn is_zero(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Struct(_) => false,
        Kind::List(_) => value.as_array().is_none_or(Vec::is_empty),
        Kind::Labels => value.as_object().is_none_or(Map::is_empty),
        kind => *value == zero(kind),
    }
}

fn given(kind: Kind, value: &Value, case: Case, path: &str) -> Result<Value, WireError> {
    let wrong = |wanted: &dyn fmt::Display| WireError {
        field: path.to_owned(),
        why: format!("must be {wanted}"),
    };
    match kind {
        _ if value.is_null() => Ok(zero(kind)),
        Kind::Json => Ok(value.clone()),
        Kind::Text => value
            .as_str()
            .map(|text| json!(text))
            .ok_or_else(|| wrong(&"a text")),
        Kind::Int32 => value
            .as_i64()
            .filter(|n| i32::try_from(*n).is_ok())
            .map(|n| json!(n))
            .ok_or_else(|| wrong(&"a 32-bit whole number")),
        Kind::Int64 => value
            .as_i64()
            .map(|n| json!(n))
            .ok_or_else(|| wrong(&"a whole number")),
        Kind::Quantity => {
            let text = match value {
                Value::String(text) => text.trim().to_owned(),
                Value::Number(number) => number.to_string(),
                _ => return Err(wrong(&"a quantity")),
            };
            let quantity = Quantity::parse(&text).map_err(|error| wrong(&error))?;
            Ok(json!(quantity.to_string()))
        }
        Kind::Time => {
            let text = value.as_str().ok_or_else(|| wrong(&"a time"))?;
            let time: jiff::Timestamp = text.parse().map_err(|error| wrong(&error))?;
            // Whole seconds, as metav1.Time writes them; year 1 is Go's "not set".
            Ok(if text.starts_with("0001-01-01T00:00:00") {
                Value::Null
            } else {
                json!(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
            })
        }
        Kind::Labels => {
            let map = value.as_object().ok_or_else(|| wrong(&"a map of texts"))?;
            let mut out = Map::new();
            for (key, value) in map {
                let text = value.as_str().or(value.is_null().then_some(""));
                out.insert(key.clone(), json!(text.ok_or_else(|| wrong(&"a map of texts"))?));
            }
            Ok(Value::Object(out))
        }
        Kind::Struct(of) => {
            let map = value.as_object().ok_or_else(|| wrong(&"an object"))?;
            structure(of, map, case, path)
        }
        Kind::List(of) => {
            let items = value.as_array().ok_or_else(|| wrong(&"a list"))?;
            let read = items
                .iter()
                .enumerate()
                .map(|(index, item)| given(*of, item, case, &format!("{path}[{index}]")));
            read.collect::<Result<Vec<Value>, _>>().map(Value::Array)
        }
    }
}

fn structure(of: &Type, map: &Map<String, Value>, case: Case, path: &str) -> Result<Value, WireError> {
    let mut out = Map::new();
    for field in of.fields {
        let found = map.get(field.name).or_else(|| {
            let same = |(key, _): &(&String, &Value)| key.eq_ignore_ascii_case(field.name);
            (case == Case::Ignored)
                .then(|| map.iter().find(same))
                .flatten()
                .map(|(_, value)| value)
        });
        let path = if path.is_empty() {
            field.name.to_owned()
        } else {
            format!("{path}.{}", field.name)
        };
        let present = found.filter(|value| !value.is_null());
        let value = match (present, field.presence) {
            (None, Presence::Given | Presence::NonZero) if !matches!(field.kind, Kind::Struct(_)) => continue,
            (None, Presence::Given) => continue,
            (None, Presence::Nullable) => Value::Null,
            (None, _) => zero(field.kind),
            (Some(value), presence) => {
                let value = given(field.kind, value, case, &path)?;
                if presence == Presence::NonZero && is_zero(field.kind, &value) {
                    continue;
                }
                value
            }
        };
        out.insert(field.name.to_owned(), value);
    }
    Ok(Value::Object(out))
}
