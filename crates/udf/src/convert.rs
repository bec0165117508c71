//! Between the engine's points and the wire's.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_flow::EdgeType;
use capstan_flow::ports::udf::{UdfBatch, UdfInfo, UdfOption, UdfPoint, UdfRun, UdfType, UdfValue};
use capstan_model::{Dimensions, Tags, Value};

use crate::agent::{self, BeginBatch, EndBatch, InfoResponse, InitRequest, OptionValue, Point, ValueType};
use crate::error::Error;

/// What a function said about itself.
pub(crate) fn info(response: InfoResponse) -> Result<UdfInfo, Error> {
    let edge = |edge: i32| match agent::EdgeType::try_from(edge) {
        Ok(agent::EdgeType::Stream) => Ok(EdgeType::Stream),
        Ok(agent::EdgeType::Batch) => Ok(EdgeType::Batch),
        Err(_) => Err(Error::Protocol("the info response has an unknown type of edge")),
    };
    let value_type = |value: &i32| match ValueType::try_from(*value) {
        Ok(ValueType::Bool) => Ok(UdfType::Bool),
        Ok(ValueType::Int) => Ok(UdfType::Int),
        Ok(ValueType::Double) => Ok(UdfType::Double),
        Ok(ValueType::String) => Ok(UdfType::String),
        Ok(ValueType::Duration) => Ok(UdfType::Duration),
        Err(_) => Err(Error::Protocol("the info response has an unknown type of value")),
    };
    let mut options = BTreeMap::new();
    for (name, option) in response.options {
        let types = option.value_types.iter().map(value_type);
        options.insert(name, types.collect::<Result<_, _>>()?);
    }
    Ok(UdfInfo {
        wants: edge(response.wants)?,
        provides: edge(response.provides)?,
        options,
    })
}

/// What makes a function ready for a node.
pub(crate) fn init(run: &UdfRun) -> InitRequest {
    InitRequest {
        options: run.options.iter().map(option).collect(),
        task_id: run.task.to_string(),
        node_id: run.node.to_string(),
    }
}

fn option(option: &UdfOption) -> agent::Option_ {
    use agent::option_value::Value as Wire;
    let value = |value: &UdfValue| {
        let (kind, value) = match value {
            UdfValue::Bool(value) => (ValueType::Bool, Wire::BoolValue(*value)),
            UdfValue::Int(value) => (ValueType::Int, Wire::IntValue(*value)),
            UdfValue::Double(value) => (ValueType::Double, Wire::DoubleValue(*value)),
            UdfValue::String(value) => (ValueType::String, Wire::StringValue(value.to_string())),
            UdfValue::Duration(value) => (ValueType::Duration, Wire::DurationValue(*value)),
        };
        OptionValue {
            r#type: kind.into(),
            value: Some(value),
        }
    };
    agent::Option_ {
        name: option.name.to_string(),
        values: option.values.iter().map(value).collect(),
    }
}

fn tag_map(tags: &Tags) -> BTreeMap<String, String> {
    tags.iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// A point of a stream.
pub(crate) fn point(point: &UdfPoint) -> Point {
    Point {
        name: point.name.to_string(),
        database: point.database.to_string(),
        retention_policy: point.retention_policy.to_string(),
        dimensions: point.dimensions.tags.iter().map(ToString::to_string).collect(),
        by_name: point.dimensions.by_name,
        ..batch_point(point)
    }
}

/// A point of a batch: without what its batch says.
pub(crate) fn batch_point(point: &UdfPoint) -> Point {
    let mut wire = Point {
        time: point.time,
        group: point.group.to_string(),
        tags: tag_map(&point.tags),
        ..Point::default()
    };
    for (name, value) in &point.fields {
        let name = name.to_string();
        match value {
            Value::Float(value) => drop(wire.fields_double.insert(name, *value)),
            // The protocol has no durations; Kapacitor ends the process.
            Value::Int(value) | Value::Duration(value) => drop(wire.fields_int.insert(name, *value)),
            Value::Str(value) => drop(wire.fields_string.insert(name, value.to_string())),
            Value::Bool(value) => drop(wire.fields_bool.insert(name, *value)),
            Value::Null => {}
        }
    }
    wire
}

/// What comes before a batch's points.
pub(crate) fn begin(batch: &UdfBatch) -> BeginBatch {
    BeginBatch {
        name: batch.name.to_string(),
        group: batch.group.to_string(),
        tags: tag_map(&batch.tags),
        size: i64::try_from(batch.points.len()).unwrap_or(0),
        by_name: batch.by_name,
    }
}

/// What comes after them.
pub(crate) fn end(batch: &UdfBatch) -> EndBatch {
    EndBatch {
        name: batch.name.to_string(),
        group: batch.group.to_string(),
        tmax: batch.tmax,
        tags: tag_map(&batch.tags),
        by_name: batch.by_name,
    }
}

/// A point that a function gave.
pub(crate) fn from_point(point: Point) -> UdfPoint {
    // A name in several maps: the later ones win, as in Kapacitor.
    let strings = point
        .fields_string
        .into_iter()
        .map(|(name, v)| (name, Value::Str(v.into())));
    let ints = point
        .fields_int
        .into_iter()
        .map(|(name, v)| (name, Value::Int(v)));
    let floats = point
        .fields_double
        .into_iter()
        .map(|(name, v)| (name, Value::Float(v)));
    let bools = point
        .fields_bool
        .into_iter()
        .map(|(name, v)| (name, Value::Bool(v)));
    let fields: BTreeMap<String, Value> = strings.chain(ints).chain(floats).chain(bools).collect();
    let mut dimensions: Vec<Arc<str>> = point.dimensions.into_iter().map(Arc::from).collect();
    dimensions.sort();
    dimensions.dedup();
    UdfPoint {
        time: point.time,
        name: point.name.into(),
        database: point.database.into(),
        retention_policy: point.retention_policy.into(),
        group: point.group.into(),
        dimensions: Arc::new(Dimensions {
            by_name: point.by_name,
            tags: dimensions.into(),
        }),
        tags: Tags::from_pairs(point.tags),
        fields: fields.into_iter().map(|(name, v)| (name.into(), v)).collect(),
    }
}

/// A batch that a function gave.
pub(crate) fn from_batch(begin: &BeginBatch, points: Vec<UdfPoint>, end: EndBatch) -> UdfBatch {
    UdfBatch {
        name: end.name.into(),
        group: end.group.into(),
        // Kapacitor reads it off the begin.
        by_name: begin.by_name,
        tags: Tags::from_pairs(end.tags),
        tmax: end.tmax,
        points,
    }
}
