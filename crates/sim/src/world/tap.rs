//! Notes the points of watched nodes.

use std::sync::Arc;

use capstan_base::{Clock as _, VirtualClock};
use capstan_flow::ports::Tap;
use capstan_flow::{Message, NodeId};
use capstan_model::{Block, Groups};

use crate::journal::{Entry, Happened, Journal, Row};

#[derive(Debug)]
pub(super) struct PointNotes {
    journal: Arc<Journal>,
    clock: Arc<VirtualClock>,
}

impl PointNotes {
    pub(super) fn new(journal: Arc<Journal>, clock: Arc<VirtualClock>) -> Self {
        Self { journal, clock }
    }
}

impl Tap for PointNotes {
    fn given(&self, task: &str, node: NodeId, message: &Message, _groups: &Groups) {
        let Some(name) = self.journal.watched(task, node) else {
            return;
        };
        let task: Arc<str> = task.into();
        let note = |what| {
            self.journal.note(Entry {
                task: Arc::clone(&task),
                node: Arc::clone(&name),
                clock: self.clock.now_nanos(),
                what,
            });
        };
        match message {
            Message::Points(points) => rows(&points.block, None).for_each(|row| note(Happened::Point(row))),
            Message::Batch(batch) if batch.rows.is_empty() => note(Happened::EmptyBatch {
                name: Arc::clone(&batch.name),
                end: batch.tmax,
            }),
            Message::Batch(batch) => {
                rows(&batch.rows, Some(batch.tmax)).for_each(|row| note(Happened::Point(row)));
            }
            Message::Barrier(_) | Message::DeleteGroup(_) => {}
        }
    }
}

/// The rows of a block, each on its own.
pub(crate) fn rows(block: &Block, batch: Option<i64>) -> impl Iterator<Item = Row> + '_ {
    (0..block.len()).map(move |row| Row {
        name: Arc::clone(&block.name),
        tags: block.tags(row),
        fields: block
            .fields(row)
            .map(|(name, value)| (Arc::from(name), value.to_value()))
            .collect(),
        time: block.time[row],
        batch,
    })
}
