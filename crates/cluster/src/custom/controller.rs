//! Accepts the names of definitions, serves their kinds, and removes their objects with them.

use std::time::Duration;

use capstan_kubeapi::builtin::{APISERVICES, CUSTOMRESOURCEDEFINITIONS};
use capstan_kubeapi::resource::builtin;
use capstan_kubeapi::{Resource, Status, meta};
use serde_json::{Value, json};

use crate::aggregation;
use crate::controllers::Context;
use crate::controllers::driver::{Controller, Key};
use crate::objects::{DeleteOptions, EventKind, Subresource};
use crate::watch::Event;

/// Holds a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";
/// Objects that wait for finalizers of their own are looked for again after this long.
const RECHECK: Duration = Duration::from_millis(200);
/// Priorities of a custom group's `APIService`s.
const GROUP_PRIORITY: i64 = 1000;
const VERSION_PRIORITY: i64 = 100;

#[derive(Debug)]
pub(crate) struct CustomResources;

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

impl Controller for CustomResources {
    fn name(&self) -> &'static str {
        "custom resources"
    }

    fn watches(&self) -> Vec<Resource> {
        vec![CUSTOMRESOURCEDEFINITIONS]
    }

    fn concerns(&self, context: &Context, _: Resource, event: &Event) -> Vec<Key> {
        let mut keys = vec![Key::of(&event.object)];
        if event.kind == EventKind::Deleted {
            // Names that it held are free for others of the group.
            let group = text(&event.object, "/spec/group");
            let others = context.objects.list(CUSTOMRESOURCEDEFINITIONS, None).items;
            keys.extend(
                others
                    .iter()
                    .filter(|o| text(o, "/spec/group") == group)
                    .map(|o| Key::of(o)),
            );
        }
        keys
    }

    fn reconcile(&self, context: &Context, key: &Key) -> Result<Option<Duration>, Status> {
        let objects = &context.objects;
        let definition = match objects.get(CUSTOMRESOURCEDEFINITIONS, None, &key.name) {
            Err(status) if status.is_not_found() => {
                objects.kinds().remove(&key.name);
                withdraw(context);
                return Ok(None);
            }
            other => other?,
        };
        if meta::is_deleting(&definition) {
            return end(context, &key.name, &definition);
        }
        let conflict = conflict(context, &definition);
        if conflict.is_none() {
            if !objects.kinds().put(&key.name, &definition) {
                tracing::warn!(
                    definition = key.name,
                    "too many custom kinds were defined; this one is not served"
                );
                return Ok(None);
            }
            for version in definition
                .pointer("/spec/versions")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                if version.get("served").and_then(Value::as_bool) == Some(true) {
                    let (group, name) = (text(&definition, "/spec/group"), text(version, "/name"));
                    aggregation::publish_local(
                        objects,
                        group,
                        name,
                        GROUP_PRIORITY,
                        VERSION_PRIORITY,
                        "true",
                    );
                }
            }
            withdraw(context);
        }
        let now = context.timestamp();
        objects.modify(
            CUSTOMRESOURCEDEFINITIONS,
            None,
            &key.name,
            Subresource::Status,
            |object| {
                status(object, conflict.as_ref(), &now);
            },
        )?;
        Ok(None)
    }
}

/// Reason and text of a name that is taken within the group.
fn conflict(context: &Context, definition: &Value) -> Option<(&'static str, String)> {
    let group = text(definition, "/spec/group");
    let others = context.objects.list(CUSTOMRESOURCEDEFINITIONS, None).items;
    let accepted = |field: &str| -> Vec<String> {
        let path = format!("/status/acceptedNames/{field}");
        let of = |other: &Value| text(other, &path).to_owned();
        others
            .iter()
            .filter(|other| {
                text(other, "/spec/group") == group && meta::name(other) != meta::name(definition)
            })
            .map(|other| of(other))
            .collect()
    };
    let own = |kind: bool| {
        builtin()
            .iter()
            .filter(|r| r.group == group)
            .map(|r| if kind { r.kind } else { r.plural }.to_owned())
            .collect::<Vec<_>>()
    };
    for (field, reason, kind) in [
        ("plural", "PluralConflict", false),
        ("singular", "SingularConflict", false),
        ("kind", "KindConflict", true),
        ("listKind", "ListKindConflict", true),
    ] {
        let name = text(definition, &format!("/spec/names/{field}"));
        if !name.is_empty()
            && (accepted(field).iter().any(|n| n == name) || own(kind).iter().any(|n| n == name))
        {
            return Some((reason, format!("\"{name}\" is already in use")));
        }
    }
    None
}

