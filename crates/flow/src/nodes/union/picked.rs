//! Rows on their way out of a union, put together again into blocks.

use std::sync::Arc;

use capstan_model::{Block, ColumnBuilder};

use crate::message::{Message, Points};
use crate::node::Context;
use crate::rows::OwnKeys;

/// Rows in the order in which they leave.
#[derive(Debug, Default)]
pub(super) struct Picked {
    rows: Vec<(Points, u32)>,
}

impl Picked {
    pub(super) fn push(&mut self, points: &Points, row: u32) {
        self.rows.push((points.clone(), row));
    }

    /// Sends what was picked, in as few blocks as there are changes of database, policy or measurement.
    pub(super) fn flush(&mut self, ctx: &mut Context<'_>, keys: &mut OwnKeys) {
        let rows = std::mem::take(&mut self.rows);
        for piece in rows.chunk_by(|(a, _), (b, _)| same_source(&a.block, &b.block)) {
            if let Some(points) = together(piece, keys) {
                ctx.emit(Message::Points(points));
            }
        }
    }
}

fn same_source(a: &Block, b: &Block) -> bool {
    a.name == b.name && a.database == b.database && a.retention_policy == b.retention_policy
}

fn together(piece: &[(Points, u32)], keys: &mut OwnKeys) -> Option<Points> {
    let (first, _) = piece.first()?;
    if piece
        .iter()
        .all(|(points, _)| Arc::ptr_eq(&points.block, &first.block))
    {
        let rows: Vec<u32> = piece.iter().map(|(_, row)| *row).collect();
        return Some(first.gather(&rows));
    }
    let len = piece.len();
    let (mut time, mut key, mut groups) = (
        Vec::with_capacity(len),
        Vec::with_capacity(len),
        Vec::with_capacity(len),
    );
    let mut columns: Vec<ColumnBuilder> = Vec::new();
    for (at, (points, row)) in piece.iter().enumerate() {
        let (block, row) = (&points.block, *row as usize);
        time.push(block.time[row]);
        key.push(keys.of_row(block, row));
        groups.push(points.groups[row]);
        for column in &block.columns {
            let Some(value) = column.get(row) else { continue };
            let known = columns.binary_search_by(|known| known.name().cmp(&column.name));
            let column = known.unwrap_or_else(|place| {
                columns.insert(place, ColumnBuilder::new(Arc::clone(&column.name)));
                place
            });
            columns[column].set(at, value);
        }
    }
    let block = Block {
        keys: Arc::clone(keys.table()),
        time: Arc::new(time),
        key: Arc::new(key),
        columns: columns
            .into_iter()
            .filter_map(|column| column.finish(len))
            .collect(),
        ..(*first.block).clone()
    };
    Some(Points {
        block: Arc::new(block),
        groups: Arc::new(groups),
    })
}
