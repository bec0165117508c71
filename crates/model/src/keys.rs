//! Row keys: tag sets numbered densely, so that a node finds what it knows of a tag set by an array index.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use parking_lot::RwLock;

use crate::tags::Tags;

/// The number of a tag set in one [`KeyTable`].
pub type RowKey = u32;

const HASHER: FixedState = FixedState::with_seed(0x7a65_7300);

static NEXT_ID: AtomicU32 = AtomicU32::new(0);

/// Tag sets by row key. A table belongs to whoever makes rows: ingest, or a node that makes new tag sets.
/// It may grow while others read; keys are never renumbered.
#[derive(Debug)]
pub struct KeyTable {
    id: u32,
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tags: Vec<Tags>,
    index: HashTable<RowKey>,
}

impl Default for KeyTable {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyTable {
    /// An empty table with an id no other table of this process has.
    pub fn new() -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            inner: RwLock::default(),
        }
    }

    /// Tells tables apart; nodes keep one map per table they have met.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The key of `tags`, made on first sight.
    pub fn intern(&self, tags: &Tags) -> RowKey {
        let hash = HASHER.hash_one(tags);
        {
            let inner = self.inner.read();
            if let Some(&key) = inner.index.find(hash, |&key| inner.tags[key as usize] == *tags) {
                return key;
            }
        }
        let mut guard = self.inner.write();
        let inner = &mut *guard;
        if let Some(&key) = inner.index.find(hash, |&key| inner.tags[key as usize] == *tags) {
            return key;
        }
        let key = RowKey::try_from(inner.tags.len()).expect("fewer than 2^32 tag sets");
        inner.tags.push(tags.clone());
        let known = &inner.tags;
        inner
            .index
            .insert_unique(hash, key, |&key| HASHER.hash_one(&known[key as usize]));
        key
    }

    /// The tags of a key of this table; empty for a key it never gave out.
    pub fn tags(&self, key: RowKey) -> Tags {
        self.inner
            .read()
            .tags
            .get(key as usize)
            .cloned()
            .unwrap_or_default()
    }

    /// How many keys were given out: every key is below.
    pub fn len(&self) -> usize {
        self.inner.read().tags.len()
    }

    /// Whether no key was given out yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_per_tag_set() {
        let table = KeyTable::new();
        let a = Tags::from_pairs([("host", "a")]);
        let key = table.intern(&a);
        assert_eq!(table.intern(&a.clone()), key);
        assert_ne!(table.intern(&Tags::EMPTY), key);
        assert_eq!(table.tags(key), a);
        assert!(table.tags(99).is_empty());
        assert_ne!(table.id(), KeyTable::new().id());
    }
}
