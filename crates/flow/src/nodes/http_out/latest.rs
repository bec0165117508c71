//! The latest row or batch of every group. Rows that look alike share their measurement and columns, so that a group costs
//! its tags and eight bytes a value.

use std::sync::Arc;

use capstan_model::{Block, Column, GroupId, Tags, Value, ValueRef};

use super::series::{self, Series};

/// Kinds of rows that are kept by column. Rows that look like none of them are kept one by one.
const MAX_SHAPES: usize = 16;

/// In the place of a shape: kept on its own.
const ALONE: u32 = u32::MAX;
/// In the place of a shape: nothing is kept any more.
const GONE: u32 = u32::MAX - 1;

/// Where something is in [`Latest`]; valid until something is removed, see [`Latest::remove`].
pub(super) type Entry = u32;

/// What is kept, in the order in which groups came (N-162).
#[derive(Debug, Default)]
pub(super) struct Latest {
    entries: Vec<Kept>,
    gone: usize,
    shapes: Vec<Shape>,
    /// With the entry of each.
    alone: Vec<(Entry, Series)>,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    group: GroupId,
    shape: u32,
    row: u32,
}

/// Rows with the same measurement, columns and types of columns.
#[derive(Debug)]
struct Shape {
    name: Arc<str>,
    columns: Vec<(Arc<str>, Cells)>,
    time: Vec<i64>,
    tags: Vec<Tags>,
    /// Entry by row.
    owner: Vec<Entry>,
}

#[derive(Debug)]
enum Cells {
    Float(Vec<f64>),
    Int(Vec<i64>),
    Any(Vec<Value>),
}

impl Cells {
    fn new(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Float(_) => Self::Float(Vec::new()),
            ValueRef::Int(_) => Self::Int(Vec::new()),
            _ => Self::Any(Vec::new()),
        }
    }

    fn fits(&self, value: ValueRef<'_>) -> bool {
        match self {
            Self::Float(_) => matches!(value, ValueRef::Float(_)),
            Self::Int(_) => matches!(value, ValueRef::Int(_)),
            Self::Any(_) => !matches!(value, ValueRef::Float(_) | ValueRef::Int(_)),
        }
    }

    /// Puts a value that fits into a row, which is the next one or exists.
    fn set(&mut self, row: usize, value: ValueRef<'_>) {
        fn put<T>(values: &mut Vec<T>, row: usize, value: T) {
            match values.get_mut(row) {
                Some(old) => *old = value,
                None => values.push(value),
            }
        }
        match (self, value) {
            (Self::Float(values), ValueRef::Float(value)) => put(values, row, value),
            (Self::Int(values), ValueRef::Int(value)) => put(values, row, value),
            (Self::Any(values), value) => put(values, row, value.to_value()),
            _ => {}
        }
    }

    fn get(&self, row: usize) -> Value {
        match self {
            Self::Float(values) => Value::Float(values[row]),
            Self::Int(values) => Value::Int(values[row]),
            Self::Any(values) => values[row].clone(),
        }
    }

    fn swap_remove(&mut self, row: usize) {
        match self {
            Self::Float(values) => drop(values.swap_remove(row)),
            Self::Int(values) => drop(values.swap_remove(row)),
            Self::Any(values) => drop(values.swap_remove(row)),
        }
    }

    fn shrink_to(&mut self, rows: usize) {
        match self {
            Self::Float(values) => values.shrink_to(rows),
            Self::Int(values) => values.shrink_to(rows),
            Self::Any(values) => values.shrink_to(rows),
        }
    }
}

/// The fields of a row.
fn fields(block: &Block, row: usize) -> impl Iterator<Item = (&Column, ValueRef<'_>)> {
    block
        .columns
        .iter()
        .filter_map(move |column| Some((column, column.get(row)?)))
}

impl Shape {
    fn of(block: &Block, row: usize) -> Self {
        Self {
            name: Arc::clone(&block.name),
            columns: fields(block, row)
                .map(|(column, value)| (Arc::clone(&column.name), Cells::new(value)))
                .collect(),
            time: Vec::new(),
            tags: Vec::new(),
            owner: Vec::new(),
        }
    }

