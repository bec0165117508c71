//! Values given to a script from outside, as JSON (H-51).

use std::collections::BTreeMap;

use capstan_gocompat::duration::parse_influx;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Number, Value};
use thiserror::Error;

/// Variables by name.
pub type Vars = BTreeMap<String, Var>;

/// The type of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VarType {
    Bool,
    Int,
    Float,
    String,
    Regex,
    /// Nanoseconds; an InfluxQL duration text (`10s`) is read as well.
    Duration,
    /// The expression's text.
    Lambda,
    /// Variables, each with its own type.
    List,
    /// `*`; has no value.
    Star,
}

impl VarType {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::String => "string",
            Self::Regex => "regex",
            Self::Duration => "duration",
            Self::Lambda => "lambda",
            Self::List => "list",
            Self::Star => "star",
        }
    }
}

/// One variable. The value is checked against the type when it is read, and durations are nanoseconds from then on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Var {
    #[serde(rename = "type")]
    pub kind: VarType,
    pub value: Value,
    pub description: String,
}

/// The value does not have the type it was announced with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {expected} value, got {got}")]
pub struct VarError {
    /// The type announced.
    pub expected: &'static str,
    /// The JSON that came.
    pub got: String,
}

impl Var {
    /// A variable of `kind`, or what is wrong with its value. `null` is a variable without a value, as templates have.
    pub fn new(kind: VarType, value: Value, description: String) -> Result<Self, VarError> {
        let wrong = |value: &Value| VarError {
            expected: kind.as_str(),
            got: value.to_string(),
        };
        let value = match (kind, value) {
            (_, Value::Null) => Value::Null,
            (VarType::Bool, value @ Value::Bool(_)) => value,
            (VarType::Int, Value::Number(number)) if number.is_i64() => Value::Number(number),
            (VarType::Float, Value::Number(number)) => {
                let float = number.as_f64().filter(|float| float.is_finite());
                go_float(float.ok_or_else(|| wrong(&Value::Number(number)))?)
            }
            (VarType::Duration, Value::Number(number)) if number.is_i64() => Value::Number(number),
            (VarType::Duration, Value::String(text)) => {
                let nanos = parse_influx(&text).map_err(|_| wrong(&Value::String(text)))?;
                Value::from(nanos)
            }
            (VarType::String | VarType::Regex | VarType::Lambda, value @ Value::String(_)) => value,
            (VarType::List, Value::Array(items)) => {
                let items = items.into_iter().map(list_item).collect::<Result<Vec<_>, _>>()?;
                Value::Array(items)
            }
            // Whatever a star was given is not looked at.
            (VarType::Star, _) => Value::Null,
            (_, value) => return Err(wrong(&value)),
        };
        Ok(Self {
            kind,
            value,
            description,
        })
    }

