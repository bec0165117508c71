use super::exec::InfluxDbOut;
use crate::registry::{
    ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, arg, exactly,
    unchecked,
};

/// `|influxDBOut()`.
pub(crate) static INFLUXDB_OUT: NodeSpec = NodeSpec {
    kind: "influxdb_out",
    method: "influxDBOut",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Nothing,
    shape: Shape::Async,
    arguments: NONE,
    properties: &[
        Property::value(
            "cluster",
            &[arg("name", K::String)],
            "the default one",
            "Which configured InfluxDB to write to.",
        ),
        Property::value(
            "database",
            &[arg("database", K::String)],
            "the point's own",
            "Database to write to.",
        ),
        Property::value(
            "retentionPolicy",
            &[arg("retention policy", K::String)],
            "the point's own",
            "Retention policy to write to.",
        ),
        Property::value(
            "measurement",
            &[arg("measurement", K::String)],
            "the point's own",
            "Measurement to write to.",
        ),
        Property::value(
            "writeConsistency",
            &[arg("consistency", K::String)],
            "the server's",
            "How many servers must have a write, for InfluxDB Enterprise.",
        ),
        Property::value(
            "precision",
            &[arg("precision", K::String)],
            "'ns'",
            "Unit of the times that are written: ns, u, ms, s, m or h.",
        ),
        Property::value(
            "buffer",
            &[arg("points", K::Int)],
            "1000",
            "Writes as soon as so many points wait.",
        ),
        Property::value(
            "flushInterval",
            &[arg("interval", K::Duration)],
            "10s",
            "Writes what waits after this time at the latest.",
        ),
        Property {
            name: "tag",
            arguments: exactly(&[arg("key", K::String), arg("value", K::String)]),
            repeat: Repeat::Append,
            default: "none",
            doc: "Adds a tag to each point.",
        },
        Property::flag(
            "create",
            "Creates the database, and the retention policy if one is named, at the start.",
        ),
    ],
    stats: &["points_written", "write_errors"],
    doc: "Writes to InfluxDB.",
    check: unchecked,
    build: |config, builder| Ok(Box::new(InfluxDbOut::new(config, builder)?)),
};
