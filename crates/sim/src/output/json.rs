//! A JSON object per entry. Every object has `kind`, `time`, and the node where it is known.

use capstan_flow::ports::LogLevel;
use capstan_model::Value;
use serde_json::{Map, Value as Json, json};

use crate::journal::{Entry, Happened};
use crate::moment::rfc3339;
use crate::offline::Summary;

/// The entry as an object.
pub fn object(entry: &Entry) -> Json {
    let mut object = Map::new();
    let mut put = |key: &str, value: Json| {
        object.insert(key.to_owned(), value);
    };
    let kind = match &entry.what {
        Happened::Point(_) => "point",
        Happened::EmptyBatch { .. } => "batch",
        Happened::Alert(_) => "alert",
        Happened::Scale(_) => "scale",
        Happened::Hold(_) => "hold",
        Happened::Write(_) => "write",
        Happened::Post(_) => "post",
        Happened::Log { .. } => "log",
        Happened::Error { .. } => "error",
    };
    put("kind", kind.into());
    put("time", rfc3339(entry.time()).into());
    if !entry.node.is_empty() {
        put("node", (*entry.node).into());
    }
    match &entry.what {
        Happened::Point(row) => {
            put("name", (*row.name).into());
            let tags = row.tags.iter().map(|(key, value)| (key.to_owned(), value.into()));
            put("tags", Json::Object(tags.collect()));
            let fields = row.fields.iter();
            let fields = fields.map(|(name, value)| (name.to_string(), self::value(value)));
            put("fields", Json::Object(fields.collect()));
            if let Some(end) = row.batch {
                put("batch", rfc3339(end).into());
            }
        }
        Happened::EmptyBatch { name, .. } => {
            put("name", (**name).into());
            put("points", 0.into());
        }
        Happened::Alert(event) => {
            let state = &event.state;
            put("id", (*state.id).into());
            put("level", state.level.as_str().into());
            put("previousLevel", event.previous.as_str().into());
            put("message", (*state.message).into());
            put("details", (*state.details).into());
            put("duration", state.duration.into());
            put("recoverable", event.data.recoverable.into());
            let data: Json = serde_json::from_str(&event.to_json()).unwrap_or_default();
            put("data", data["data"].clone());
        }
        Happened::Scale(record) | Happened::Hold(record) => {
            // A record is plain data, which always has a JSON form.
            put("decision", serde_json::to_value(record).unwrap_or_default());
        }
        Happened::Write(request) => {
            put("database", (*request.database).into());
            put("retentionPolicy", (*request.retention_policy).into());
            put("precision", (*request.precision).into());
            put("points", request.points.into());
            put("body", request.body.as_str().into());
        }
        Happened::Post(request) => {
            put("url", request.url.as_str().into());
            put("headers", json!(request.headers));
            put("body", request.body.as_str().into());
        }
        Happened::Log { level, text } => {
            put("level", level_word(*level).into());
            put("text", text.as_str().into());
        }
        Happened::Error { message, error } => {
            put("message", message.as_str().into());
            put("error", error.as_str().into());
        }
    }
    Json::Object(object)
}

pub(crate) fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "DEBUG",
        LogLevel::Info => "INFO",
        LogLevel::Error => "ERROR",
    }
}

fn value(value: &Value) -> Json {
    match value {
        Value::Float(value) => json!(value),
        Value::Int(value) | Value::Duration(value) => json!(value),
        Value::Bool(value) => json!(value),
        Value::Str(value) => json!(&**value),
        Value::Null => Json::Null,
    }
}

/// The end of the run: statistics of every node.
pub(super) fn summary(summary: &Summary) -> Json {
    let nodes = summary.stats.nodes.iter().map(|node| {
        let entries = node.entries().into_iter();
        // A virtual clock measures nothing.
        let entries = entries.filter(|(name, _)| *name != "avg_exec_time_ns");
        let entries = entries.map(|(name, value)| (name.to_owned(), Json::from(value)));
        (node.name.clone(), Json::Object(entries.collect()))
    });
    json!({
        "kind": "stats",
        "points": summary.points,
        "taken": summary.taken,
        "from": rfc3339(summary.from),
        "to": rfc3339(summary.to),
        "nodes": Json::Object(nodes.collect()),
    })
}
