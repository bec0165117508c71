//! What a kind that somebody defined brings beside its names.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::jsonpath::JsonPath;
use crate::meta;
use crate::schema::Definitions;
use crate::table::Column;
use crate::time::age;

/// One version of a custom kind.
#[derive(Debug, Default)]
pub struct Custom {
    /// Its structural schema.
    pub schema: Value,
    /// Definitions for walking objects, and for OpenAPI.
    pub definitions: Definitions,
    /// Columns of tables, the name first.
    pub columns: Vec<Column>,
    /// Where the cells of the columns after the name are.
    pub paths: Vec<JsonPath>,
    /// The scale subresource, if it has one.
    pub scale: Option<ScalePaths>,
}

/// Where a custom object has what its `Scale` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePaths {
    /// The count that is wanted.
    pub spec_replicas: Vec<String>,
    /// The count that is there.
    pub status_replicas: Vec<String>,
    /// The selector as text, if pods are selected.
    pub label_selector: Option<Vec<String>>,
}

impl Custom {
    /// The cells of an object's row.
    pub fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        let mut cells = vec![json!(meta::name(object))];
        for (column, path) in self.columns.iter().skip(1).zip(&self.paths) {
            let value = path.find(object).first().copied().unwrap_or(&Value::Null);
            cells.push(cell(column.type_, value, now));
        }
        cells
    }
}

/// A value as its column's type shows it (apiextensions `tableconvertor`).
fn cell(type_: &str, value: &Value, now: Timestamp) -> Value {
    match (type_, value) {
        (_, Value::Null) => Value::Null,
        ("integer", _) => value.as_i64().map_or(Value::Null, |n| json!(n)),
        ("number", _) => value.as_f64().map_or(Value::Null, |n| json!(n)),
        ("boolean", _) => value.as_bool().map_or(Value::Null, |b| json!(b)),
        ("date", Value::String(text)) => json!(age(Some(text), now)),
        (_, Value::String(text)) => json!(text),
        (_, other) => json!(other.to_string()),
    }
}
