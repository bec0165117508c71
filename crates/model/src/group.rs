//! Dimensions and groups (N-08). A group is the unit of state; within a task groups are numbered densely.

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
    /// The measurement when grouped by name, else empty.
    pub name: Arc<str>,
    pub dimensions: Arc<Dimensions>,
    /// The dimensions' tags; a tag the points do not have is there with an empty value (N-08).
    pub tags: Tags,
}

impl Group {
    /// Kapacitor's group id: `a=x,b=y`, the measurement and a line break before it when grouped by name, empty when not
    /// grouped.
    pub fn id(&self) -> String {
        let mut id = String::new();
        if self.dimensions.by_name {
            id.push_str(&self.name);
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

/// The groups of one task, each number given out once.
#[derive(Debug)]
pub struct Groups {
    all: Vec<Group>,
    index: HashTable<GroupId>,
    /// Measurements and dimensions met lately.
    kinds: Vec<(Arc<str>, Arc<Dimensions>)>,
}

impl Default for Groups {
    fn default() -> Self {
        let mut groups = Self {
            all: Vec::new(),
            index: HashTable::new(),
            kinds: Vec::new(),
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
        let hash = HASHER.hash_one((dimensions, name, &tags));
        let known = &self.all;
        let same = |id: &GroupId| {
            let group = &known[id.0 as usize];
            *group.dimensions == *dimensions && &*group.name == name && group.tags == tags
        };
        if let Some(&id) = self.index.find(hash, same) {
            return id;
        }
        let id = GroupId(u32::try_from(self.all.len()).expect("fewer than 2^32 groups"));
        let (name, dimensions) = self.kind(name, dimensions);
        self.all.push(Group {
            name,
            dimensions,
            tags,
        });
        let known = &self.all;
        self.index.insert_unique(hash, id, |id| {
            let group = &known[id.0 as usize];
            HASHER.hash_one((&*group.dimensions, &*group.name, &group.tags))
        });
        id
    }

    /// A measurement and dimensions, shared with the groups that have the same.
    fn kind(&mut self, name: &str, dimensions: &Dimensions) -> (Arc<str>, Arc<Dimensions>) {
        let same = |kind: &&(Arc<str>, Arc<Dimensions>)| *kind.0 == *name && *kind.1 == *dimensions;
        // The one met last is the one that is likely.
        if let Some(kind) = self.kinds.iter().rev().find(same) {
            return kind.clone();
        }
        if self.kinds.len() == MAX_KINDS {
            self.kinds.remove(0);
        }
        let kind = (Arc::from(name), Arc::new(dimensions.clone()));
        self.kinds.push(kind.clone());
        kind
    }

    /// The group of a number that this table gave out.
    pub fn get(&self, id: GroupId) -> &Group {
        &self.all[id.0 as usize]
    }

    /// How many numbers were given out: every number is below.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Never true: the ungrouped group is always there.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
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
}
