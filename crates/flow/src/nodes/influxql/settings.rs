//! What all InfluxQL nodes read from their settings.

use std::sync::Arc;

use capstan_influxql::{Argument, Call, Error, FieldType, Shape, ValueRef as Pushed};
use capstan_model::ValueRef;

use super::aggregate::StreamAggregate;
use super::batch::BatchAggregate;
use super::transform::Transforming;
use crate::engine::build::Builder;
use crate::node::Node;
use crate::pipeline::{EdgeType, NodeConfig};
use crate::script::Value;

/// The settings of one node.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) call: Call,
    pub(super) field: Arc<str>,
    /// Name of the result's field (N-130).
    pub(super) name: Arc<str>,
    /// Whether the chosen point's own time is used (N-131).
    pub(super) point_times: bool,
    /// Whether results are batches.
    pub(super) gives_batch: bool,
}

fn call(config: &NodeConfig) -> Result<Call, Error> {
    let argument = |value: &Value| match value {
        Value::Int(v) => Argument::Int(*v),
        Value::Float(v) => Argument::Float(*v),
        Value::Duration(v) => Argument::Duration(*v),
        other => Argument::from(other.to_string().as_str()),
    };
    let arguments: Vec<Argument> = config.arguments.iter().map(argument).collect();
    Call::new(config.spec.method, &arguments)
}

/// Refuses values that cannot work.
pub(super) fn check(config: &NodeConfig) -> Result<(), String> {
    call(config).map(|_| ()).map_err(|error| error.to_string())
}

/// Makes the machine.
pub(super) fn build(config: &NodeConfig, _builder: &mut Builder<'_>) -> Result<Box<dyn Node>, String> {
    let call = call(config).map_err(|error| error.to_string())?;
    let settings = Settings {
        field: Arc::from(call.field()),
        name: config
            .string("as")
            .unwrap_or_else(|| Arc::from(call.function().default_as)),
        point_times: config.flag("usePointTimes") || call.function().point_times,
        gives_batch: config.provides == EdgeType::Batch,
        call,
    };
    Ok(match (settings.call.function().shape, config.wants) {
        (Shape::Transform, _) => Box::new(Transforming::new(settings)),
        (_, EdgeType::Batch) => Box::new(BatchAggregate::new(settings)),
        _ => Box::new(StreamAggregate::new(settings)),
    })
}

/// A field value as functions take it; `None` for null, which counts as missing (N-139).
#[inline]
pub(super) fn pushed(value: ValueRef<'_>) -> Option<Pushed<'_>> {
    Some(match value {
        ValueRef::Float(v) => Pushed::Float(v),
        ValueRef::Int(v) => Pushed::Int(v),
        ValueRef::Bool(v) => Pushed::Bool(v),
        ValueRef::Str(v) => Pushed::String(v),
        ValueRef::Duration(v) => Pushed::Duration(v),
        ValueRef::Null => return None,
    })
}

/// A result as a field value.
pub(super) fn given(value: &capstan_influxql::Value) -> ValueRef<'_> {
    use capstan_influxql::Value as V;
    match value {
        V::Float(v) => ValueRef::Float(*v),
        V::Int(v) => ValueRef::Int(*v),
        V::Bool(v) => ValueRef::Bool(*v),
        V::String(v) => ValueRef::Str(v),
    }
}

/// The type of a value that a function is to be made for.
pub(super) fn type_of(value: Pushed<'_>) -> FieldType {
    value.field_type()
}
