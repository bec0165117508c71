//! Graphviz text of a pipeline, exactly as `show` prints it (C-77…C-83).

use std::fmt::Write;

use capstan_gocompat::duration;

use super::{EdgeType, Pipeline};
use crate::engine::stats::{NodeStats, TaskStats};

/// How statistics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelStyle {
    /// `node [stat="v" ];` (C-77).
    Attributes,
    /// `node [xlabel="stat=v"];` (C-82).
    Labels,
}

pub(super) fn plain(pipeline: &Pipeline, task: &str) -> String {
    let mut text = format!("digraph {task} {{\n");
    for id in pipeline.order() {
        let node = pipeline.node(id);
        if hidden(node.spec.kind) {
            continue;
        }
        for &child in &node.children {
            let _ = writeln!(text, "{} -> {};", node.name(), pipeline.node(child).name());
        }
    }
    text.push('}');
    text
}

/// The graph of an executing task.
pub fn executing_dot(pipeline: &Pipeline, task: &str, stats: &TaskStats, style: LabelStyle) -> String {
    let unit = if pipeline.edge() == EdgeType::Batch {
        "batches"
    } else {
        "points"
    };
    let mut text = format!("digraph {task} {{\n");
    let _ = match style {
        LabelStyle::Attributes => writeln!(text, "graph [throughput=\"{:.2} {unit}/s\"];", stats.throughput),
        LabelStyle::Labels => writeln!(
            text,
            "graph [label=\"Throughput: {:.2} {unit}/s\" forcelabels=true pad=\"0.8,0.5\"];",
            stats.throughput
        ),
    };
    for id in pipeline.order() {
        let config = pipeline.node(id);
        let Some(node) = stats.nodes.get(id.index()) else {
            continue;
        };
        if hidden(config.spec.kind) {
            continue;
        }
        let shown = shown(node);
        match style {
            LabelStyle::Attributes => {
                let _ = write!(text, "\n{} [", node.name);
                for (name, value) in &shown {
                    let _ = write!(text, "{name}=\"{value}\" ");
                }
                text.push_str("];\n");
            }
            LabelStyle::Labels => {
                let words: Vec<String> = shown
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                // A literal \r breaks the line, right-justified, in Graphviz.
                let _ = writeln!(text, "\n{} [xlabel=\"{}\"];", node.name, words.join("\\r"));
            }
        }
        for (&child, processed) in config.children.iter().zip(&node.processed) {
            let child = pipeline.node(child).name();
            let _ = match style {
                LabelStyle::Attributes => {
                    writeln!(text, "{} -> {child} [processed=\"{processed}\"];", node.name)
                }
                LabelStyle::Labels => writeln!(
                    text,
                    "{} -> {child} [label=\"processed={processed}\"];",
                    node.name
                ),
            };
        }
    }
    text.push('}');
    text
}

/// A batch task's source is not drawn (N-124).
fn hidden(kind: &str) -> bool {
    kind == "batch"
}

/// Statistics in alphabetical order (C-79).
fn shown(node: &NodeStats) -> Vec<(&'static str, String)> {
    let mut words = vec![
        ("avg_exec_time_ns", duration::format_go(node.avg_exec_time_ns)),
        ("errors", node.errors.to_string()),
        ("working_cardinality", node.working_cardinality.to_string()),
    ];
    words.extend(node.own.iter().map(|&(name, value)| (name, value.to_string())));
    words.sort_unstable_by_key(|&(name, _)| name);
    words
}
