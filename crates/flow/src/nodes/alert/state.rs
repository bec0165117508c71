//! What an alert node remembers of a group, and how that is kept.

use std::sync::Arc;

use capstan_alert::{EventState, History, Inhibitor, Level, Rules, StoredHistory};
use capstan_model::{GroupId, KeyTable, RowKey};
use serde::{Deserialize, Serialize};

use super::levels::Levels;
use crate::group_state::PerGroup;
use crate::node::{Json, JsonText, RestoreGroups, SnapshotGroups};
use crate::states;

/// Texts longer than this are not kept in snapshots.
const MAX_KEPT_TEXT: usize = 16 << 10;

/// One group.
#[derive(Debug)]
pub(super) struct AlertGroup {
    pub(super) history: History,
    pub(super) inhibitors: Vec<Arc<Inhibitor>>,
    /// The event that topics were told last.
    pub(super) told: Option<EventState>,
    /// The id of the last point, by what it is made of.
    id: Option<CachedId>,
}

#[derive(Debug)]
struct CachedId {
    table: u32,
    key: RowKey,
    name: Arc<str>,
    id: Arc<str>,
}

impl AlertGroup {
    pub(super) fn new(rules: &Rules, inhibitors: Vec<Arc<Inhibitor>>) -> Self {
        Self {
            history: History::new(rules),
            inhibitors,
            told: None,
            id: None,
        }
    }

    pub(super) fn restored(stored: StoredGroup, rules: &Rules, inhibitors: Vec<Arc<Inhibitor>>) -> Self {
        let history = StoredHistory {
            levels: stored.levels,
            flapping: stored.flapping,
            first_triggered: stored.first,
            last_triggered: stored.last,
        };
        Self {
            history: History::restored(&history, rules),
            inhibitors,
            told: stored.told.map(StoredEvent::unpack),
            id: None,
        }
    }

    /// The id of a point with this key, if it is that of the last one.
    pub(super) fn cached_id(&self, keys: &KeyTable, key: RowKey, name: &Arc<str>) -> Option<Arc<str>> {
        let cached = self.id.as_ref()?;
        (cached.key == key && cached.table == keys.id() && cached.name == *name)
            .then(|| Arc::clone(&cached.id))
    }

    pub(super) fn cache_id(&mut self, keys: &KeyTable, key: RowKey, name: &Arc<str>, id: &Arc<str>) {
        self.id = Some(CachedId {
            table: keys.id(),
            key,
            name: Arc::clone(name),
            id: Arc::clone(id),
        });
    }

    /// Silences others while it is not OK.
    pub(super) fn inhibit(&self) {
        let active = self.history.level() != Level::Ok;
        for inhibitor in &self.inhibitors {
            inhibitor.set(active);
        }
    }
}

/// A node in a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredAlert {
    /// Memory of the conditions, which belongs to no group.
    conditions: Json,
    groups: Vec<(u32, StoredGroup)>,
}

/// A group in a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredGroup {
    levels: Vec<u8>,
    flapping: bool,
    first: Option<i64>,
    last: Option<i64>,
    told: Option<StoredEvent>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredEvent {
    id: String,
    message: String,
    details: String,
    time: i64,
    duration: i64,
    level: u8,
}

impl StoredEvent {
    fn of(state: &EventState) -> Self {
        let kept = |text: &str| {
            if text.len() > MAX_KEPT_TEXT {
                String::new()
            } else {
                text.to_owned()
            }
        };
        Self {
            id: state.id.to_string(),
            message: kept(&state.message),
            details: kept(&state.details),
            time: state.time,
            duration: state.duration,
            level: state.level.number(),
        }
    }

    fn unpack(self) -> EventState {
        EventState {
            id: self.id.into(),
            message: self.message.into(),
            details: self.details.into(),
            time: self.time,
            duration: self.duration,
            level: Level::from_number(self.level).unwrap_or_default(),
        }
    }
}

impl StoredAlert {
    pub(super) fn of(
        levels: &Levels,
        states: &PerGroup<AlertGroup>,
        groups: &mut SnapshotGroups<'_>,
    ) -> Self {
        let group = |state: &AlertGroup| {
            let history = state.history.stored();
            StoredGroup {
                levels: history.levels,
                flapping: history.flapping,
                first: history.first_triggered,
                last: history.last_triggered,
                told: state.told.as_ref().map(StoredEvent::of),
            }
        };
        Self {
            groups: states.store(groups, group),
            conditions: states::store(levels.states()),
        }
    }

    pub(super) fn into_json(self) -> Option<Json> {
        serde_json::value::to_raw_value(&self).ok()
    }

    pub(super) fn from_json(state: &JsonText) -> Result<Self, serde_json::Error> {
        serde_json::from_str(state.get())
    }

    /// Gives the conditions their memory back, and the groups that are still known.
    pub(super) fn unpack(
        self,
        levels: &mut Levels,
        groups: &RestoreGroups<'_>,
    ) -> Vec<(GroupId, StoredGroup)> {
        let restored = states::unstore(
            &self.conditions,
            levels.lambdas().map(crate::lambda::Lambda::compiled),
        );
        levels.restore(restored);
        let known = |(place, stored)| Some((groups.group(place)?, stored));
        self.groups.into_iter().filter_map(known).collect()
    }
}
