//! Walking the OpenAPI definitions of the built-in types beside an object.

use serde_json::{Map, Value};

use crate::quantity::Quantity;

mod decode;

pub use decode::{DecodeError, decode};

/// Definitions by full name, as OpenAPI v2 has them.
#[derive(Debug, Default)]
pub struct Definitions {
    map: Map<String, Value>,
}

/// One place in a schema.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    definitions: &'a Definitions,
    /// Where it is used: has the merge keys.
    usage: &'a Value,
    /// What it is: has type and properties.
    schema: &'a Value,
    name: &'a str,
}

/// What stands at a [`Node`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A struct with known fields.
    Struct,
    /// A map with free keys.
    Map,
    /// A list.
    List,
    /// A resource quantity.
    Quantity,
    /// A whole number or a text.
    IntOrString,
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Anything: free JSON.
    Any,
}

/// How a list merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListType {
    /// Replaced as a whole.
    Atomic,
    /// A set of scalars.
    Set,
    /// Items with keys.
    Map,
}

const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

impl Definitions {
    /// Definitions whose references read `#/definitions/NAME`.
    pub fn new(map: Map<String, Value>) -> Self {
        Self { map }
    }

    /// All of them.
    pub fn map(&self) -> &Map<String, Value> {
        &self.map
    }

    /// The definition of this name.
    pub fn node(&self, name: &str) -> Option<Node<'_>> {
        let (name, schema) = self.map.get_key_value(name)?;
        Some(Node {
            definitions: self,
            usage: schema,
            schema,
            name,
        })
    }

    fn at<'a>(&'a self, usage: &'a Value) -> Node<'a> {
        let reference = usage
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|r| r.rsplit('/').next());
        match reference.and_then(|name| self.map.get_key_value(name)) {
            Some((name, schema)) => Node {
                definitions: self,
                usage,
                schema,
                name,
            },
            None => Node {
                definitions: self,
                usage,
                schema: usage,
                name: "",
            },
        }
    }
}

impl<'a> Node<'a> {
    /// The definition's full name; empty for what has none.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The definition's last part, as Go names the type.
    pub fn type_name(&self) -> &'a str {
        self.name.rsplit('.').next().unwrap_or("")
    }

    fn extension(&self, key: &str) -> Option<&'a str> {
        self.usage
            .get(key)
            .or_else(|| self.schema.get(key))
            .and_then(Value::as_str)
    }

    /// What stands here.
    pub fn shape(&self) -> Shape {
        match self.name {
            QUANTITY => return Shape::Quantity,
            INT_OR_STRING => return Shape::IntOrString,
            _ => {}
        }
        match self.schema.get("type").and_then(Value::as_str) {
            Some("object") if self.schema.get("properties").is_some() => Shape::Struct,
            Some("object") if self.schema.get("additionalProperties").is_some() => Shape::Map,
            Some("array") => Shape::List,
            Some("string") => Shape::String,
            Some("integer") => Shape::Integer,
            Some("number") => Shape::Number,
            Some("boolean") => Shape::Boolean,
            _ => Shape::Any,
        }
    }

    /// The schema of a field: of a struct's field, or of every value of a map.
    pub fn field(&self, name: &str) -> Option<Node<'a>> {
        let usage = match self.schema.get("properties") {
            Some(properties) => properties.get(name)?,
            None => self.schema.get("additionalProperties")?,
        };
        Some(self.definitions.at(usage))
    }

    /// The schema of a list's items.
    pub fn items(&self) -> Option<Node<'a>> {
        Some(self.definitions.at(self.schema.get("items")?))
    }

    /// `int32`, `date-time`, …
    pub fn format(&self) -> &'a str {
        self.schema.get("format").and_then(Value::as_str).unwrap_or("")
    }

    /// The key by which a strategic merge patch merges a list; `None` replaces it.
    pub fn merge_key(&self) -> Option<&'a str> {
        self.extension("x-kubernetes-patch-merge-key")
    }

    /// Whether a strategic merge patch merges a list at all: by key, or as a set.
    pub fn is_merged(&self) -> bool {
        self.extension("x-kubernetes-patch-strategy")
            .is_some_and(|s| s.split(',').any(|s| s == "merge"))
    }

    /// Whether fields that a strategic merge patch does not name are dropped.
    pub fn retains_keys(&self) -> bool {
        self.extension("x-kubernetes-patch-strategy")
            .is_some_and(|s| s.split(',').any(|s| s == "retainKeys"))
    }

    /// How server-side apply merges a list.
    pub fn list_type(&self) -> ListType {
        match self.extension("x-kubernetes-list-type") {
            Some("map") => ListType::Map,
            Some("set") => ListType::Set,
            _ => ListType::Atomic,
        }
    }

    /// The keys of a list of type map.
    pub fn map_keys(&self) -> Vec<&'a str> {
        crate::meta::strings(self.usage.get("x-kubernetes-list-map-keys"))
    }

    /// Whether a struct or map is replaced as a whole.
    pub fn is_atomic(&self) -> bool {
        self.extension("x-kubernetes-map-type") == Some("atomic")
    }
}

/// A quantity in canonical form.
fn canonical_quantity(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    Quantity::parse(&text)
        .map(|q| q.to_string())
        .map_err(|e| e.to_string())
}
