//! Rows a node makes or keeps.

pub(crate) mod stored;

use std::collections::VecDeque;
use std::sync::Arc;

use capstan_model::{Block, ColumnBuilder, GroupId, KeyTable, RowKey, Tags, Value, ValueRef};

use crate::group_state::ByKey;
use crate::message::{Message, Points};

/// Points under construction, possibly of several measurements: a new block starts where the measurement changes, so
/// that order is kept (N-06). Database and retention policy are empty (N-140).
#[derive(Debug)]
pub struct OutputRows {
    keys: Arc<KeyTable>,
    done: Vec<Points>,
    name: Arc<str>,
    time: Vec<i64>,
    key: Vec<RowKey>,
    groups: Vec<GroupId>,
    columns: Vec<ColumnBuilder>,
}

impl OutputRows {
    /// No rows yet; row keys will be those of `keys`.
    pub fn new(keys: Arc<KeyTable>) -> Self {
        Self {
            keys,
            done: Vec::new(),
            name: Arc::from(""),
            time: Vec::new(),
            key: Vec::new(),
            groups: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// Starts a row; fields set next belong to it.
    pub fn row(&mut self, name: &Arc<str>, time: i64, key: RowKey, group: GroupId) {
        if !Arc::ptr_eq(&self.name, name) && *self.name != **name {
            self.close();
            self.name = Arc::clone(name);
        }
        self.time.push(time);
        self.key.push(key);
        self.groups.push(group);
    }

    /// Sets a field of the last row.
    pub fn field(&mut self, name: &Arc<str>, value: ValueRef<'_>) {
        let Some(row) = self.time.len().checked_sub(1) else {
            return;
        };
        let same = |column: &ColumnBuilder| Arc::ptr_eq(column.name(), name) || **column.name() == **name;
        let at = self.columns.iter().position(same).unwrap_or_else(|| {
            self.columns.push(ColumnBuilder::new(Arc::clone(name)));
            self.columns.len() - 1
        });
        self.columns[at].set(row, value);
    }

    fn close(&mut self) {
        if self.time.is_empty() {
            return;
        }
        let len = self.time.len();
        let block = block(
            Arc::clone(&self.name),
            Arc::clone(&self.keys),
            std::mem::take(&mut self.time),
            std::mem::take(&mut self.key),
            self.columns
                .drain(..)
                .filter_map(|column| column.finish(len))
                .collect(),
        );
        self.done.push(Points {
            block: Arc::new(block),
            groups: Arc::new(std::mem::take(&mut self.groups)),
        });
    }

    /// The rows as the rows of one batch of measurement `name`, possibly none.
    pub(crate) fn single(mut self, name: &Arc<str>) -> Arc<Block> {
        self.close();
        let empty = || {
            let keys = Arc::clone(&self.keys);
            Arc::new(block(Arc::clone(name), keys, Vec::new(), Vec::new(), Vec::new()))
        };
        self.done
            .first()
            .map_or_else(empty, |points| Arc::clone(&points.block))
    }

    /// The finished points in order.
    pub fn finish(mut self) -> impl Iterator<Item = Message> {
        self.close();
        self.done.into_iter().map(Message::Points)
    }
}

/// A block that a node made.
pub fn block(
    name: Arc<str>,
    keys: Arc<KeyTable>,
    time: Vec<i64>,
    key: Vec<RowKey>,
    mut columns: Vec<capstan_model::Column>,
) -> Block {
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    Block {
        database: Arc::from(""),
        retention_policy: Arc::from(""),
        name,
        keys,
        time: Arc::new(time),
        key: Arc::new(key),
        columns,
    }
}

/// Tag sets that a node keeps in a table of its own, found by array index from the keys of its input.
#[derive(Debug)]
pub struct OwnKeys {
    table: Arc<KeyTable>,
    known: ByKey<RowKey>,
}

impl Default for OwnKeys {
    fn default() -> Self {
        Self {
            table: Arc::new(KeyTable::new()),
            known: ByKey::default(),
        }
    }
}

impl OwnKeys {
    /// The node's own table.
    pub fn table(&self) -> &Arc<KeyTable> {
        &self.table
    }

    /// The own key of a row of `block`.
    pub fn of_row(&mut self, block: &Block, row: usize) -> RowKey {
        let key = block.key[row];
        let table = &self.table;
        self.known
            .table(&block.keys)
            .get(key, || table.intern(&block.keys.tags(key)))
    }

    /// Starts over with an empty table; gives the old one, whose keys mean nothing in the new one.
    pub fn renew(&mut self) -> Arc<KeyTable> {
        std::mem::take(self).table
    }

    /// The own key of what `key` meant in an older table.
    pub fn moved(&self, older: &KeyTable, key: RowKey) -> RowKey {
        self.of_tags(&older.tags(key))
    }

    /// The own key of a tag set.
    pub fn of_tags(&self, tags: &Tags) -> RowKey {
        self.table.intern(tags)
    }
}

/// Copied rows of one group, oldest first; the front can be dropped. Columns stay typed as long as their type does not
/// change and no row lacks them.
#[derive(Debug, Clone, Default)]
pub struct RowBuffer {
    time: VecDeque<i64>,
    key: VecDeque<RowKey>,
    columns: Vec<(Arc<str>, Kept)>,
}

#[derive(Debug, Clone)]
enum Kept {
    Float(VecDeque<f64>),
    Int(VecDeque<i64>),
    Any(VecDeque<Option<Value>>),
}

impl Kept {
    fn push(&mut self, value: Option<ValueRef<'_>>) {
        match (&mut *self, value) {
            (Self::Float(kept), Some(ValueRef::Float(v))) => kept.push_back(v),
            (Self::Int(kept), Some(ValueRef::Int(v))) => kept.push_back(v),
            (Self::Any(kept), value) => kept.push_back(value.map(ValueRef::to_value)),
            (_, value) => {
                let mut any: VecDeque<Option<Value>> = match self {
                    Self::Float(kept) => kept.iter().map(|&v| Some(Value::Float(v))).collect(),
                    Self::Int(kept) => kept.iter().map(|&v| Some(Value::Int(v))).collect(),
                    Self::Any(kept) => std::mem::take(kept),
                };
                any.push_back(value.map(ValueRef::to_value));
                *self = Self::Any(any);
            }
        }
    }

    fn get(&self, row: usize) -> Option<ValueRef<'_>> {
        match self {
            Self::Float(kept) => kept.get(row).map(|&v| ValueRef::Float(v)),
            Self::Int(kept) => kept.get(row).map(|&v| ValueRef::Int(v)),
            Self::Any(kept) => kept.get(row)?.as_ref().map(Value::as_ref),
        }
    }

    fn drop_front(&mut self, rows: usize) {
        match self {
            Self::Float(kept) => drop(kept.drain(..rows)),
            Self::Int(kept) => drop(kept.drain(..rows)),
            Self::Any(kept) => drop(kept.drain(..rows)),
        }
    }

    fn is_empty_of_values(&self) -> bool {
        matches!(self, Self::Any(kept) if kept.iter().all(Option::is_none))
    }
}

impl RowBuffer {
    /// How many rows are kept.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether no row is kept.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// The times, oldest row first.
    pub fn times(&self) -> &VecDeque<i64> {
        &self.time
    }

