//! Kept rows in snapshots.

use std::sync::Arc;

use capstan_model::{Block, Tags, Value};
use serde::{Deserialize, Serialize};

use super::{OwnKeys, RowBuffer};
use crate::message::PointBatch;
use crate::node::{RestoreGroups, SnapshotGroups};

/// A row with names and values instead of keys and columns.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredRow {
    time: i64,
    tags: Vec<(String, String)>,
    fields: Vec<(String, StoredValue)>,
}

/// A value with floats as bits, because JSON has no infinities.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum StoredValue {
    F(u64),
    I(i64),
    B(bool),
    S(String),
    D(i64),
    N,
}

impl From<&Value> for StoredValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Float(v) => Self::F(v.to_bits()),
            Value::Int(v) => Self::I(*v),
            Value::Bool(v) => Self::B(*v),
            Value::Str(v) => Self::S(v.to_string()),
            Value::Duration(v) => Self::D(*v),
            Value::Null => Self::N,
        }
    }
}

impl From<StoredValue> for Value {
    fn from(stored: StoredValue) -> Self {
        match stored {
            StoredValue::F(bits) => Self::Float(f64::from_bits(bits)),
            StoredValue::I(v) => Self::Int(v),
            StoredValue::B(v) => Self::Bool(v),
            StoredValue::S(v) => Self::Str(v.into()),
            StoredValue::D(v) => Self::Duration(v),
            StoredValue::N => Self::Null,
        }
    }
}

impl RowBuffer {
    /// The rows as a snapshot holds them; keys are those of `keys`.
    pub(crate) fn store(&self, keys: &OwnKeys) -> Vec<StoredRow> {
        let row = |at: usize| StoredRow {
            time: self.times()[at],
            tags: keys
                .table()
                .tags(self.keys()[at])
                .iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
            fields: self
                .fields(at)
                .map(|(name, value)| (name.to_string(), (&value.to_value()).into()))
                .collect(),
        };
        (0..self.len()).map(row).collect()
    }

    /// The rows of a snapshot.
    pub(crate) fn unstore(stored: Vec<StoredRow>, keys: &OwnKeys) -> Self {
        let mut rows = Self::default();
        for row in stored {
            let tags = Tags::from_pairs(row.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            let mut fields: Vec<(Arc<str>, Value)> = row
                .fields
                .into_iter()
                .map(|(name, value)| (Arc::from(name), value.into()))
                .collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            let key = keys.of_tags(&tags);
            rows.push_fields(
                row.time,
                key,
                fields.iter().map(|(name, value)| (name, value.as_ref())),
            );
        }
        rows
    }
}

/// The rows of a block as a snapshot holds them.
pub(crate) fn store_block(block: &Block) -> Vec<StoredRow> {
    let mut keys = OwnKeys::default();
    let mut rows = RowBuffer::default();
    for row in 0..block.len() {
        let key = keys.of_row(block, row);
        rows.push(block, row, key);
    }
    rows.store(&keys)
}

/// A block of a snapshot's rows; its keys are those of `keys`.
pub(crate) fn unstore_block(name: Arc<str>, stored: Vec<StoredRow>, keys: &OwnKeys) -> Block {
    RowBuffer::unstore(stored, keys).to_block(name, Arc::clone(keys.table()))
}

/// A batch in a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredBatch {
    name: String,
    group: u32,
    tmax: i64,
    rows: Vec<StoredRow>,
}

impl StoredBatch {
    /// The batch as a snapshot holds it.
    pub(crate) fn of(batch: &PointBatch, groups: &mut SnapshotGroups<'_>) -> Self {
        Self {
            name: batch.name.to_string(),
            group: groups.place(batch.group),
            tmax: batch.tmax,
            rows: store_block(&batch.rows),
        }
    }

    /// The batch of a snapshot; `None` if the snapshot lacks its group.
    pub(crate) fn restore(self, groups: &RestoreGroups<'_>, keys: &OwnKeys) -> Option<PointBatch> {
        let name: Arc<str> = self.name.into();
        Some(PointBatch {
            group: groups.group(self.group)?,
            tmax: self.tmax,
            rows: Arc::new(unstore_block(Arc::clone(&name), self.rows, keys)),
            name,
        })
    }
}
