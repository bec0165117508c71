//! Dimensions and groups (N-08). A group is the unit of state; within a task groups are numbered densely.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::tags::Tags;

/// How points are grouped: by which tags, and whether by measurement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Dimensions {
    /// Whether the measurement is part of the group.
    pub by_name: bool,
    /// Tag keys, sorted.
    pub tags: Arc<[Arc<str>]>,
}

/// One group. A task may have millions, so that what many share is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    kind: Arc<Kind>,
    /// The dimensions' tags; a tag the points do not have is there with an empty value (N-08).
    pub tags: Tags,
}

/// What groups of one grouping have in common.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    name: Arc<str>,
    dimensions: Arc<Dimensions>,
}

impl Group {
    /// The measurement when grouped by name, else empty.
    pub fn name(&self) -> &Arc<str> {
        &self.kind.name
    }

    /// By what points were grouped.
    pub fn dimensions(&self) -> &Arc<Dimensions> {
        &self.kind.dimensions
    }

    /// Kapacitor's group id: `a=x,b=y`, the measurement and a line break before it when grouped by name, empty when not
    /// grouped.
    pub fn id(&self) -> String {
        let mut id = String::new();
        if self.dimensions().by_name {
            id.push_str(self.name());
            id.push('\n');
        }
        for (at, (key, value)) in self.tags.iter().enumerate() {
            if at > 0 {
                id.push(',');
            }
            id.push_str(key);
            id.push('=');
            id.push_str(value);
        }
        id
    }
}

/// The number of a group within one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u32);

const HASHER: FixedState = FixedState::with_seed(0x6772_6f75);

/// Pairs of measurement and dimensions that are remembered. Usually a task has a few; grouping by all tags can make very
/// many, which are not worth sharing.
const MAX_KINDS: usize = 16;

/// The groups of one task, each number given out once until it is [retired](Groups::retire).
#[derive(Debug)]
pub struct Groups {
    all: Vec<Group>,
    index: HashTable<GroupId>,
    /// Measurements and dimensions met lately.
    kinds: Vec<Arc<Kind>>,
    /// Numbers that mean nothing any more; the smallest is given out next.
    free: BinaryHeap<Reverse<u32>>,
}

impl Default for Groups {
    fn default() -> Self {
        let mut groups = Self {
            all: Vec::new(),
            index: HashTable::new(),
            kinds: Vec::new(),
            free: BinaryHeap::new(),
        };
        groups.intern(&Dimensions::default(), "", &Tags::EMPTY);
        groups
    }
}

impl Groups {
    /// The group of points that are not grouped.
    pub const UNGROUPED: GroupId = GroupId(0);

    /// The group that a point of measurement `name` with `tags` belongs to under `dimensions`.
    pub fn intern(&mut self, dimensions: &Dimensions, name: &str, tags: &Tags) -> GroupId {
        let name = if dimensions.by_name { name } else { "" };
        let tags = group_tags(dimensions, tags);
        let hash = hash_of(name, dimensions, &tags);
        let known = &self.all;
        let same = |id: &GroupId| {
            let group = &known[id.0 as usize];
            **group.dimensions() == *dimensions && **group.name() == *name && group.tags == tags
        };
        if let Some(&id) = self.index.find(hash, same) {
            return id;
        }
        let kind = self.kind(name, dimensions);
        let group = Group { kind, tags };
        let id = if let Some(Reverse(free)) = self.free.pop() {
            self.all[free as usize] = group;
            GroupId(free)
        } else {
            self.all.push(group);
            GroupId(u32::try_from(self.all.len() - 1).expect("fewer than 2^32 groups"))
        };
        let known = &self.all;
        self.index
            .insert_unique(hash, id, |id| known[id.0 as usize].hash());
        id
    }

    /// Measurement and dimensions, shared with the groups that have the same.
    fn kind(&mut self, name: &str, dimensions: &Dimensions) -> Arc<Kind> {
        let same = |kind: &&Arc<Kind>| *kind.name == *name && *kind.dimensions == *dimensions;
        // The one met last is the one that is likely.
        if let Some(kind) = self.kinds.iter().rev().find(same) {
            return Arc::clone(kind);
        }
        if self.kinds.len() == MAX_KINDS {
            self.kinds.remove(0);
        }
        let kind = Arc::new(Kind {
            name: Arc::from(name),
            dimensions: Arc::new(dimensions.clone()),
        });
        self.kinds.push(Arc::clone(&kind));
        kind
    }

    /// The group of a number that this table gave out.
    pub fn get(&self, id: GroupId) -> &Group {
        &self.all[id.0 as usize]
    }