    fn fits(&self, block: &Block, row: usize) -> bool {
        let same = |a: &Arc<str>, b: &Arc<str>| Arc::ptr_eq(a, b) || a == b;
        let mut columns = self.columns.iter();
        same(&self.name, &block.name)
            && fields(block, row).all(|(column, value)| {
                columns
                    .next()
                    .is_some_and(|(name, cells)| same(name, &column.name) && cells.fits(value))
            })
            && columns.next().is_none()
    }

    /// Puts a row that fits into a place, which is the next one or exists.
    fn set(&mut self, place: usize, block: &Block, row: usize) {
        if place == self.time.len() {
            self.time.push(block.time[row]);
            self.tags.push(block.tags(row));
        } else {
            self.time[place] = block.time[row];
            self.tags[place] = block.tags(row);
        }
        for ((_, cells), (_, value)) in self.columns.iter_mut().zip(fields(block, row)) {
            cells.set(place, value);
        }
    }

    fn series(&self, row: usize) -> Series {
        Series {
            name: Arc::clone(&self.name),
            tags: self.tags[row].clone(),
            columns: self.columns.iter().map(|(name, _)| Arc::clone(name)).collect(),
            rows: vec![(
                self.time[row],
                self.columns
                    .iter()
                    .map(|(_, cells)| Some(cells.get(row)))
                    .collect(),
            )],
        }
    }
}

impl Latest {
    /// Makes an entry for a group, behind all others; it is to be set at once.
    pub(super) fn add(&mut self, group: GroupId) -> Entry {
        self.entries.push(Kept {
            group,
            shape: GONE,
            row: 0,
        });
        (self.entries.len() - 1) as Entry
    }

    /// Keeps a row of a block with all of its tags, in place of what the entry had.
    pub(super) fn set_point(&mut self, entry: Entry, block: &Block, row: usize) {
        let old = self.entries[entry as usize];
        if let Some(shape) = self.shapes.get_mut(old.shape as usize)
            && shape.fits(block, row)
        {
            shape.set(old.row as usize, block, row);
            return;
        }
        let Some(at) = self.shape(block, row) else {
            self.set(entry, series::point(block, row));
            return;
        };
        self.release(entry);
        let shape = &mut self.shapes[at];
        let place = shape.owner.len();
        shape.set(place, block, row);
        shape.owner.push(entry);
        let kept = &mut self.entries[entry as usize];
        (kept.shape, kept.row) = (at as u32, place as u32);
    }

    /// The shape of a row, if rows like it are kept by column.
    fn shape(&mut self, block: &Block, row: usize) -> Option<usize> {
        if let Some(at) = self.shapes.iter().position(|shape| shape.fits(block, row)) {
            return Some(at);
        }
        let empty = self.shapes.iter().position(|shape| shape.owner.is_empty());
        if let Some(at) = empty {
            self.shapes[at] = Shape::of(block, row);
            return Some(at);
        }
        if self.shapes.len() == MAX_SHAPES {
            return None;
        }
        self.shapes.push(Shape::of(block, row));
        Some(self.shapes.len() - 1)
    }

    /// Keeps a series in place of what the entry had.
    pub(super) fn set(&mut self, entry: Entry, series: Series) {
        let kept = self.entries[entry as usize];
        if kept.shape == ALONE {
            self.alone[kept.row as usize].1 = series;
            return;
        }
        self.release(entry);
        let kept = &mut self.entries[entry as usize];
        (kept.shape, kept.row) = (ALONE, self.alone.len() as u32);
        self.alone.push((entry, series));
    }

