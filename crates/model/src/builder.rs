//! Makes blocks row by row, keeping each field in a typed column as long as its type does not change.

use std::sync::Arc;

use crate::block::Block;
use crate::column::{Column, StrValues, Values};
use crate::keys::{KeyTable, RowKey};
use crate::mask::Mask;
use crate::value::{Value, ValueRef};

/// A column under construction. Rows are set in ascending order; rows that are skipped are absent.
#[derive(Debug)]
pub struct ColumnBuilder {
    name: Arc<str>,
    values: Option<Values>,
    len: usize,
    absent: Option<Mask>,
    null: Option<Mask>,
    /// Rows to make room for when the type is known.
    capacity: usize,
}

/// The numbers of a column under construction.
#[derive(Debug)]
pub(crate) enum Numbers<'c> {
    Int(&'c mut Vec<i64>),
    Float(&'c mut Vec<f64>),
}

impl Numbers<'_> {
    /// Takes back what was added after the first `rows`.
    pub(crate) fn truncate(&mut self, rows: usize) {
        match self {
            Self::Int(values) => values.truncate(rows),
            Self::Float(values) => values.truncate(rows),
        }
    }
}

impl ColumnBuilder {
    /// An empty column.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            values: None,
            len: 0,
            absent: None,
            null: None,
            capacity: 0,
        }
    }

    /// Says how many rows are expected, so that room for them is made at once.
    #[must_use]
    pub fn with_capacity(mut self, rows: usize) -> Self {
        self.capacity = rows;
        self
    }

    /// The field's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many rows are filled.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no row is filled yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts `value` into `row`; rows between the last one and this are absent. A row already filled is overwritten
    /// (of a repeated field the last one stays).
    pub fn set(&mut self, row: usize, value: ValueRef<'_>) {
        if row < self.len {
            self.overwrite(row, value);
            return;
        }
        self.pad(row);
        self.push(value);
    }

    /// [`ColumnBuilder::set`] for an integer; cheap when the column holds nothing else.
    #[inline]
    pub fn set_int(&mut self, row: usize, value: i64) {
        if let Some(Numbers::Int(values)) = self.numbers(row) {
            values.push(value);
            self.len += 1;
        } else {
            self.set(row, ValueRef::Int(value));
        }
    }

    /// [`ColumnBuilder::set`] for a float; cheap when the column holds nothing else.
    #[inline]
    pub fn set_float(&mut self, row: usize, value: f64) {
        if let Some(Numbers::Float(values)) = self.numbers(row) {
            values.push(value);
            self.len += 1;
        } else {
            self.set(row, ValueRef::Float(value));
        }
    }

    /// The numbers of a column whose `rows` rows all have one of the same type. Whoever adds to them says so with
    /// [`ColumnBuilder::grown`].
    #[inline]
    pub(crate) fn numbers(&mut self, rows: usize) -> Option<Numbers<'_>> {
        if self.len != rows || self.absent.is_some() || self.null.is_some() {
            return None;
        }
        match self.values.as_mut()? {
            Values::Int(values) => Some(Numbers::Int(values)),
            Values::Float(values) => Some(Numbers::Float(values)),
            _ => None,
        }
    }

    /// Takes note of what was added to [`ColumnBuilder::numbers`].
    pub(crate) fn grown(&mut self) {
        self.len = self.values.as_ref().map_or(0, Values::len);
    }

    /// Makes the column `len` rows long; the missing ones are absent.
    pub fn pad(&mut self, len: usize) {
        if len <= self.len {
            return;
        }
        let from = self.len;
        let absent = self.absent.get_or_insert_with(|| Mask::unset(from));
        for _ in from..len {
            absent.push(true);
        }
        if let Some(null) = &mut self.null {
            (from..len).for_each(|_| null.push(false));
        }
        if let Some(values) = &mut self.values {
            (from..len).for_each(|_| push_default(values));
        }
        self.len = len;
    }

    fn push(&mut self, value: ValueRef<'_>) {
        let row = self.len;
        self.len += 1;
        if let Some(absent) = &mut self.absent {
            absent.push(false);
        }
        if matches!(value, ValueRef::Null) {
            self.null.get_or_insert_with(|| Mask::unset(row)).push(true);
            if let Some(values) = &mut self.values {
                push_default(values);
            }
            return;
        }
        if let Some(null) = &mut self.null {
            null.push(false);
        }
        let values = self
            .values
            .get_or_insert_with(|| defaults(value, row, self.capacity));
        match (&mut *values, value) {
            (Values::Float(v), ValueRef::Float(x)) => v.push(x),
            (Values::Int(v), ValueRef::Int(x)) | (Values::Duration(v), ValueRef::Duration(x)) => v.push(x),
            (Values::Bool(v), ValueRef::Bool(x)) => v.push(x),
            (Values::Str(v), ValueRef::Str(x)) => v.push(x),
            (Values::Mixed(v), x) => v.push(x.to_value()),
            (other, x) => {
                let mut mixed: Vec<Value> = (0..row).map(|r| other.get(r).to_value()).collect();
                mixed.push(x.to_value());
                *other = Values::Mixed(mixed);
            }
        }
    }

    fn overwrite(&mut self, row: usize, value: ValueRef<'_>) {
        if let Some(absent) = &mut self.absent {
            absent.unset_row(row);
        }
        match (&mut self.values, value) {
            (_, ValueRef::Null) => {
                let len = self.len;
                self.null.get_or_insert_with(|| Mask::unset(len)).set(row);
                return;
            }
            (Some(Values::Float(v)), ValueRef::Float(x)) => v[row] = x,
            (Some(Values::Int(v)), ValueRef::Int(x)) | (Some(Values::Duration(v)), ValueRef::Duration(x)) => {
                v[row] = x;
            }
            (Some(Values::Bool(v)), ValueRef::Bool(x)) => v[row] = x,
            (Some(Values::Mixed(v)), x) => v[row] = x.to_value(),
            (values, x) => {
                let mut mixed: Vec<Value> = match values {
                    Some(values) => (0..self.len).map(|r| values.get(r).to_value()).collect(),
                    None => vec![Value::Null; self.len],
                };
                mixed[row] = x.to_value();
                *values = Some(Values::Mixed(mixed));
            }
        }
        if let Some(null) = &mut self.null {
            null.unset_row(row);
        }
    }

    /// The column with `len` rows; `None` when no row has this field.
    pub fn finish(mut self, len: usize) -> Option<Column> {
        self.pad(len);
        let null = self.null.filter(Mask::any).map(Arc::new);
        let values = match self.values {
            Some(values) => values,
            None if null.is_some() => Values::Mixed(vec![Value::Null; len]),
            None => return None,
        };
        let absent = self.absent.filter(Mask::any).map(Arc::new);
        Some(Column {
            name: self.name,
            values: Arc::new(values),
            absent,
            null,
        })
    }
}

