//! What a task remembers, in a form that survives a restart.
//!
//! One JSON text: a version, the groups that nodes refer to, and per node its name, a fingerprint of its settings and
//! its state. A node whose settings changed starts afresh; the others go on.

use std::sync::Arc;

use capstan_model::{Dimensions, GroupId, Groups, Tags};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Version of the layout.
pub(crate) const VERSION: u32 = 1;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) version: u32,
    pub(crate) groups: Vec<StoredGroup>,
    pub(crate) nodes: Vec<StoredNode>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredGroup {
    by_name: bool,
    name: String,
    /// Key and value of each dimension, sorted by key.
    tags: Vec<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredNode {
    pub(crate) name: String,
    pub(crate) fingerprint: String,
    pub(crate) state: Json,
}

/// Why a snapshot could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is not what this version writes.
    #[error("the snapshot cannot be read: {0}")]
    Format(#[from] serde_json::Error),
    /// It was written by another version.
    #[error("the snapshot has version {found}, this program reads version {VERSION}")]
    Version { found: u32 },
}

impl capstan_base::Classify for SnapshotError {
    fn class(&self) -> capstan_base::Class {
        capstan_base::Class::Internal
    }
}

/// Gives groups numbers that mean something outside of this run.
#[derive(Debug)]
pub struct SnapshotGroups<'a> {
    groups: &'a Groups,
    /// By group number: place in `stored`.
    places: Vec<Option<u32>>,
    stored: Vec<StoredGroup>,
}

impl<'a> SnapshotGroups<'a> {
    pub(crate) fn new(groups: &'a Groups) -> Self {
        Self {
            groups,
            places: vec![None; groups.len()],
            stored: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> Vec<StoredGroup> {
        self.stored
    }

    /// The number to write for a group.
    pub fn place(&mut self, group: GroupId) -> u32 {
        let at = group.0 as usize;
        if let Some(place) = self.places[at] {
            return place;
        }
        let place = self.stored.len() as u32;
        let known = self.groups.get(group);
        self.stored.push(StoredGroup {
            by_name: known.dimensions.by_name,
            name: known.name.to_string(),
            tags: known
                .tags
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        });
        self.places[at] = Some(place);
        place
    }
}

/// Finds the groups of a snapshot again.
#[derive(Debug)]
pub struct RestoreGroups<'a> {
    ids: Vec<GroupId>,
    groups: &'a Groups,
}

impl<'a> RestoreGroups<'a> {
    /// The groups' numbers in this run, by their place in the snapshot.
    pub(crate) fn ids(groups: &mut Groups, stored: &[StoredGroup]) -> Vec<GroupId> {
        let intern = |group: &StoredGroup| {
            let tags = group
                .tags
                .iter()
                .map(|(key, _)| Arc::from(key.as_str()))
                .collect();
            let dimensions = Dimensions {
                by_name: group.by_name,
                tags,
            };
            let values = Tags::from_pairs(
                group
                    .tags
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str())),
            );
            groups.intern(&dimensions, &group.name, &values)
        };
        stored.iter().map(intern).collect()
    }

    pub(crate) fn new(ids: Vec<GroupId>, groups: &'a Groups) -> Self {
        Self { ids, groups }
    }

    /// The group of a written number; `None` for a number that the snapshot does not have.
    pub fn group(&self, place: u32) -> Option<GroupId> {
        self.ids.get(place as usize).copied()
    }

    /// The groups of the task.
    pub fn groups(&self) -> &Groups {
        self.groups
    }
}