    /// Drops what an entry has.
    fn release(&mut self, entry: Entry) {
        let Kept { shape, row, .. } = self.entries[entry as usize];
        let at = row as usize;
        let moved = if shape == ALONE {
            self.alone.swap_remove(at);
            if self.alone.len() < self.alone.capacity() / 4 {
                self.alone.shrink_to(2 * self.alone.len());
            }
            self.alone.get(at).map(|(owner, _)| *owner)
        } else if let Some(shape) = self.shapes.get_mut(shape as usize) {
            shape.time.swap_remove(at);
            shape.tags.swap_remove(at);
            shape.owner.swap_remove(at);
            let left = shape.owner.len();
            let shrinks = shape.owner.capacity() > 64 && left < shape.owner.capacity() / 4;
            for (_, cells) in &mut shape.columns {
                cells.swap_remove(at);
                if shrinks {
                    cells.shrink_to(2 * left);
                }
            }
            if shrinks {
                shape.time.shrink_to(2 * left);
                shape.tags.shrink_to(2 * left);
                shape.owner.shrink_to(2 * left);
            }
            shape.owner.get(at).copied()
        } else {
            None
        };
        if let Some(moved) = moved {
            self.entries[moved as usize].row = row;
        }
        self.entries[entry as usize].shape = GONE;
    }

    /// Drops an entry. When most are gone the others get new numbers, which `renumber` is told.
    pub(super) fn remove(&mut self, entry: Entry, mut renumber: impl FnMut(GroupId, Entry)) {
        self.release(entry);
        self.gone += 1;
        if self.gone < 64 || self.gone <= self.entries.len() / 2 {
            return;
        }
        self.entries.retain(|kept| kept.shape != GONE);
        self.entries.shrink_to_fit();
        self.gone = 0;
        for (at, kept) in self.entries.iter().enumerate() {
            let owner = match self.shapes.get_mut(kept.shape as usize) {
                Some(shape) => &mut shape.owner[kept.row as usize],
                None => &mut self.alone[kept.row as usize].0,
            };
            *owner = at as Entry;
            renumber(kept.group, at as Entry);
        }
    }

    /// Everything, in the order in which groups came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (GroupId, Series)> {
        self.entries
            .iter()
            .filter_map(|kept| match self.shapes.get(kept.shape as usize) {
                Some(shape) => Some((kept.group, shape.series(kept.row as usize))),
                None if kept.shape == ALONE => Some((kept.group, self.alone[kept.row as usize].1.clone())),
                None => None,
            })
    }
}

#[cfg(test)]
mod tests {
    use capstan_model::{BlockBuilder, KeyTable};
    use proptest::prelude::*;

    use super::*;

    /// A block with one row: which field it has, and of which type, depends on `kind`.
    fn block(kind: u8, value: i64) -> Block {
        let keys = Arc::new(KeyTable::new());
        let tags = Tags::from_pairs([("host", value.to_string())]);
        let key = keys.intern(&tags);
        let mut builder = BlockBuilder::new("m", keys);
        builder.row(value, key);
        builder.field("a", ValueRef::Int(value));
        let field = format!("f{}", kind / 3);
        match kind % 3 {
            0 => builder.field(&field, ValueRef::Int(value)),
            1 => builder.field(&field, ValueRef::Float(value as f64)),
            _ => builder.field(&field, ValueRef::Str("x")),
        }
        builder.finish()
    }

    proptest! {
        /// As a plain list of series does it.
        #[test]
        fn kept_is_what_came_last_in_order_of_first_sight(
            steps in prop::collection::vec((0_u32..80, 0_u8..60, any::<bool>()), 0..600),
        ) {
            let mut latest = Latest::default();
            let mut entries = std::collections::BTreeMap::new();
            let mut plain: Vec<(GroupId, String)> = Vec::new();
            for (value, (group, kind, remove)) in steps.into_iter().enumerate() {
                let group = GroupId(group);
                if remove {
                    if let Some(entry) = entries.remove(&group) {
                        latest.remove(entry, |group, entry| {
                            entries.insert(group, entry);
                        });
                        plain.retain(|(known, _)| *known != group);
                    }
                    continue;
                }
                let entry = *entries.entry(group).or_insert_with(|| {
                    plain.push((group, String::new()));
                    latest.add(group)
                });
                let block = block(kind, value as i64);
                latest.set_point(entry, &block, 0);
                let wanted = format!("{:?}", series::point(&block, 0));
                plain.iter_mut().filter(|(known, _)| *known == group).for_each(|(_, text)| text.clone_from(&wanted));
            }
            let kept: Vec<_> = latest.iter().map(|(group, series)| (group, format!("{series:?}"))).collect();
            prop_assert_eq!(kept, plain);
        }
    }
}
