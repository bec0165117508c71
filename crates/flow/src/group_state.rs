//! State per group, and the ways from a row key to a group, all by array index.

use std::sync::Arc;

use capstan_model::{Block, Dimensions, GroupId, Groups, KeyTable, RowKey, Tags};

use crate::node::{RestoreGroups, SnapshotGroups};

const NONE: u32 = u32::MAX;

/// One state per group, dense: finding it is an index. Groups are kept in the order of their first sight until one is
/// removed.
#[derive(Debug, Clone)]
pub struct PerGroup<T> {
    /// Slot by group number.
    index: Vec<u32>,
    /// Group by slot.
    groups: Vec<GroupId>,
    states: Vec<T>,
}

impl<T> Default for PerGroup<T> {
    fn default() -> Self {
        Self {
            index: Vec::new(),
            groups: Vec::new(),
            states: Vec::new(),
        }
    }
}

impl<T> PerGroup<T> {
    /// How many groups are known.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether no group is known.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The state of a group, made on first sight.
    #[inline]
    pub fn entry(&mut self, group: GroupId, make: impl FnOnce() -> T) -> &mut T {
        let slot = match self.index.get(group.0 as usize) {
            Some(&slot) if slot != NONE => slot as usize,
            _ => self.insert(group, make()),
        };
        &mut self.states[slot]
    }

    #[cold]
    fn insert(&mut self, group: GroupId, state: T) -> usize {
        let at = group.0 as usize;
        if at >= self.index.len() {
            self.index.resize(at + 1, NONE);
        }
        let slot = self.groups.len();
        self.index[at] = slot as u32;
        self.groups.push(group);
        self.states.push(state);
        slot
    }

    /// The state of a group that is known.
    pub fn get(&self, group: GroupId) -> Option<&T> {
        let slot = *self.index.get(group.0 as usize)?;
        self.states.get(slot as usize)
    }

    /// The state of a group that is known.
    pub fn get_mut(&mut self, group: GroupId) -> Option<&mut T> {
        let slot = *self.index.get(group.0 as usize)?;
        self.states.get_mut(slot as usize)
    }

    /// Forgets a group.
    pub fn remove(&mut self, group: GroupId) -> Option<T> {
        let at = group.0 as usize;
        let slot = *self.index.get(at)?;
        if slot == NONE {
            return None;
        }
        self.index[at] = NONE;
        self.groups.swap_remove(slot as usize);
        let state = self.states.swap_remove(slot as usize);
        if let Some(moved) = self.groups.get(slot as usize) {
            self.index[moved.0 as usize] = slot;
        }
        if self.groups.capacity() > 64 && self.groups.len() < self.groups.capacity() / 4 {
            self.shrink();
        }
        Some(state)
    }

    /// Gives back the room of what is gone.
    #[cold]
    fn shrink(&mut self) {
        let room = 2 * self.groups.len();
        self.index
            .truncate(self.groups.iter().max().map_or(0, |last| last.0 as usize + 1));
        self.groups.shrink_to(room);
        self.states.shrink_to(room);
        self.index.shrink_to_fit();
    }

    /// Every group with its state.
    pub fn iter(&self) -> impl Iterator<Item = (GroupId, &T)> {
        self.groups.iter().copied().zip(&self.states)
    }

    /// Every group with its state.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (GroupId, &mut T)> {
        self.groups.iter().copied().zip(&mut self.states)
    }

    /// Forgets every group.
    pub fn clear(&mut self) {
        self.index.clear();
        self.groups.clear();
        self.states.clear();
    }

    /// The states for a snapshot, each as `store` gives it, with the number that stands for its group there.
    pub fn store<S>(&self, groups: &mut SnapshotGroups<'_>, mut store: impl FnMut(&T) -> S) -> Vec<(u32, S)> {
        self.iter()
            .map(|(group, state)| (groups.place(group), store(state)))
            .collect()
    }

    /// Takes back what [`PerGroup::store`] gave. What belongs to no group of the snapshot is left out, and a group that is
    /// known keeps its state.
    pub fn unstore<S>(
        &mut self,
        stored: Vec<(u32, S)>,
        groups: &RestoreGroups<'_>,
        mut unstore: impl FnMut(GroupId, S) -> T,
    ) {
        for (place, stored) in stored {
            if let Some(group) = groups.group(place) {
                self.entry(group, || unstore(group, stored));
            }
        }
    }
}

/// What may be kept by row key: it has a value that never occurs, so that an entry takes no more room than it.
pub trait Kept: Copy + PartialEq {
    /// Not known yet.
    const UNKNOWN: Self;
}

impl Kept for u32 {
    const UNKNOWN: Self = Self::MAX;
}

impl Kept for GroupId {
    const UNKNOWN: Self = Self(u32::MAX);
}

impl Kept for (u32, u32) {
    const UNKNOWN: Self = (u32::MAX, u32::MAX);
}

/// A value per row key, for each table met lately. Filled on first sight.
#[derive(Debug)]
pub struct ByKey<T> {
    /// Most recently used last.
    tables: Vec<(u32, Vec<T>)>,
}

/// A node meets the tables of its few parents; more at once means that tables come and go.
const MAX_TABLES: usize = 8;

