//! Rows as results show them: one series of names and values.

use std::sync::Arc;

use capstan_model::{Block, Tags, Value};

use crate::message::PointBatch;

/// Rows of one group, copied so that no body is pinned.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: Arc<str>,
    pub(crate) tags: Tags,
    /// Without `time`, sorted.
    pub(crate) columns: Vec<Arc<str>>,
    /// Time and values by column; `None` where a row has nothing.
    pub(crate) rows: Vec<(i64, Vec<Option<Value>>)>,
}

/// A point with all of its tags.
pub(crate) fn point(block: &Block, row: usize) -> Series {
    let present = block
        .columns
        .iter()
        .filter_map(|column| Some((&column.name, column.get(row)?)));
    let (columns, values) = present
        .map(|(name, value)| (Arc::clone(name), Some(value.to_value())))
        .unzip();
    Series {
        name: Arc::clone(&block.name),
        tags: block.tags(row),
        columns,
        rows: vec![(block.time[row], values)],
    }
}

/// A batch with its group's tags; other tags are columns. Columns come from the first row.
pub(crate) fn batch(batch: &PointBatch, tags: &Tags) -> Series {
    let rows = &batch.rows;
    let mut columns: Vec<Arc<str>> = Vec::new();
    if !rows.is_empty() {
        columns.extend(rows.fields(0).map(|(name, _)| Arc::from(name)));
        let first = rows.tags(0);
        columns.extend(
            first
                .iter()
                .filter(|(key, _)| tags.get(key).is_none())
                .map(|(key, _)| Arc::from(key)),
        );
        columns.sort();
    }
    let row = |at: usize| {
        let own = rows.tags(at);
        let value = |column: &Arc<str>| match rows.field(column, at) {
            Some(value) => Some(value.to_value()),
            None => own.get(column).map(|text| Value::Str(text.into())),
        };
        (rows.time[at], columns.iter().map(value).collect())
    };
    Series {
        name: Arc::clone(&batch.name),
        tags: tags.clone(),
        rows: (0..rows.len()).map(row).collect(),
        columns,
    }
}
