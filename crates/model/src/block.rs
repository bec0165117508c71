//! Rows of one measurement, column by column.

use std::sync::Arc;

use crate::column::Column;
use crate::keys::{KeyTable, RowKey};
use crate::tags::Tags;
use crate::value::ValueRef;

/// Rows of one measurement. Immutable; clones share every column.
#[derive(Debug, Clone)]
pub struct Block {
    /// Database; empty for rows that a node made (N-140).
    pub database: Arc<str>,
    /// Retention policy; empty for rows that a node made.
    pub retention_policy: Arc<str>,
    /// Measurement.
    pub name: Arc<str>,
    /// What the row keys mean.
    pub keys: Arc<KeyTable>,
    /// Nanoseconds since the Unix epoch, per row.
    pub time: Arc<Vec<i64>>,
    /// Row key, per row.
    pub key: Arc<Vec<RowKey>>,
    /// Fields, sorted by name, each name once.
    pub columns: Vec<Column>,
}

impl Block {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// About how much memory the rows take.
    pub fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(|column| column.values.bytes()).sum();
        self.len() * (size_of::<i64>() + size_of::<RowKey>()) + columns
    }

    /// The column of a field.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns
            .binary_search_by(|column| (*column.name).cmp(name))
            .ok()
            .map(|at| &self.columns[at])
    }

    /// The value of a field in a row: `None` when the row does not have it.
    pub fn field(&self, name: &str, row: usize) -> Option<ValueRef<'_>> {
        self.column(name)?.get(row)
    }

    /// The tags of a row.
    pub fn tags(&self, row: usize) -> Tags {
        self.keys.tags(self.key[row])
    }

    /// The fields a row has, sorted by name.
    pub fn fields(&self, row: usize) -> impl Iterator<Item = (&str, ValueRef<'_>)> {
        self.columns
            .iter()
            .filter_map(move |column| Some((&*column.name, column.get(row)?)))
    }

    /// The block of `rows`, in that order. Columns that none of them has are left out.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        let columns = self.columns.iter().map(|column| column.gather(rows));
        Self {
            time: Arc::new(rows.iter().map(|&row| self.time[row as usize]).collect()),
            key: Arc::new(rows.iter().map(|&row| self.key[row as usize]).collect()),
            columns: columns
                .filter(|column| {
                    column
                        .absent
                        .as_ref()
                        .is_none_or(|absent| absent.count() < rows.len())
                })
                .collect(),
            ..self.clone()
        }
    }

    /// This block with `column` added, or put in place of the one of the same name.
    #[must_use]
    pub fn with_column(mut self, column: Column) -> Self {
        match self.columns.binary_search_by(|c| c.name.cmp(&column.name)) {
            Ok(at) => self.columns[at] = column,
            Err(at) => self.columns.insert(at, column),
        }
        self
    }
}