impl<T> Default for ByKey<T> {
    fn default() -> Self {
        Self { tables: Vec::new() }
    }
}

impl<T: Kept> ByKey<T> {
    /// The values of one table's keys, by key.
    pub fn table(&mut self, table: &KeyTable) -> KeyValues<'_, T> {
        let id = table.id();
        let at = self
            .tables
            .iter()
            .position(|(known, _)| *known == id)
            .unwrap_or_else(|| {
                if self.tables.len() == MAX_TABLES {
                    self.tables.remove(0);
                }
                self.tables.push((id, Vec::new()));
                self.tables.len() - 1
            });
        let last = self.tables.len() - 1;
        if at != last {
            self.tables.swap(at, last);
        }
        KeyValues {
            values: &mut self.tables[last].1,
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.tables.clear();
    }
}

/// Values of the keys of one table.
#[derive(Debug)]
pub struct KeyValues<'a, T> {
    values: &'a mut Vec<T>,
}

impl<T: Kept> KeyValues<'_, T> {
    /// The value of a key, made on first sight.
    #[inline]
    pub fn get(&mut self, key: RowKey, make: impl FnOnce() -> T) -> T {
        let at = key as usize;
        if let Some(&value) = self.values.get(at)
            && value != T::UNKNOWN
        {
            return value;
        }
        if at >= self.values.len() {
            self.values.resize(at + 1, T::UNKNOWN);
        }
        let value = make();
        self.values[at] = value;
        value
    }
}

/// Which tags group.
#[derive(Debug, Clone)]
pub enum TagChoice {
    /// These, sorted.
    Named(Arc<[Arc<str>]>),
    /// All tags of each point except these (N-33, N-36).
    AllBut(Vec<Arc<str>>),
}

impl TagChoice {
    /// The dimensions of a point with `tags`.
    pub fn dimensions(&self, by_name: bool, tags: &Tags) -> Dimensions {
        let tags = match self {
            Self::Named(names) => Arc::clone(names),
            Self::AllBut(excluded) => tags
                .iter()
                .map(|(key, _)| key)
                .filter(|key| !excluded.iter().any(|e| &**e == *key))
                .map(Arc::from)
                .collect(),
        };
        Dimensions { by_name, tags }
    }
}

/// Groups rows by their tags, one array index per row.
#[derive(Debug)]
pub struct Grouping {
    choice: TagChoice,
    plain: ByKey<GroupId>,
    /// With the measurement in the group: one map per measurement.
    by_name: Vec<(Arc<str>, ByKey<GroupId>)>,
}

impl Grouping {
    /// A grouping that has seen nothing yet.
    pub fn new(choice: TagChoice) -> Self {
        Self {
            choice,
            plain: ByKey::default(),
            by_name: Vec::new(),
        }
    }

    /// Forgets which key belongs to which group.
    pub fn forget_keys(&mut self) {
        self.plain.clear();
        self.by_name.clear();
    }

    /// Appends the group of every row to `out`.
    pub fn assign(&mut self, groups: &mut Groups, block: &Block, by_name: bool, out: &mut Vec<GroupId>) {
        let choice = &self.choice;
        if !by_name
            && let TagChoice::Named(names) = choice
            && names.is_empty()
        {
            out.resize(out.len() + block.len(), Groups::UNGROUPED);
            return;
        }
        let map = if by_name {
            let at = self
                .by_name
                .iter()
                .position(|(name, _)| *name == block.name)
                .unwrap_or_else(|| {
                    self.by_name.push((Arc::clone(&block.name), ByKey::default()));
                    self.by_name.len() - 1
                });
            &mut self.by_name[at].1
        } else {
            &mut self.plain
        };
        let mut known = map.table(&block.keys);
        out.extend(block.key.iter().map(|&key| {
            known.get(key, || {
                let tags = block.keys.tags(key);
                groups.intern(&choice.dimensions(by_name, &tags), &block.name, &tags)
            })
        }));
    }

    /// The group of one row.
    pub fn of_row(&mut self, groups: &mut Groups, block: &Block, row: usize, by_name: bool) -> GroupId {
        let tags = block.tags(row);
        groups.intern(&self.choice.dimensions(by_name, &tags), &block.name, &tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_group_starts_afresh_and_leaves_the_others_alone() {
        let mut states: PerGroup<i32> = PerGroup::default();
        for n in [5, 0, 9] {
            *states.entry(GroupId(n), || 0) += n as i32;
        }
        assert_eq!(states.remove(GroupId(5)), Some(5));
        assert_eq!(states.remove(GroupId(5)), None);
        assert_eq!(states.get(GroupId(9)), Some(&9));
        assert_eq!(states.get(GroupId(0)), Some(&0));
        assert_eq!(*states.entry(GroupId(5), || 7), 7);
        assert_eq!(states.len(), 3);
        assert_eq!(states.get(GroupId(1_000)), None);
    }

    #[test]
    fn keys_of_two_tables_do_not_mix() {
        let (a, b) = (KeyTable::new(), KeyTable::new());
        let mut map: ByKey<u32> = ByKey::default();
        assert_eq!(map.table(&a).get(3, || 1), 1);
        assert_eq!(map.table(&b).get(3, || 2), 2);
        assert_eq!(map.table(&a).get(3, || 9), 1);
    }
}
