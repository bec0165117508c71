//! One table seen through several versions: `extensions/v1beta1` workloads over `apps/v1`, `events.k8s.io/v1` over core
//! events, every version of autoscalers over `autoscaling/v2`.

use std::sync::Arc;

use capstan_hpa::conversion::{self, Version};
use capstan_hpa::defaults;
use capstan_kubeapi::builtin::{EVENTS_V1, HORIZONTALPODAUTOSCALERS};
use capstan_kubeapi::resource::storage_of;
use capstan_kubeapi::{Resource, Status};
use serde_json::{Map, Value, json};

/// Fields of an event: (core's name, events.k8s.io's name).
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// A stored object as `resource` shows it.
pub(crate) fn show(resource: Resource, stored: &Arc<Value>) -> Arc<Value> {
    if resource.stored_as.is_none() {
        return Arc::clone(stored);
    }
    let mut object = if resource == EVENTS_V1 {
        rename(stored, |(core, new)| (core, new))
    } else if let Some(version) = autoscaler(resource) {
        // What is stored was read as its type before, so it can be again.
        conversion::from_v2(version, stored).unwrap_or_else(|_| (**stored).clone())
    } else {
        (**stored).clone()
    };
    set_type(&mut object, &resource.api_version(), resource.kind);
    Arc::new(object)
}

/// An object written through `resource` as it is stored.
///
/// # Errors
/// 400 when it cannot be converted.
pub(crate) fn store(resource: Resource, object: Value) -> Result<Value, Status> {
    let stored = storage_of(resource);
    let mut object = if resource == EVENTS_V1 {
        rename(&object, |(core, new)| (new, core))
    } else if let Some(version) = autoscaler(resource) {
        let mut object = object;
        defaults::apply(version, &mut object);
        conversion::to_v2(version, &object).map_err(|error| {
            Status::bad_request(format!(
                "{} in version \"{}\" cannot be handled as a {}: {error}",
                resource.kind, resource.version, resource.kind
            ))
        })?
    } else {
        object
    };
    set_type(&mut object, &stored.api_version(), stored.kind);
    Ok(object)
}

/// The version of an autoscaler that a resource shows.
pub(crate) fn autoscaler(resource: Resource) -> Option<Version> {
    (storage_of(resource) == HORIZONTALPODAUTOSCALERS)
        .then(|| Version::parse(resource.version))
        .flatten()
}

/// Puts `kind` and `apiVersion` first, where the real server has them.
pub(crate) fn set_type(object: &mut Value, api_version: &str, kind: &str) {
    let Some(map) = object.as_object_mut() else { return };
    if map.get("kind").and_then(Value::as_str) == Some(kind)
        && map.get("apiVersion").and_then(Value::as_str) == Some(api_version)
        && map.keys().next().is_some_and(|first| first == "kind")
    {
        return;
    }
    map.shift_remove("kind");
    map.shift_remove("apiVersion");
    let mut typed = Map::with_capacity(map.len() + 2);
    typed.insert("kind".to_owned(), json!(kind));
    typed.insert("apiVersion".to_owned(), json!(api_version));
    typed.extend(std::mem::take(map));
    *map = typed;
}

fn rename(object: &Value, pair: fn((&'static str, &'static str)) -> (&'static str, &'static str)) -> Value {
    let Some(map) = object.as_object() else {
        return object.clone();
    };
    let renamed = map
        .iter()
        .map(|(key, value)| {
            let to = EVENT_FIELDS
                .iter()
                .map(|f| pair(*f))
                .find(|(from, _)| from == key)
                .map(|(_, to)| to);
            (to.map_or_else(|| key.clone(), str::to_owned), value.clone())
        })
        .collect();
    Value::Object(renamed)
}