/// `rows` placeholder values of the type of `value`.
fn defaults(value: ValueRef<'_>, rows: usize, capacity: usize) -> Values {
    let capacity = capacity.max(rows + 1);
    let mut values = match value {
        ValueRef::Float(_) => Values::Float(Vec::with_capacity(capacity)),
        ValueRef::Int(_) => Values::Int(Vec::with_capacity(capacity)),
        ValueRef::Bool(_) => Values::Bool(Vec::with_capacity(capacity)),
        ValueRef::Duration(_) => Values::Duration(Vec::with_capacity(capacity)),
        ValueRef::Str(_) => Values::Str(StrValues::default()),
        ValueRef::Null => Values::Mixed(Vec::with_capacity(capacity)),
    };
    (0..rows).for_each(|_| push_default(&mut values));
    values
}

fn push_default(values: &mut Values) {
    match values {
        Values::Float(v) => v.push(0.0),
        Values::Int(v) | Values::Duration(v) => v.push(0),
        Values::Bool(v) => v.push(false),
        Values::Str(v) => v.push(""),
        Values::Mixed(v) => v.push(Value::Null),
    }
}

/// A block under construction.
#[derive(Debug)]
pub struct BlockBuilder {
    database: Arc<str>,
    retention_policy: Arc<str>,
    name: Arc<str>,
    keys: Arc<KeyTable>,
    time: Vec<i64>,
    key: Vec<RowKey>,
    columns: Vec<ColumnBuilder>,
}

