//! Sockets, brokers and monitoring agents.

use serde_json::{Map, Value as Json};

use super::{anything, option, set, text};
use crate::spec::{Fill, HandlerKind, Method, Sends, Type};

///
pub static TCP: HandlerKind = HandlerKind {
    kind: "tcp",
    method: "tcp",
    takes: Method::First("address"),
    options: &[text("address", "address", "`host:port`.")],
    sends: Sends::Yes,
    check: anything,
    check_start: anything,
    doc: "Connects, writes the event as JSON and a line end, and closes.",
};

///
pub static KAFKA: HandlerKind = HandlerKind {
    kind: "kafka",
    method: "kafka",
    takes: Method::Nothing,
    options: &[
        text("cluster", "cluster", "Id of a `[[kafka]]` section."),
        text("topic", "kafkaTopic", "Kafka's topic."),
        text(
            "template",
            "template",
            "The message; the event as JSON without one.",
        ),
        option(
            "disablePartitionById",
            "disablePartitionById",
            Fill::Flag,
            "Spreads the events of one id over partitions.",
        ),
        text(
            "partitionAlgorithm",
            "partitionHashAlgorithm",
            "How the partition follows from the id: crc32, murmur2 or fnv-1a.",
        ),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Writes a message with the alert id as its key.",
};

///
pub static MQTT: HandlerKind = HandlerKind {
    kind: "mqtt",
    method: "mqtt",
    takes: Method::First("topic"),
    options: &[
        text("broker-name", "brokerName", "Name of an `[[mqtt]]` section."),
        text("topic", "topic", "MQTT's topic; a template."),
        set("qos", "qos", Type::Int, "Quality of service: 0, 1 or 2."),
        set(
            "retained",
            "retained",
            Type::Flag,
            "Whether the broker keeps the message.",
        ),
    ],
    sends: Sends::NotYet,
    check: quality,
    check_start: anything,
    doc: "Publishes the message text.",
};

fn quality(options: &Map<String, Json>) -> Result<(), String> {
    match options.get("qos").and_then(Json::as_i64) {
        None | Some(0..=2) => Ok(()),
        Some(other) => Err(format!("invalid mqtt: qos must be 0, 1 or 2, got {other}")),
    }
}

///
pub static SENSU: HandlerKind = HandlerKind {
    kind: "sensu",
    method: "sensu",
    takes: Method::Nothing,
    options: &[
        text("source", "source", "The check's source; a template."),
        option("handlers", "handlers", Fill::List, "Sensu's handlers."),
        option(
            "metadata",
            "metadata",
            Fill::Entry(Type::Any),
            "A further key of the result.",
        ),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Writes a check result to a Sensu client's socket.",
};

///
pub static SNMP_TRAP: HandlerKind = HandlerKind {
    kind: "snmptrap",
    method: "snmpTrap",
    takes: Method::First("trap-oid"),
    options: &[
        text("trap-oid", "trapOid", "The trap."),
        option(
            "data-list",
            "data",
            Fill::Row {
                keys: &["oid", "type", "value"],
                required: 3,
            },
            "A variable: its oid, its type (c counter, i integer, n null, s string, t time ticks) and its value, a template.",
        ),
    ],
    sends: Sends::NotYet,
    check: trap,
    check_start: anything,
    doc: "Sends an SNMP v2c trap.",
};

fn trap(options: &Map<String, Json>) -> Result<(), String> {
    let oid = options.get("trap-oid").and_then(Json::as_str).unwrap_or_default();
    if oid.is_empty() {
        return Err("invalid SNMP trap \"\": you must supply a trap Oid".to_owned());
    }
    let rows = options.get("data-list").and_then(Json::as_array);
    for row in rows.into_iter().flatten() {
        let word = |key: &str| row[key].as_str().unwrap_or_default();
        let kind = word("type");
        if !["c", "i", "n", "s", "t"].contains(&kind) {
            return Err(format!(
                "invalid SNMP trap {oid:?}: unsupported data type {kind:?} for data entry {:?}",
                word("oid")
            ));
        }
    }
    Ok(())
}
