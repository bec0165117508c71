//! Notes what nodes log.

use std::fmt::Write as _;
use std::sync::Arc;

use capstan_base::{Clock as _, VirtualClock};
use capstan_flow::ports::{DataEvent, LogLevel, LogSink, NodeErrorEvent};

use super::rows;
use crate::journal::{Entry, Happened, Journal, Row};
use crate::moment;

#[derive(Debug)]
pub(super) struct LogNotes {
    journal: Arc<Journal>,
    clock: Arc<VirtualClock>,
}

impl LogNotes {
    pub(super) fn new(journal: Arc<Journal>, clock: Arc<VirtualClock>) -> Self {
        Self { journal, clock }
    }

    fn note(&self, task: &str, node: &str, what: Happened) {
        self.journal.note(Entry {
            task: task.into(),
            node: node.into(),
            clock: self.clock.now_nanos(),
            what,
        });
    }
}

impl LogSink for LogNotes {
    fn node_error(&self, event: &NodeErrorEvent<'_>) {
        let (message, error) = (event.message.to_owned(), event.error.to_owned());
        self.note(event.task, event.node, Happened::Error { message, error });
    }

    fn data(&self, task: &str, node: &str, level: LogLevel, prefix: &str, event: DataEvent<'_>) {
        let line = |row: &Row| {
            let mut text = if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix} ")
            };
            // Writing to a String cannot fail.
            let _ = write!(text, "{} {}", row.key(), row.values());
            let _ = write!(text, " {}", moment::rfc3339(row.time));
            self.note(task, node, Happened::Log { level, text });
        };
        match event {
            DataEvent::Points(points) => rows(&points.block, None).for_each(|row| line(&row)),
            DataEvent::Batch(batch) => {
                rows(&batch.rows, Some(batch.tmax)).for_each(|row| line(&row));
            }
        }
    }
}
