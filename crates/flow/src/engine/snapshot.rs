//! What a task remembers, in a form that survives a restart.
//!
//! One JSON text: a version, the groups that nodes refer to, and per node its name, a fingerprint of its settings and
//! its state. A node whose settings changed starts afresh; the others go on.

use std::io::{self, Write};
use std::sync::Arc;

use capstan_model::{Dimensions, Group, GroupId, Groups, Tags};
use serde::{Deserialize, Serialize};

use crate::node::Json;

/// Version of the layout.
pub(crate) const VERSION: u32 = 1;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Stored {
    pub(crate) version: u32,
    pub(crate) groups: Vec<StoredGroup>,
    pub(crate) nodes: Vec<StoredNode>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StoredGroup {
    by_name: bool,
    name: String,
    /// Key and value of each dimension, sorted by key.
    tags: Vec<(String, String)>,
}

/// What becomes a [`StoredGroup`].
#[derive(Serialize)]
struct WrittenGroup<'a> {
    by_name: bool,
    name: &'a str,
    tags: WrittenTags<'a>,
}

struct WrittenTags<'a>(&'a Tags);

impl Serialize for WrittenTags<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter())
    }
}

impl<'a> From<&'a Group> for WrittenGroup<'a> {
    fn from(group: &'a Group) -> Self {
        Self {
            by_name: group.dimensions().by_name,
            name: group.name(),
            tags: WrittenTags(&group.tags),
        }
    }
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

/// In the place of a place: none yet.
const NONE: u32 = u32::MAX;

/// Gives groups numbers that mean something outside of this run.
#[derive(Debug)]
pub struct SnapshotGroups<'a> {
    groups: &'a Groups,
    /// By group number: place in `written`.
    places: Vec<u32>,
    written: Vec<GroupId>,
}

impl<'a> SnapshotGroups<'a> {
    pub(crate) fn new(groups: &'a Groups) -> Self {
        Self {
            groups,
            places: vec![NONE; groups.len()],
            written: Vec::new(),
        }
    }

    /// Writes what the numbers stand for, as a list of [`StoredGroup`]s.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        list(out, &self.written, |out, &group| {
            Ok(serde_json::to_writer(
                out,
                &WrittenGroup::from(self.groups.get(group)),
            )?)
        })
    }

    /// The number to write for a group.
    pub fn place(&mut self, group: GroupId) -> u32 {
        let place = &mut self.places[group.0 as usize];
        if *place == NONE {
            *place = self.written.len() as u32;
            self.written.push(group);
        }
        *place
    }
}

/// Writes a list of JSON texts.
pub(crate) fn list<T>(
    out: &mut dyn Write,
    all: impl IntoIterator<Item = T>,
    mut one: impl FnMut(&mut dyn Write, T) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(b"[")?;
    for (at, item) in all.into_iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        one(out, item)?;
    }
    out.write_all(b"]")
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