    /// The items of a list.
    pub fn items(&self) -> Vec<Self> {
        match &self.value {
            Value::Array(items) => items
                .iter()
                .filter_map(|item| Self::deserialize(item).ok())
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// A float as Go prints it: `10`, not `10.0`.
fn go_float(float: f64) -> Value {
    if float.fract() == 0.0 && float.abs() < 1e15 {
        Value::from(float as i64)
    } else {
        Number::from_f64(float).map_or(Value::Null, Value::Number)
    }
}

fn list_item(item: Value) -> Result<Value, VarError> {
    let var = Var::deserialize(&item).map_err(|_| VarError {
        expected: "list of vars",
        got: item.to_string(),
    })?;
    let mut fields = Map::new();
    fields.insert("type".to_owned(), Value::from(var.kind.as_str()));
    fields.insert("value".to_owned(), var.value);
    fields.insert("description".to_owned(), Value::from(var.description));
    Ok(Value::Object(fields))
}

impl<'de> Deserialize<'de> for Var {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            #[serde(rename = "type")]
            kind: VarType,
            #[serde(default)]
            value: Value,
            #[serde(default)]
            description: String,
        }
        let raw = Raw::deserialize(deserializer)?;
        Self::new(raw.kind, raw.value, raw.description).map_err(D::Error::custom)
    }
}

pub(crate) fn is_empty(vars: &Vars) -> bool {
    vars.is_empty()
}

/// Reads variables with their types; an error names the variable.
pub(crate) fn typed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vars, D::Error> {
    let raw = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
    raw.into_iter()
        .map(|(name, value)| match Var::deserialize(&value) {
            Ok(var) => Ok((name, var)),
            Err(error) => Err(D::Error::custom(format!("invalid var {name}: {error}"))),
        })
        .collect()
}

/// Reads variables whose types follow from their values (C-22); `{type, value}` objects keep the type they name.
pub(crate) fn from_untyped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vars, D::Error> {
    let raw = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
    raw.into_iter()
        .map(|(name, value)| match untyped(value) {
            Ok(var) => Ok((name, var)),
            Err(error) => Err(D::Error::custom(format!("invalid var {name}: {error}"))),
        })
        .collect()
}

fn untyped(value: Value) -> Result<Var, VarError> {
    let kind = match &value {
        Value::Object(_) => {
            return Var::deserialize(&value).map_err(|_| VarError {
                expected: "typed",
                got: value.to_string(),
            });
        }
        Value::Bool(_) => VarType::Bool,
        Value::Number(number) if number.is_i64() => VarType::Int,
        Value::Number(_) => VarType::Float,
        Value::String(_) => VarType::String,
        Value::Array(items) => {
            let items = items
                .iter()
                .cloned()
                .map(untyped)
                .collect::<Result<Vec<_>, _>>()?;
            let items = items.into_iter().map(|item| {
                serde_json::json!({"type": item.kind, "value": item.value, "description": item.description})
            });
            return Var::new(VarType::List, Value::Array(items.collect()), String::new());
        }
        Value::Null => {
            return Err(VarError {
                expected: "some",
                got: "null".to_owned(),
            });
        }
    };
    Var::new(kind, value, String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vars, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn durations_are_read_as_text_and_as_nanoseconds() {
        let vars =
            read(r#"{"a":{"type":"duration","value":"10s"},"b":{"type":"duration","value":5}}"#).unwrap();
        assert_eq!(vars["a"].value, 10_000_000_000i64);
        assert_eq!(vars["b"].value, 5);
        let text = serde_json::to_string(&vars["a"]).unwrap();
        assert_eq!(
            text,
            r#"{"type":"duration","value":10000000000,"description":""}"#
        );
    }

    #[test]
    fn whole_floats_print_without_a_fraction() {
        let vars = read(r#"{"a":{"type":"float","value":10.0},"b":{"type":"float","value":0.5}}"#).unwrap();
        assert_eq!(serde_json::to_string(&vars["a"].value).unwrap(), "10");
        assert_eq!(serde_json::to_string(&vars["b"].value).unwrap(), "0.5");
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        for text in [
            r#"{"a":{"type":"int","value":1.5}}"#,
            r#"{"a":{"type":"int","value":"1"}}"#,
            r#"{"a":{"type":"bool","value":1}}"#,
            r#"{"a":{"type":"duration","value":"soon"}}"#,
            r#"{"a":{"type":"list","value":[1]}}"#,
            r#"{"a":{"type":"shape","value":1}}"#,
            r#"{"a":{"value":1}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_keep_the_types_of_their_items() {
        let vars =
            read(r#"{"g":{"type":"list","value":[{"type":"string","value":"host"},{"type":"star"}]}}"#)
                .unwrap();
        let kinds: Vec<VarType> = vars["g"].items().iter().map(|item| item.kind).collect();
        assert_eq!(kinds, [VarType::String, VarType::Star]);
    }

    #[test]
    fn values_in_files_need_no_types() {
        let file: super::super::TaskFile = serde_json::from_str(
            r#"{"vars":{"n":1,"f":1.5,"s":"x","l":["a"],"d":{"type":"duration","value":"1m"}}}"#,
        )
        .unwrap();
        let kinds: Vec<&str> = file.vars.values().map(|var| var.kind.as_str()).collect();
        assert_eq!(kinds, ["duration", "float", "list", "int", "string"]);
    }
}
