//! Server-side apply and `managedFields`: who owns which field, and what happens when two want the same one.

use serde_json::{Map, Value, json};

use super::fields::{self, Fields};
use crate::meta;
use crate::schema::{ListType, Node, Shape};
use crate::status::Status;

/// Who writes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manager<'a> {
    /// The field manager's name.
    pub name: &'a str,
    /// `Apply` or `Update`.
    pub operation: &'a str,
    /// The version it writes in.
    pub api_version: &'a str,
    /// `status`, `scale`, or nothing.
    pub subresource: &'a str,
    /// When, in RFC 3339; empty leaves it out.
    pub time: &'a str,
}

fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry.get(field).and_then(Value::as_str).unwrap_or("")
}

fn fields_of(entry: &Value) -> Fields {
    entry
        .get("fieldsV1")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

impl Manager<'_> {
    fn is(&self, entry: &Value) -> bool {
        text(entry, "manager") == self.name
            && text(entry, "operation") == self.operation
            && text(entry, "subresource") == self.subresource
    }

    fn entry(&self, fields: Fields) -> Value {
        let mut entry = Map::new();
        entry.insert("manager".to_owned(), self.name.into());
        entry.insert("operation".to_owned(), self.operation.into());
        entry.insert("apiVersion".to_owned(), self.api_version.into());
        if !self.time.is_empty() {
            entry.insert("time".to_owned(), self.time.into());
        }
        entry.insert("fieldsType".to_owned(), "FieldsV1".into());
        entry.insert("fieldsV1".to_owned(), Value::Object(fields));
        if !self.subresource.is_empty() {
            entry.insert("subresource".to_owned(), self.subresource.into());
        }
        Value::Object(entry)
    }
}

