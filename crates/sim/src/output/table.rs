//! Results for people: time, node, what happened; statistics at the end.

use std::io::{self, Write};

use super::json::level_word;
use crate::journal::{Entry, Happened};
use crate::moment::{duration_text, rfc3339};
use crate::offline::Summary;

/// How wide a node's name usually is.
const NODE_WIDTH: usize = 16;

pub(super) fn entry(out: &mut dyn Write, entry: &Entry) -> io::Result<()> {
    writeln!(out, "{}", told(entry))
}

/// The entry in a line, decisions with their steps in further lines.
pub(super) fn told(entry: &Entry) -> String {
    let time = rfc3339(entry.time());
    let node = if entry.node.is_empty() { "-" } else { &*entry.node };
    let what = what(entry);
    let mut text = format!("{time:<24} {node:<NODE_WIDTH$} {what}");
    if let Happened::Scale(record) = &entry.what {
        // The first lines say what stands above already, and nothing was really written.
        let steps = record.explain();
        for line in steps.lines().skip(3).filter(|line| !line.starts_with("  write ")) {
            text.push_str("\n    ");
            text.push_str(line);
        }
    }
    text
}

fn what(entry: &Entry) -> String {
    match &entry.what {
        Happened::Point(row) => match row.batch {
            None => format!("{} {}", row.key(), row.values()),
            Some(end) => format!("{} {}  (batch until {})", row.key(), row.values(), rfc3339(end)),
        },
        Happened::EmptyBatch { name, .. } => format!("{name}: an empty batch"),
        Happened::Alert(event) => {
            let state = &event.state;
            format!(
                "{} {}: {} (was {}, for {})",
                state.level,
                state.id,
                state.message,
                event.previous,
                duration_text(state.duration)
            )
        }
        Happened::Scale(record) => format!("scale {}", record.summary()),
        Happened::Hold(record) => format!("hold {}", record.summary()),
        Happened::Write(request) => {
            let place = format!("{}.{}", request.database, request.retention_policy);
            let points = request.body.trim_end().replace('\n', "; ");
            format!("write to {place}: {points}")
        }
        Happened::Post(request) => format!("post to {}: {}", request.url, request.body.trim_end()),
        Happened::Log { level, text } => format!("log {} {text}", level_word(*level)),
        Happened::Error { message, error } => format!("error {message}: {error}"),
    }
}

pub(super) fn summary(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let took = duration_text(summary.to.saturating_sub(summary.from));
    writeln!(
        out,
        "\n{} points in {took} of data, from {} to {}",
        summary.points,
        rfc3339(summary.from),
        rfc3339(summary.to)
    )?;
    let own = |node: &capstan_flow::NodeStats| {
        let words = node.own.iter().filter(|(_, value)| *value != 0);
        let words: Vec<String> = words.map(|(name, value)| format!("{name}={value}")).collect();
        words.join(" ")
    };
    let width = summary.stats.nodes.iter().map(|node| node.name.len()).max();
    let width = width.unwrap_or(0).max(4);
    writeln!(
        out,
        "\n{:<width$} {:>10} {:>10} {:>8} {:>8}",
        "node", "in", "out", "errors", "groups"
    )?;
    // In the order of the graph, as the data flows.
    for id in summary.pipeline.order() {
        let Some(node) = summary.stats.nodes.get(id.index()) else {
            continue;
        };
        let row = format!(
            "{:<width$} {:>10} {:>10} {:>8} {:>8}  {}",
            node.name,
            node.collected,
            node.emitted,
            node.errors,
            node.working_cardinality,
            own(node)
        );
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}
