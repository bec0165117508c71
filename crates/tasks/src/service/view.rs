//! Reading tasks (H-42, H-43, H-49 to H-53).

use std::sync::Arc;

use capstan_flow::{LabelStyle, TaskStats, executing_dot};
use capstan_gocompat::path_match;

use super::Tasks;
use crate::definition;
use crate::error::Error;
use crate::record::TaskRecord;

/// How a running task's graph shows statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DotView {
    /// `node [stat="v" ];` (C-77).
    Attributes,
    /// `node [xlabel="stat=v"];` (C-82).
    Labels,
}

/// A task at one moment.
#[derive(Debug, Clone)]
pub struct TaskView {
    pub record: Arc<TaskRecord>,
    /// The script, formatted if it can be.
    pub formatted: String,
    pub executing: bool,
    /// The failure of the last run, or what is wrong with the script now (H-50).
    pub error: String,
    /// The graph, with statistics while the task runs (H-53).
    pub dot: String,
    /// While the task runs.
    pub stats: Option<Arc<TaskStats>>,
}

/// Statistics of one node of one running task (S-92).
#[derive(Debug, Clone, PartialEq)]
pub struct NodeStatistics {
    pub task: String,
    /// `stream` or `batch`.
    pub task_type: &'static str,
    pub node: String,
    pub kind: Arc<str>,
    pub values: Vec<(&'static str, i64)>,
}

/// Statistics of one edge of one running task (S-93).
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeStatistics {
    pub task: String,
    pub task_type: &'static str,
    pub parent: String,
    pub child: String,
    /// Points, or batches, that entered the edge.
    pub collected: u64,
}

impl Tasks {
    /// A task's record.
    pub fn get(&self, id: &str) -> Result<Arc<TaskRecord>, Error> {
        self.records.read().get(id).cloned().ok_or(Error::NotFound)
    }

    /// Tasks whose id matches a shell pattern (empty: all), by id, from `offset` on, at most `limit` (H-09, H-12).
    pub fn list(&self, pattern: &str, offset: usize, limit: usize) -> Result<Vec<Arc<TaskRecord>>, Error> {
        let malformed = |reason: &dyn std::fmt::Display| Error::Pattern {
            pattern: pattern.to_owned(),
            reason: reason.to_string(),
        };
        let records = self.records.read();
        let mut found = Vec::new();
        for record in records.values() {
            if pattern.is_empty() || path_match(pattern, &record.id).map_err(|error| malformed(&error))? {
                found.push(Arc::clone(record));
            }
        }
        Ok(found.into_iter().skip(offset).take(limit).collect())
    }

    /// Whether a task runs now.
    pub fn is_executing(&self, id: &str) -> bool {
        self.running
            .read()
            .get(id)
            .is_some_and(|running| running.executing())
    }

    /// Everything about a task.
    pub fn view(&self, record: &Arc<TaskRecord>, dot: DotView) -> TaskView {
        let running = self
            .running
            .read()
            .get(&record.id)
            .cloned()
            .filter(|running| running.executing());
        let formatted = capstan_tick::format(&record.script).unwrap_or_else(|_| record.script.clone());
        let mut view = TaskView {
            record: Arc::clone(record),
            formatted,
            executing: running.is_some(),
            error: record.error.clone(),
            dot: String::new(),
            stats: None,
        };
        if let Some(running) = running {
            let stats = running.stats();
            let style = match dot {
                DotView::Attributes => LabelStyle::Attributes,
                DotView::Labels => LabelStyle::Labels,
            };
            view.dot = executing_dot(running.pipeline(), &record.id, &stats, style);
            view.stats = Some(stats);
        } else {
            match definition::pipeline(record, &self.run.ports.functions()) {
                Ok(pipeline) => view.dot = pipeline.dot(&record.id),
                Err(Error::Script(reason)) => view.error = reason,
                Err(error) => view.error = error.to_string(),
            }
        }
        view
    }

    /// Traps in a task's script, in the order of its lines.
    pub fn warnings(&self, record: &TaskRecord) -> Vec<capstan_flow::Warning> {
        definition::warnings(record, &self.run.ports.functions())
    }

    /// What an `httpOut` node of a running task published (H-49): compact JSON.
    pub fn endpoint(&self, id: &str, endpoint: &str) -> Option<String> {
        let running = self.running.read().get(id).cloned()?;
        running.endpoints().get(endpoint)
    }

    /// Every endpoint of every running task: task and name.
    pub fn endpoints(&self) -> Vec<(String, String)> {
        let running = self.running.read();
        let mut all: Vec<(String, String)> = running
            .iter()
            .flat_map(|(id, running)| {
                running
                    .endpoints()
                    .names()
                    .into_iter()
                    .map(move |name| (id.clone(), name.to_string()))
            })
            .collect();
        all.sort();
        all
    }

    /// Statistics of all running tasks, for the server's counters.
    pub fn statistics(&self) -> (Vec<NodeStatistics>, Vec<EdgeStatistics>) {
        let mut running: Vec<_> = self
            .running
            .read()
            .iter()
            .map(|(id, running)| (id.clone(), Arc::clone(running)))
            .collect();
        running.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        for (task, running) in running {
            let stats = running.stats();
            let pipeline = running.pipeline();
            let task_type = pipeline.edge().as_str();
            for (config, node) in pipeline.nodes().iter().zip(&stats.nodes) {
                let mut values = node.entries();
                if *node.kind == *task_type {
                    values.push(("dropped", i64::try_from(running.dropped()).unwrap_or(i64::MAX)));
                    values.push(("restarts", i64::try_from(running.restarts()).unwrap_or(i64::MAX)));
                }
                nodes.push(NodeStatistics {
                    task: task.clone(),
                    task_type,
                    node: node.name.clone(),
                    kind: Arc::clone(&node.kind),
                    values,
                });
                for (&child, &collected) in config.children.iter().zip(&node.processed) {
                    edges.push(EdgeStatistics {
                        task: task.clone(),
                        task_type,
                        parent: node.name.clone(),
                        child: pipeline.node(child).name(),
                        collected,
                    });
                }
            }
        }
        (nodes, edges)
    }
}
