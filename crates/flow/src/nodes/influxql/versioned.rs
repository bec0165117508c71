//! States of functions in snapshots: what a function keeps may change between versions.

use capstan_influxql::STATE_VERSION;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Serialize};

use crate::node::{Json, JsonText};

#[derive(Serialize, Deserialize)]
struct Versioned<S> {
    version: u32,
    groups: Vec<(u32, S)>,
}

/// What [`PerGroup::store`](crate::group_state::PerGroup::store) gave, with the version.
pub(super) fn store<S: Serialize>(groups: Vec<(u32, S)>) -> Option<Json> {
    let version = STATE_VERSION;
    serde_json::value::to_raw_value(&Versioned { version, groups }).ok()
}

/// What [`store`] was given; an error when another version gave it.
pub(super) fn unstore<S: DeserializeOwned>(state: &JsonText) -> Result<Vec<(u32, S)>, serde_json::Error> {
    let stored: Versioned<S> = serde_json::from_str(state.get())?;
    if stored.version == STATE_VERSION {
        Ok(stored.groups)
    } else {
        Err(Error::custom("another version of the functions' state"))
    }
}