fn entries(object: &Value) -> Vec<Value> {
    object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn set_entries(object: &mut Value, mut entries: Vec<Value>) {
    entries.retain(|entry| !fields_of(entry).is_empty());
    // Applies before updates, then oldest first.
    entries.sort_by(|a, b| {
        let key = |e: &Value| {
            (
                text(e, "operation").to_owned(),
                text(e, "time").to_owned(),
                text(e, "manager").to_owned(),
            )
        };
        key(a).cmp(&key(b))
    });
    if entries.is_empty() {
        meta::unset(object, "managedFields");
    } else {
        meta::set(object, "managedFields", entries);
    }
}

/// Notes in `new` that `manager` made it from `old` (nothing, when it is new).
pub fn track(node: Node<'_>, old: Option<&Value>, new: &mut Value, manager: &Manager<'_>) {
    let mut entries = entries(old.unwrap_or(&json!({})));
    let changes = fields::changes(node, old, new);
    if changes.changed.is_empty() && changes.removed.is_empty() {
        set_entries(new, entries);
        return;
    }
    let mut own = Fields::new();
    entries.retain_mut(|entry| {
        let left = fields::difference(&fields_of(entry), &changes.removed);
        if manager.is(entry) {
            own = left;
            return false;
        }
        entry["fieldsV1"] = Value::Object(fields::difference(&left, &changes.changed));
        true
    });
    entries.push(manager.entry(fields::union(&own, &changes.changed)));
    set_entries(new, entries);
}

/// The entry of a manager that applied an object which did not exist.
pub fn first_entry(node: Node<'_>, applied: &Value, manager: &Manager<'_>) -> Value {
    manager.entry(fields::of_object(node, applied))
}

/// `live` with `applied` merged into it; 409 if that would change fields of others and `force` is not set.
pub fn apply(
    node: Node<'_>,
    live: &Value,
    applied: &Value,
    manager: &Manager<'_>,
    force: bool,
) -> Result<Value, Status> {
    let wanted = fields::of_object(node, applied);
    let mut merged = merge(Some(node), live, applied);
    let changed = fields::changes(node, Some(live), &merged).changed;
    let mut entries = entries(live);
    let mut conflicts = Vec::new();
    let mut before = Fields::new();
    let mut earlier = None;
    let mut others = Fields::new();
    for entry in &mut entries {
        let owned = fields_of(entry);
        if manager.is(entry) {
            before = owned;
            earlier = Some(entry.clone());
            continue;
        }
        let lost = fields::intersection(&owned, &changed);
        conflicts.extend(
            fields::paths(&lost)
                .into_iter()
                .map(|path| (printed(entry), path)),
        );
        if force {
            entry["fieldsV1"] = Value::Object(fields::difference(&owned, &lost));
        }
        others = fields::union(&others, &fields_of(entry));
    }
    if !conflicts.is_empty() && !force {
        return Err(Status::apply_conflict(&conflicts));
    }
    let dropped = fields::difference(&fields::difference(&before, &wanted), &others);
    fields::remove(Some(node), &mut merged, &dropped);
    entries.retain(|entry| !manager.is(entry));
    // A repeated apply that changes nothing keeps its first time.
    let same = before == wanted && merged == *live;
    entries.push(match earlier {
        Some(earlier) if same => earlier,
        _ => manager.entry(wanted),
    });
    set_entries(&mut merged, entries);
    Ok(merged)
}

fn printed(entry: &Value) -> String {
    let mut out = format!("{:?}", text(entry, "manager"));
    let mut add = |word: &str, value: String| {
        out.push_str(word);
        out.push_str(&value);
    };
    if !text(entry, "subresource").is_empty() {
        add(" with subresource ", format!("{:?}", text(entry, "subresource")));
    }
    if text(entry, "operation") == "Update" {
        add(" using ", text(entry, "apiVersion").to_owned());
        if !text(entry, "time").is_empty() {
            add(" at ", text(entry, "time").to_owned());
        }
    }
    out
}

fn merge(node: Option<Node<'_>>, live: &Value, applied: &Value) -> Value {
    let atomic = node.is_none_or(|n| matches!(n.shape(), Shape::Struct | Shape::Map) && n.is_atomic());
    match (live, applied) {
        (Value::Object(have), Value::Object(want)) if !atomic => {
            let mut out = have.clone();
            for (key, value) in want {
                let child = node.and_then(|n| n.field(key));
                let merged = match out.get(key) {
                    Some(have) => merge(child, have, value),
                    None => value.clone(),
                };
                out.insert(key.clone(), merged);
            }
            Value::Object(out)
        }
        (Value::Array(have), Value::Array(want)) => match node.map(|n| (n, n.list_type())) {
            Some((node, ListType::Map)) => {
                let mut out = have.clone();
                for item in want {
                    let key = fields::item_key(node, item);
                    match out.iter_mut().find(|have| fields::item_key(node, have) == key) {
                        Some(have) => *have = merge(node.items(), have, item),
                        None => out.push(item.clone()),
                    }
                }
                Value::Array(out)
            }
            Some((_, ListType::Set)) => {
                let mut out = have.clone();
                out.extend(want.iter().filter(|item| !have.contains(item)).cloned());
                Value::Array(out)
            }
            _ => applied.clone(),
        },
        _ => applied.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Definitions;

    fn definitions() -> Definitions {
        let map = json!({
            "Thing": {"type": "object", "properties": {
                "apiVersion": {"type": "string"}, "kind": {"type": "string"},
                "metadata": {"type": "object", "properties": {
                    "name": {"type": "string"},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "managedFields": {"type": "array", "items": {"type": "object"}},
                }},
                "spec": {"type": "object", "properties": {
                    "max": {"type": "integer"}, "min": {"type": "integer"},
                    "parts": {
                        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "properties": {"name": {"type": "string"}, "image": {"type": "string"}}},
                    },
                }},
            }},
        });
        Definitions::new(map.as_object().unwrap().clone())
    }

    fn manager(name: &'static str, operation: &'static str) -> Manager<'static> {
        Manager {
            name,
            operation,
            api_version: "x/v1",
            subresource: "",
            time: "2026-01-01T00:00:00Z",
        }
    }

    fn managed(object: &Value, name: &str) -> Value {
        entries(object)
            .iter()
            .find(|e| text(e, "manager") == name)
            .map_or(Value::Null, |e| e["fieldsV1"].clone())
    }

    #[test]
    fn an_update_owns_what_it_changes_and_others_lose_it() {
        let definitions = definitions();
        let node = definitions.node("Thing").unwrap();
        let mut first = json!({"kind": "Thing", "metadata": {"name": "a", "labels": {"l": "1"}}, "spec": {"max": 1, "min": 1, "parts": [{"name": "p", "image": "i"}]}});
        track(node, None, &mut first, &manager("one", "Update"));
        assert_eq!(
            managed(&first, "one"),
            json!({"f:metadata": {"f:labels": {".": {}, "f:l": {}}}, "f:spec": {"f:max": {}, "f:min": {},
                "f:parts": {".": {}, "k:{\"name\":\"p\"}": {".": {}, "f:image": {}, "f:name": {}}}}})
        );
        let mut second = first.clone();
        second["spec"]["max"] = json!(2);
        track(node, Some(&first), &mut second, &manager("two", "Update"));
        assert_eq!(managed(&second, "two"), json!({"f:spec": {"f:max": {}}}));
        assert!(managed(&second, "one")["f:spec"].get("f:max").is_none());
    }

    #[test]
    fn applying_what_another_owns_is_a_conflict_unless_forced() {
        let definitions = definitions();
        let node = definitions.node("Thing").unwrap();
        let live = json!({"metadata": {"name": "a", "managedFields": [
            manager("capstan", "Apply").entry(fields::of_object(node, &json!({"spec": {"max": 5}}))),
        ]}, "spec": {"max": 5}});
        let applied = json!({"metadata": {"name": "a"}, "spec": {"max": 9}});
        let error = apply(node, &live, &applied, &manager("other", "Apply"), false).unwrap_err();
        assert_eq!(
            error.message,
            "Apply failed with 1 conflict: conflict with \"capstan\": .spec.max"
        );
        let forced = apply(node, &live, &applied, &manager("other", "Apply"), true).unwrap();
        assert_eq!(forced["spec"]["max"], 9);
        assert_eq!(managed(&forced, "capstan"), Value::Null);
    }

    #[test]
    fn what_an_applier_no_longer_names_goes_away() {
        let definitions = definitions();
        let node = definitions.node("Thing").unwrap();
        let first = json!({"metadata": {"name": "a", "labels": {"x": "1", "y": "2"}}, "spec": {"parts": [{"name": "p"}, {"name": "q"}], "min": 1}});
        let mut live = first.clone();
        meta::set(
            &mut live,
            "managedFields",
            vec![first_entry(node, &first, &manager("me", "Apply"))],
        );
        let second = json!({"metadata": {"name": "a", "labels": {"x": "1"}}, "spec": {"parts": [{"name": "q", "image": "i"}]}});
        let merged = apply(node, &live, &second, &manager("me", "Apply"), false).unwrap();
        assert_eq!(merged["metadata"]["labels"], json!({"x": "1"}));
        assert_eq!(merged["spec"], json!({"parts": [{"name": "q", "image": "i"}]}));
        assert_eq!(
            apply(node, &merged, &second, &manager("me", "Apply"), false).unwrap(),
            merged
        );
    }
}
