//! What nodes log, as lines of the server's log (S-23).

use std::fmt::Write as _;

use capstan_flow::ports::{DataEvent, LogLevel, LogSink, NodeErrorEvent};
use capstan_gocompat::time_layout::format_rfc3339_nano;
use capstan_model::{Block, ValueRef};

/// The most rows of one message that a `log` node writes; what is left out is said.
const MAX_ROWS: usize = 1_000;

/// Writes to the log of the process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NodeLog;

impl LogSink for NodeLog {
    fn node_error(&self, event: &NodeErrorEvent<'_>) {
        let NodeErrorEvent {
            task,
            node,
            message,
            error,
            count,
        } = *event;
        tracing::error!(
            service = "kapacitor",
            task_master = "main",
            task,
            node,
            err = error,
            count,
            "{message}"
        );
    }

    fn data(&self, task: &str, node: &str, level: LogLevel, prefix: &str, event: DataEvent<'_>) {
        match event {
            DataEvent::Points(points) => {
                rows(&points.block, |data| {
                    line(task, node, level, prefix, "point", data);
                });
            }
            DataEvent::Batch(batch) => {
                let begin = format!(
                    "{} tmax={} points={}",
                    batch.name,
                    format_rfc3339_nano(batch.tmax),
                    batch.rows.len()
                );
                line(task, node, level, prefix, "begin batch", &begin);
                rows(&batch.rows, |data| {
                    line(task, node, level, prefix, "batch point", data);
                });
                line(task, node, level, prefix, "end batch", &batch.name);
            }
        }
    }
}

fn line(task: &str, node: &str, level: LogLevel, prefix: &str, what: &str, data: &str) {
    match level {
        LogLevel::Debug => tracing::debug!(task_master = "main", task, node, prefix, data, "{what}"),
        LogLevel::Info => tracing::info!(task_master = "main", task, node, prefix, data, "{what}"),
        LogLevel::Error => tracing::error!(task_master = "main", task, node, prefix, data, "{what}"),
    }
}

/// Each row as `name,tag=value field=value time`.
fn rows(block: &Block, mut each: impl FnMut(&str)) {
    let mut text = String::new();
    for row in 0..block.len().min(MAX_ROWS) {
        text.clear();
        text.push_str(&block.name);
        // Writing to a String cannot fail, here and below.
        for (key, value) in block.tags(row).iter() {
            let _ = write!(text, ",{key}={value}");
        }
        for (at, (name, value)) in block.fields(row).enumerate() {
            let _ = write!(text, "{}{name}=", if at == 0 { ' ' } else { ',' });
            field(&mut text, value);
        }
        let _ = write!(text, " {}", format_rfc3339_nano(block.time[row]));
        each(&text);
    }
    if block.len() > MAX_ROWS {
        each(&format!("and {} more", block.len() - MAX_ROWS));
    }
}

fn field(text: &mut String, value: ValueRef<'_>) {
    let _ = match value {
        ValueRef::Int(value) => write!(text, "{value}i"),
        ValueRef::Float(value) => write!(text, "{value}"),
        ValueRef::Bool(value) => write!(text, "{value}"),
        ValueRef::Str(value) => write!(text, "{value:?}"),
        ValueRef::Duration(nanos) => write!(text, "{}", capstan_gocompat::duration::format_go(nanos)),
        ValueRef::Null => write!(text, "null"),
    };
}