    /// The own keys, oldest row first.
    pub fn keys(&self) -> &VecDeque<RowKey> {
        &self.key
    }

    /// Copies a row of `block`; `key` is its key in the keeper's own table.
    pub fn push(&mut self, block: &Block, row: usize, key: RowKey) {
        let fields = block
            .columns
            .iter()
            .filter_map(|column| Some((&column.name, column.get(row)?)));
        self.push_fields(block.time[row], key, fields);
    }

    /// Adds a row; the fields are sorted by name.
    pub fn push_fields<'a>(
        &mut self,
        time: i64,
        key: RowKey,
        fields: impl Iterator<Item = (&'a Arc<str>, ValueRef<'a>)>,
    ) {
        let len = self.time.len();
        // Both lists are sorted by name, so the usual case walks them side by side.
        let mut at = 0;
        for (name, value) in fields {
            while at < self.columns.len() && *self.columns[at].0 < **name {
                self.columns[at].1.push(None);
                at += 1;
            }
            if at == self.columns.len() || *self.columns[at].0 != **name {
                let kept = match value {
                    ValueRef::Float(_) if len == 0 => Kept::Float(VecDeque::new()),
                    ValueRef::Int(_) if len == 0 => Kept::Int(VecDeque::new()),
                    _ => Kept::Any(std::iter::repeat_with(|| None).take(len).collect()),
                };
                self.columns.insert(at, (Arc::clone(name), kept));
            }
            self.columns[at].1.push(Some(value));
            at += 1;
        }
        for (_, kept) in &mut self.columns[at..] {
            kept.push(None);
        }
        self.time.push_back(time);
        self.key.push_back(key);
    }

