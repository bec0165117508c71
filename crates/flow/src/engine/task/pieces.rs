//! Bodies of points in the pieces that nodes get.

use std::sync::Arc;

use capstan_model::{Batch, Block, Groups};

use crate::message::{Message, Points};

/// What counts on an edge: points, or batches (N-23).
pub(super) fn counted(message: &Message) -> u64 {
    match message {
        Message::Points(points) => points.len() as u64,
        Message::Batch(_) => 1,
        Message::Barrier(_) | Message::DeleteGroup(_) => 0,
    }
}

/// Points enter without dimensions, whatever tags they carry.
pub(super) fn ungrouped(block: Arc<Block>) -> Message {
    let groups = Arc::new(vec![Groups::UNGROUPED; block.len()]);
    Message::Points(Points { block, groups })
}

/// The wanted rows in arrival order, as few pieces as possible.
pub(super) fn runs(batch: &Batch, wanted: &[bool]) -> Vec<Message> {
    let mut pieces: Vec<(u32, u32, u32)> = Vec::new();
    for run in batch.runs() {
        if !wanted.get(run.block as usize).copied().unwrap_or(false) {
            continue;
        }
        match pieces.last_mut() {
            Some((block, start, len)) if *block == run.block && *start + *len == run.start => *len += run.len,
            _ => pieces.push((run.block, run.start, run.len)),
        }
    }
    let piece = |&(at, start, len): &(u32, u32, u32)| {
        let block = &batch.blocks[at as usize];
        if len as usize == block.len() {
            return ungrouped(Arc::clone(block));
        }
        let rows: Vec<u32> = (start..start + len).collect();
        ungrouped(Arc::new(block.gather(&rows)))
    };
    pieces.iter().map(piece).collect()
}

/// The points in pieces of one time each: parents of a join are kept in step, whatever a body holds.
pub(super) fn by_time(message: Message) -> Vec<Message> {
    let Message::Points(points) = &message else {
        return vec![message];
    };
    let time = &points.block.time;
    if time.first() == time.last() && time.windows(2).all(|pair| pair[0] == pair[1]) {
        return vec![message];
    }
    let mut start = 0;
    let piece = |run: &[i64]| {
        let rows: Vec<u32> = (start..start + run.len() as u32).collect();
        start += run.len() as u32;
        Message::Points(points.gather(&rows))
    };
    time.chunk_by(|a, b| a == b).map(piece).collect()
}
