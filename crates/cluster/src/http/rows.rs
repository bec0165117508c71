//! Rows and whole tables of what this server serves.

use std::borrow::Cow;

use capstan_hpa::conversion;
use capstan_kubeapi::resource::storage_of;
use capstan_kubeapi::table::{self, Include};
use capstan_kubeapi::{Resource, meta};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::views;

/// A row of an object as `resource` shows it. Autoscalers of every version print as v2, for the real server prints the
/// internal type.
pub(super) fn row(resource: Resource, object: &Value, include: Include, now: Timestamp) -> Value {
    let object = match views::autoscaler(resource) {
        Some(version) => conversion::to_v2(version, object).map_or(Cow::Borrowed(object), Cow::Owned),
        None => return table::row(resource, object, include, now),
    };
    table::row(storage_of(resource), &object, include, now)
}

/// A table of one object.
pub(super) fn single(
    resource: Resource,
    object: &Value,
    include: Include,
    with_columns: bool,
    now: Timestamp,
    version: &str,
) -> Value {
    let metadata = json!({"resourceVersion": meta::resource_version(object)});
    let rows = vec![row(resource, object, include, now)];
    table::table(resource, metadata, rows, with_columns, version)
}