impl BlockBuilder {
    /// An empty block of measurement `name` whose row keys are those of `keys`; database and retention policy empty.
    pub fn new(name: impl Into<Arc<str>>, keys: Arc<KeyTable>) -> Self {
        Self {
            database: Arc::from(""),
            retention_policy: Arc::from(""),
            name: name.into(),
            keys,
            time: Vec::new(),
            key: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// Says where the rows come from.
    #[must_use]
    pub fn from_source(mut self, database: Arc<str>, retention_policy: Arc<str>) -> Self {
        self.database = database;
        self.retention_policy = retention_policy;
        self
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// Starts a row; fields that are set now belong to it. Returns its number.
    pub fn row(&mut self, time: i64, key: RowKey) -> usize {
        self.time.push(time);
        self.key.push(key);
        self.time.len() - 1
    }

    /// Sets a field of the last row.
    pub fn field(&mut self, name: &str, value: ValueRef<'_>) {
        let Some(row) = self.time.len().checked_sub(1) else {
            return;
        };
        let at = self
            .columns
            .iter()
            .position(|column| &**column.name() == name)
            .unwrap_or_else(|| {
                self.columns.push(ColumnBuilder::new(name));
                self.columns.len() - 1
            });
        self.columns[at].set(row, value);
    }

    /// The finished block.
    pub fn finish(self) -> Block {
        let len = self.time.len();
        let mut columns: Vec<Column> = self
            .columns
            .into_iter()
            .filter_map(|column| column.finish(len))
            .collect();
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        Block {
            database: self.database,
            retention_policy: self.retention_policy,
            name: self.name,
            keys: self.keys,
            time: Arc::new(self.time),
            key: Arc::new(self.key),
            columns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(rows: &[&[(&str, ValueRef<'_>)]]) -> Block {
        let mut builder = BlockBuilder::new("m", Arc::new(KeyTable::new()));
        for (at, fields) in rows.iter().enumerate() {
            builder.row(at as i64, 0);
            for (name, value) in *fields {
                builder.field(name, *value);
            }
        }
        builder.finish()
    }

    #[test]
    fn a_field_that_some_rows_lack_is_absent_there_and_not_zero() {
        let block = build(&[
            &[("a", ValueRef::Int(1))],
            &[("b", ValueRef::Float(2.0))],
            &[("a", ValueRef::Int(3))],
        ]);
        assert_eq!(block.field("a", 0), Some(ValueRef::Int(1)));
        assert_eq!(block.field("a", 1), None);
        assert_eq!(block.field("a", 2), Some(ValueRef::Int(3)));
        assert_eq!(block.field("b", 0), None);
        assert_eq!(block.field("b", 2), None);
        assert!(matches!(*block.columns[0].values, Values::Int(_)));
    }

    #[test]
    fn a_field_that_changes_type_becomes_mixed_and_keeps_every_value() {
        let block = build(&[
            &[("a", ValueRef::Int(1))],
            &[("a", ValueRef::Str("x"))],
            &[("a", ValueRef::Null)],
        ]);
        assert_eq!(block.field("a", 0), Some(ValueRef::Int(1)));
        assert_eq!(block.field("a", 1), Some(ValueRef::Str("x")));
        assert_eq!(block.field("a", 2), Some(ValueRef::Null));
    }

    #[test]
    fn of_a_repeated_field_the_last_value_stays() {
        let block = build(&[&[("a", ValueRef::Int(1)), ("a", ValueRef::Bool(true))]]);
        assert_eq!(block.field("a", 0), Some(ValueRef::Bool(true)));
    }

    #[test]
    fn gathering_keeps_order_and_drops_columns_nobody_has() {
        let block = build(&[
            &[("a", ValueRef::Int(1))],
            &[("b", ValueRef::Str("x"))],
            &[("b", ValueRef::Str("y"))],
        ]);
        let picked = block.gather(&[2, 1]);
        assert_eq!(picked.field("b", 0), Some(ValueRef::Str("y")));
        assert_eq!(*picked.time, [2, 1]);
        assert!(picked.column("a").is_none());
    }
}
