use capstan_influxql::query::{Dimension, Fill, Query as Statement};

use super::exec::{Query, Text};
use crate::pipeline::NodeConfig;
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, any, arg, exactly,
    unchecked,
};
use crate::script::Value;

/// `|query('SELECT …')`.
pub(crate) static QUERY: NodeSpec = NodeSpec {
    kind: "query",
    method: "query",
    parents: Parents::Only(&["batch"]),
    wants: Wants::Batch,
    provides: Provides::Batch,
    shape: Shape::Async,
    arguments: exactly(&[arg("query", K::String)]),
    properties: &[
        Property::value(
            "period",
            &[arg("period", K::Duration)],
            "0s",
            "How much time each query covers.",
        ),
        EVERY,
        CRON,
        ALIGN,
        OFFSET,
        Property::flag(
            "alignGroup",
            "Lets the buckets of a time dimension begin where the query begins.",
        ),
        Property {
            name: "groupBy",
            arguments: any("dimension", K::Any),
            repeat: Repeat::Replace,
            default: "not grouped",
            doc: "Groups by tags, by all of them with `*`, by time with `time(length, offset)`.",
        },
        Property::flag("groupByMeasurement", "Makes the measurement part of the group."),
        Property::value(
            "fill",
            &[arg("value", K::Any)],
            "as the query says",
            "What buckets without points hold: a number, 'null', 'none', 'previous' or 'linear'.",
        ),
        CLUSTER,
    ],
    stats: &["batches_queried", "points_queried"],
    doc: "Queries InfluxDB at set times and gives a batch per series.",
    check: unchecked,
    build: |config, builder| {
        let text = Text::InfluxQl(Box::new(statement(config)?));
        Ok(Box::new(Query::new(config, builder, text)?))
    },
};

pub(crate) const EVERY: Property = Property::value(
    "every",
    &[arg("interval", K::Duration)],
    "none",
    "How often to query; either this or `cron`.",
);
pub(crate) const CRON: Property = Property::value(
    "cron",
    &[arg("schedule", K::String)],
    "none",
    "When to query, as a cron expression of five to seven fields in the server's time zone.",
);
pub(crate) const ALIGN: Property = Property::flag("align", "Queries at multiples of the interval.");
pub(crate) const OFFSET: Property = Property::value(
    "offset",
    &[arg("offset", K::Duration)],
    "0s",
    "Shifts the time that is queried into the past.",
);
pub(crate) const CLUSTER: Property = Property::value(
    "cluster",
    &[arg("name", K::String)],
    "the default one",
    "Which configured InfluxDB to query.",
);

/// The query with what the properties say about it.
fn statement(config: &NodeConfig) -> Result<Statement, String> {
    let text = config.string_argument(0);
    let mut query = Statement::parse(&text).map_err(|error| error.to_string())?;
    let dimensions = config.property("groupBy").unwrap_or_default();
    let dimensions: Result<Vec<Dimension>, String> = dimensions.iter().map(dimension).collect();
    query.group_by(dimensions?).map_err(|error| error.to_string())?;
    if config.flag("alignGroup") {
        query.align_group();
    }
    match config.property("fill").and_then(<[Value]>::first) {
        Some(Value::String(option)) => query.fill(match &**option {
            "null" => Fill::Null,
            "none" => Fill::None,
            "previous" => Fill::Previous,
            "linear" => Fill::Linear,
            other => return Err(format!("unexpected fill option {other}")),
        }),
        Some(Value::Int(value)) => query.fill(Fill::Int(*value)),
        Some(Value::Float(value)) => query.fill(Fill::Float(*value)),
        _ => {}
    }
    Ok(query)
}

fn dimension(value: &Value) -> Result<Dimension, String> {
    match value {
        Value::Duration(length) => Ok(Dimension::Time {
            length: *length,
            offset: 0,
        }),
        Value::TimeDimension { length, offset } => Ok(Dimension::Time {
            length: *length,
            offset: *offset,
        }),
        Value::String(name) => Ok(Dimension::Tag(name.to_string())),
        Value::Star => Ok(Dimension::Star),
        other => Err(format!(
            "invalid dimension type:{}, must be string or time.Duration",
            other.go_type()
        )),
    }
}