    /// Gives every row another key.
    pub fn rekey(&mut self, mut to: impl FnMut(RowKey) -> RowKey) {
        self.key.iter_mut().for_each(|key| *key = to(*key));
    }

    /// Drops the oldest `rows` rows.
    pub fn drop_front(&mut self, rows: usize) {
        if rows == 0 {
            return;
        }
        if rows >= self.time.len() {
            // Forgetting the columns lets a field that changed type be typed again.
            self.time.clear();
            self.key.clear();
            self.columns.clear();
            return;
        }
        self.time.drain(..rows);
        self.key.drain(..rows);
        self.columns
            .iter_mut()
            .for_each(|(_, kept)| kept.drop_front(rows));
        self.columns.retain(|(_, kept)| !kept.is_empty_of_values());
    }

    /// Fields of a row, sorted by name.
    pub fn fields(&self, row: usize) -> impl Iterator<Item = (&Arc<str>, ValueRef<'_>)> {
        self.columns
            .iter()
            .filter_map(move |(name, kept)| Some((name, kept.get(row)?)))
    }

    /// A block of all rows.
    pub fn to_block(&self, name: Arc<str>, keys: Arc<KeyTable>) -> Block {
        let len = self.len();
        let columns = self.columns.iter().filter_map(|(name, kept)| {
            let mut column = ColumnBuilder::new(Arc::clone(name));
            for row in 0..len {
                if let Some(value) = kept.get(row) {
                    column.set(row, value);
                }
            }
            column.finish(len)
        });
        block(
            name,
            keys,
            self.time.iter().copied().collect(),
            self.key.iter().copied().collect(),
            columns.collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Arc<str> {
        Arc::from(text)
    }

    #[test]
    fn kept_rows_come_back_as_they_were() {
        let mut kept = RowBuffer::default();
        let (a, b) = (name("a"), name("b"));
        kept.push_fields(1, 0, [(&b, ValueRef::Int(1))].into_iter());
        kept.push_fields(
            2,
            0,
            [(&a, ValueRef::Str("x")), (&b, ValueRef::Float(2.0))].into_iter(),
        );
        kept.push_fields(3, 1, [(&a, ValueRef::Str("y"))].into_iter());
        let block = kept.to_block(name("m"), Arc::new(KeyTable::new()));
        assert_eq!(block.field("b", 0), Some(ValueRef::Int(1)));
        assert_eq!(block.field("a", 0), None);
        assert_eq!(block.field("b", 1), Some(ValueRef::Float(2.0)));
        assert_eq!(block.field("a", 2), Some(ValueRef::Str("y")));
        assert_eq!(block.field("b", 2), None);
        kept.drop_front(2);
        let block = kept.to_block(name("m"), Arc::new(KeyTable::new()));
        assert_eq!((block.len(), block.columns.len()), (1, 1));
        assert_eq!(*block.key, [1]);
    }

    #[test]
    fn output_keeps_order_across_measurements() {
        let mut out = OutputRows::new(Arc::new(KeyTable::new()));
        let (a, b, f) = (name("a"), name("b"), name("f"));
        out.row(&a, 1, 0, GroupId(0));
        out.field(&f, ValueRef::Int(1));
        out.row(&b, 2, 0, GroupId(0));
        out.row(&a, 3, 0, GroupId(0));
        let names: Vec<String> = out
            .finish()
            .map(|message| match message {
                Message::Points(points) => points.block.name.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(names, ["a", "b", "a"]);
    }
}