    /// Forgets groups. Their numbers may be given out again: nobody may know them any more.
    pub fn retire(&mut self, ids: impl IntoIterator<Item = GroupId>) {
        let nobody = self.all[Self::UNGROUPED.0 as usize].clone();
        for id in ids {
            let Some(group) = self.all.get_mut(id.0 as usize).filter(|_| id != Self::UNGROUPED) else {
                continue;
            };
            let hash = group.hash();
            if let Ok(entry) = self.index.find_entry(hash, |known| *known == id) {
                entry.remove();
                *group = nobody.clone();
                self.free.push(Reverse(id.0));
            }
        }
        self.shrink();
    }

    /// Gives back the room of numbers at the end that mean nothing any more.
    fn shrink(&mut self) {
        let mut free = std::mem::take(&mut self.free).into_vec();
        free.sort_unstable_by_key(|Reverse(id)| *id);
        while free
            .last()
            .is_some_and(|Reverse(last)| *last as usize + 1 == self.all.len())
        {
            free.pop();
            self.all.pop();
        }
        self.free = free.into();
        let room = 2 * self.all.len();
        if room < self.all.capacity() / 2 {
            self.all.shrink_to(room);
        }
        if 4 * self.index.len() < self.index.capacity() {
            let known = &self.all;
            self.index
                .shrink_to(2 * self.index.len(), |id| known[id.0 as usize].hash());
        }
    }

    /// Whether a number below [`Groups::len`] means nothing at the moment.
    pub fn is_free(&self, id: GroupId) -> bool {
        id != Self::UNGROUPED && Arc::ptr_eq(&self.get(id).kind, &self.get(Self::UNGROUPED).kind)
    }

    /// How many numbers are in use or free: every number is below.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// How many groups there are.
    pub fn live(&self) -> usize {
        self.index.len()
    }

    /// Never true: the ungrouped group is always there.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl Group {
    fn hash(&self) -> u64 {
        hash_of(self.name(), self.dimensions(), &self.tags)
    }
}

fn hash_of(name: &str, dimensions: &Dimensions, tags: &Tags) -> u64 {
    HASHER.hash_one((dimensions, name, tags))
}

fn group_tags(dimensions: &Dimensions, tags: &Tags) -> Tags {
    if dimensions.tags.len() == tags.len()
        && tags
            .iter()
            .zip(&*dimensions.tags)
            .all(|((key, _), dim)| key == &**dim)
    {
        return tags.clone();
    }
    Tags::from_sorted(
        dimensions
            .tags
            .iter()
            .map(|dim| (&**dim, tags.get(dim).unwrap_or(""))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(tags: &[&str], by_name: bool) -> Dimensions {
        Dimensions {
            by_name,
            tags: tags.iter().map(|&tag| Arc::from(tag)).collect(),
        }
    }

    #[test]
    fn a_missing_tag_is_grouped_as_empty() {
        let mut groups = Groups::default();
        let tags = Tags::from_pairs([("host", "a"), ("cpu", "0")]);
        let id = groups.intern(&by(&["dc", "host"], false), "m", &tags);
        assert_eq!(groups.get(id).id(), "dc=,host=a");
        assert_eq!(groups.intern(&by(&["dc", "host"], false), "other", &tags), id);
    }

    #[test]
    fn grouping_by_name_puts_the_measurement_first() {
        let mut groups = Groups::default();
        let tags = Tags::from_pairs([("host", "a")]);
        let id = groups.intern(&by(&["host"], true), "cpu", &tags);
        assert_eq!(groups.get(id).id(), "cpu\nhost=a");
        assert_ne!(groups.intern(&by(&["host"], true), "mem", &tags), id);
        assert_eq!(groups.intern(&by(&[], false), "cpu", &tags), Groups::UNGROUPED);
    }

    #[test]
    fn numbers_of_retired_groups_are_given_out_again_and_room_is_given_back() {
        let mut groups = Groups::default();
        let tags = |n: u32| Tags::from_pairs([("host", n.to_string())]);
        let dimensions = by(&["host"], false);
        let ids: Vec<GroupId> = (0..1_000)
            .map(|n| groups.intern(&dimensions, "m", &tags(n)))
            .collect();
        groups.retire(ids.iter().copied().filter(|id| *id != ids[10]));
        groups.retire([ids[3], Groups::UNGROUPED]);
        assert_eq!((groups.live(), groups.len()), (2, 12));
        assert!(groups.all.capacity() < 100 && groups.index.capacity() < 100);
        assert_eq!(groups.intern(&dimensions, "m", &tags(10)), ids[10]);
        assert_eq!(groups.intern(&dimensions, "m", &tags(5_000)), GroupId(1));
        assert_eq!(groups.get(GroupId(1)).id(), "host=5000");
        assert_eq!(groups.intern(&dimensions, "m", &tags(0)), GroupId(2));
        assert_eq!(groups.intern(&dimensions, "m", &tags(5_000)), GroupId(1));
    }
}