/// The status that follows from whether a name is taken.
fn status(object: &mut Value, conflict: Option<&(&'static str, String)>, now: &str) {
    let names = object.pointer("/spec/names").cloned().unwrap_or_default();
    let storage = object
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|v| v.get("storage").and_then(Value::as_bool) == Some(true))
        .map(|v| text(v, "/name").to_owned());
    let Some(status) = meta::object_at(object, "status") else {
        return;
    };
    let was_established = is_true(status.get("conditions"), "Established");
    match conflict {
        None => {
            condition(
                status,
                "NamesAccepted",
                "True",
                "NoConflicts",
                "no conflicts found",
                now,
            );
            let accepted = "the initial names have been accepted";
            condition(
                status,
                "Established",
                "True",
                "InitialNamesAccepted",
                accepted,
                now,
            );
            status.insert("acceptedNames".to_owned(), names);
        }
        Some((reason, message)) => {
            condition(status, "NamesAccepted", "False", reason, message, now);
            if !was_established {
                condition(
                    status,
                    "Established",
                    "False",
                    "NotAccepted",
                    "not all names are accepted",
                    now,
                );
            }
            status
                .entry("acceptedNames")
                .or_insert_with(|| json!({"kind": "", "plural": ""}));
        }
    }
    let stored = status.entry("storedVersions").or_insert_with(|| json!([]));
    if let (Some(list), Some(storage)) = (stored.as_array_mut(), storage)
        && !list.iter().any(|v| v.as_str() == Some(&storage))
    {
        list.push(json!(storage));
    }
}

fn is_true(conditions: Option<&Value>, kind: &str) -> bool {
    conditions
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|c| text(c, "/type") == kind && text(c, "/status") == "True")
}

fn condition(
    status: &mut serde_json::Map<String, Value>,
    kind: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: &str,
) {
    let list = status.entry("conditions").or_insert_with(|| json!([]));
    let Some(list) = list.as_array_mut() else { return };
    let index = list.iter().position(|c| text(c, "/type") == kind);
    let since = index
        .and_then(|i| list.get(i))
        .filter(|c| text(c, "/status") == value)
        .map_or_else(|| json!(now), |c| c["lastTransitionTime"].clone());
    let entry = json!({"type": kind, "status": value, "lastTransitionTime": since, "reason": reason, "message": message});
    match index {
        Some(index) => list[index] = entry,
        None => list.push(entry),
    }
}

/// A definition on its way out: its objects go first.
fn end(context: &Context, name: &str, definition: &Value) -> Result<Option<Duration>, Status> {
    let objects = &context.objects;
    if !meta::finalizers(definition).contains(&CLEANUP) {
        return Ok(None);
    }
    let mut left = 0;
    if let Some(table) = objects.kinds().storage_of(name) {
        for object in objects.list(table, None).items {
            let namespace = Some(meta::namespace(&object)).filter(|n| !n.is_empty());
            if meta::is_deleting(&object) {
                left += 1;
                continue;
            }
            match objects.delete_with(table, namespace, meta::name(&object), &DeleteOptions::default()) {
                Ok(deleted) => left += usize::from(!deleted.removed),
                Err(status) if status.is_not_found() => {}
                Err(status) => return Err(status),
            }
        }
    }
    let now = context.timestamp();
    if left > 0 {
        objects.modify(
            CUSTOMRESOURCEDEFINITIONS,
            None,
            name,
            Subresource::Status,
            |object| {
                if let Some(status) = meta::object_at(object, "status") {
                    let message = "CustomResource deletion is in progress";
                    condition(
                        status,
                        "Terminating",
                        "True",
                        "InstanceDeletionInProgress",
                        message,
                        &now,
                    );
                }
            },
        )?;
        return Ok(Some(RECHECK));
    }
    objects.modify(
        CUSTOMRESOURCEDEFINITIONS,
        None,
        name,
        Subresource::None,
        |object| {
            if let Some(Value::Array(finalizers)) = object.pointer_mut("/metadata/finalizers") {
                finalizers.retain(|f| f.as_str() != Some(CLEANUP));
            }
        },
    )?;
    Ok(None)
}

/// Removes the `APIService`s of versions that nobody defines any more.
fn withdraw(context: &Context) {
    let all = context.objects.kinds().all();
    for object in context.objects.list(APISERVICES, None).items {
        let managed = meta::labels(&object)
            .and_then(|l| l.get(aggregation::AUTOMANAGED))
            .and_then(Value::as_str);
        let (group, version) = (text(&object, "/spec/group"), text(&object, "/spec/version"));
        let defined = all.iter().any(|r| r.group == group && r.version == version);
        if managed == Some("true") && !defined {
            let options = DeleteOptions::default();
            if let Err(error) = context
                .objects
                .delete(APISERVICES, None, meta::name(&object), &options)
            {
                tracing::debug!(%error, "an APIService is not withdrawn");
            }
        }
    }
}
