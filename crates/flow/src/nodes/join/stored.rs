//! A join in snapshots.

use std::collections::VecDeque;
use std::sync::Arc;

use capstan_model::Value;
use serde::{Deserialize, Serialize};

use super::matching::{Matching, Waiting};
use super::sets::{Arrived, Data, JoinGroup, Set};
use crate::group_state::PerGroup;
use crate::node::{RestoreGroups, SnapshotGroups};
use crate::rows::OwnKeys;
use crate::rows::stored::{StoredBatch, StoredValue};

#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    groups: Vec<StoredGroup>,
    matching: Option<StoredMatching>,
}

#[derive(Serialize, Deserialize)]
struct StoredGroup {
    group: u32,
    heads: Vec<Option<i64>>,
    sets: Vec<(i64, Vec<Option<StoredArrived>>)>,
}

#[derive(Serialize, Deserialize)]
struct StoredMatching {
    reported: Vec<bool>,
    marks: Vec<(u32, Vec<Option<i64>>)>,
    general: Vec<(u32, Vec<(usize, StoredArrived)>)>,
    specific: Vec<(u32, Vec<(usize, StoredArrived)>)>,
}

#[derive(Serialize, Deserialize)]
struct StoredArrived {
    group: u32,
    time: i64,
    name: String,
    data: StoredData,
}

#[derive(Serialize, Deserialize)]
enum StoredData {
    Point(Vec<(String, StoredValue)>),
    Batch(StoredBatch),
}

impl StoredArrived {
    fn of(arrived: &Arrived, groups: &mut SnapshotGroups<'_>) -> Self {
        Self {
            group: groups.place(arrived.group),
            time: arrived.time,
            name: arrived.name.to_string(),
            data: match &arrived.data {
                Data::Point(fields) => StoredData::Point(
                    fields
                        .iter()
                        .map(|(name, value)| (name.to_string(), value.into()))
                        .collect(),
                ),
                Data::Batch(batch) => StoredData::Batch(StoredBatch::of(batch, groups)),
            },
        }
    }

    fn restore(self, groups: &RestoreGroups<'_>, keys: &OwnKeys) -> Option<Arrived> {
        let field = |(name, value): (String, StoredValue)| (Arc::from(name), Value::from(value));
        Some(Arrived {
            group: groups.group(self.group)?,
            time: self.time,
            name: self.name.into(),
            data: match self.data {
                StoredData::Point(fields) => Data::Point(fields.into_iter().map(field).collect()),
                StoredData::Batch(batch) => Data::Batch(Arc::new(batch.restore(groups, keys)?)),
            },
        })
    }
}

impl Stored {
    pub(super) fn of(
        all: &PerGroup<JoinGroup>,
        matching: Option<&Matching>,
        groups: &mut SnapshotGroups<'_>,
    ) -> Self {
        let mut stored = Vec::with_capacity(all.len());
        for (group, join) in all.iter() {
            let mut sets = Vec::new();
            for (&time, set) in join
                .sets
                .iter()
                .flat_map(|(time, sets)| sets.iter().map(move |s| (time, s)))
            {
                let values = set
                    .values
                    .iter()
                    .map(|value| value.as_ref().map(|value| StoredArrived::of(value, groups)))
                    .collect();
                sets.push((time, values));
            }
            stored.push(StoredGroup {
                group: groups.place(group),
                heads: join.heads.clone(),
                sets,
            });
        }
        Self {
            groups: stored,
            matching: matching.map(|matching| StoredMatching {
                reported: matching.reported.clone(),
                marks: matching
                    .marks
                    .iter()
                    .map(|(group, marks)| (groups.place(group), marks.clone()))
                    .collect(),
                general: store_waiting(&matching.general, groups),
                specific: store_waiting(&matching.specific, groups),
            }),
        }
    }

    /// Puts everything back. What belongs to another number of parents is left out.
    pub(super) fn restore(
        self,
        parents: usize,
        matching: Option<&mut Matching>,
        groups: &RestoreGroups<'_>,
        keys: &OwnKeys,
    ) -> PerGroup<JoinGroup> {
        let mut all = PerGroup::default();
        for stored in self.groups {
            let Some(group) = groups
                .group(stored.group)
                .filter(|_| stored.heads.len() == parents)
            else {
                continue;
            };
            let mut join = JoinGroup::new(parents);
            join.heads = stored.heads;
            for (time, values) in stored.sets {
                let values: Vec<Option<Arrived>> = values
                    .into_iter()
                    .map(|value| value.and_then(|value| value.restore(groups, keys)))
                    .collect();
                if values.len() == parents && values.iter().any(Option::is_some) {
                    join.sets.entry(time).or_default().push_back(Set { time, values });
                }
            }
            all.entry(group, || join);
        }
        if let (Some(matching), Some(stored)) = (matching, self.matching)
            && stored.reported.len() == parents
        {
            matching.reported = stored.reported;
            for (place, marks) in stored.marks {
                if let Some(group) = groups.group(place).filter(|_| marks.len() == parents) {
                    matching.marks.entry(group, || marks);
                }
            }
            matching.held += restore_waiting(stored.general, &mut matching.general, parents, groups, keys);
            matching.held += restore_waiting(stored.specific, &mut matching.specific, parents, groups, keys);
        }
        all
    }
}

fn store_waiting(
    all: &PerGroup<Waiting>,
    groups: &mut SnapshotGroups<'_>,
) -> Vec<(u32, Vec<(usize, StoredArrived)>)> {
    let mut stored = Vec::with_capacity(all.len());
    for (group, waiting) in all.iter() {
        let place = groups.place(group);
        let waiting = waiting
            .iter()
            .map(|(parent, arrived)| (*parent, StoredArrived::of(arrived, groups)))
            .collect();
        stored.push((place, waiting));
    }
    stored
}

/// Gives how many points wait.
fn restore_waiting(
    stored: Vec<(u32, Vec<(usize, StoredArrived)>)>,
    all: &mut PerGroup<Waiting>,
    parents: usize,
    groups: &RestoreGroups<'_>,
    keys: &OwnKeys,
) -> usize {
    let mut held = 0;
    for (place, waiting) in stored {
        let Some(group) = groups.group(place) else {
            continue;
        };
        let waiting: Waiting = waiting
            .into_iter()
            .filter(|(parent, _)| *parent < parents)
            .filter_map(|(parent, arrived)| Some((parent, arrived.restore(groups, keys)?)))
            .collect();
        held += waiting.iter().map(|(_, arrived)| arrived.weight()).sum::<usize>();
        all.entry(group, VecDeque::new).extend(waiting);
    }
    held
}
