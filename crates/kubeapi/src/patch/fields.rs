//! Sets of fields as `managedFields` writes them (`FieldsV1`): trees whose keys are `f:NAME`, `k:{KEYS}` and `v:VALUE`.
//! A node belongs to the set when it is empty or holds `.`.

use serde_json::{Map, Value, json};

use crate::schema::{ListType, Node, Shape};

/// A set of fields.
pub type Fields = Map<String, Value>;

/// Parts that exist in every object of their type, so that nobody adds them: Go structs that are no pointers.
const ALWAYS_THERE: &[&str] = &[
    "metadata",
    "spec",
    "status",
    "template",
    "strategy",
    "updateStrategy",
    "containers",
    "source",
    "scaleTargetRef",
    "loadBalancer",
];

/// Metadata that belongs to the server.
const SERVER_METADATA: &[&str] = &[
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "resourceVersion",
    "generation",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// The fields that an applied object names.
pub fn of_object(node: Node<'_>, object: &Value) -> Fields {
    let mut fields = Fields::new();
    collect(node, object, &mut fields);
    strip(&mut fields);
    fields
}

/// What belongs to nobody: type, name, and what the server writes.
fn strip(fields: &mut Fields) {
    for key in ["f:apiVersion", "f:kind"] {
        fields.shift_remove(key);
    }
    if let Some(metadata) = fields.get_mut("f:metadata").and_then(Value::as_object_mut) {
        for field in SERVER_METADATA {
            metadata.shift_remove(&format!("f:{field}"));
        }
        metadata.shift_remove(".");
        if metadata.is_empty() {
            fields.shift_remove("f:metadata");
        }
    }
    fields.shift_remove(".");
}

fn is_atomic(node: Node<'_>) -> bool {
    match node.shape() {
        Shape::Struct | Shape::Map => node.is_atomic(),
        Shape::List => node.list_type() == ListType::Atomic,
        _ => true,
    }
}

/// The path element of an item of a keyed list. `protocol` is TCP where it is not written.
pub(super) fn item_key(node: Node<'_>, item: &Value) -> String {
    let mut keys: Vec<&str> = node.map_keys();
    keys.sort_unstable();
    let mut map = Map::new();
    for key in keys {
        match item.get(key) {
            Some(value) => {
                map.insert(key.to_owned(), value.clone());
            }
            None if key == "protocol" => {
                map.insert(key.to_owned(), "TCP".into());
            }
            None => {}
        }
    }
    format!("k:{}", Value::Object(map))
}

fn child_of<'a>(node: Node<'a>, key: &str) -> Option<Node<'a>> {
    match key.get(..2) {
        Some("f:") => node.field(&key[2..]),
        Some("k:") => node.items(),
        _ => None,
    }
}

fn collect(node: Node<'_>, value: &Value, out: &mut Fields) {
    let mut put = |key: String, child: Option<Node<'_>>, value: &Value, own: bool| {
        let mut fields = Fields::new();
        if let Some(child) = child
            && !is_atomic(child)
        {
            collect(child, value, &mut fields);
        }
        if own && !fields.is_empty() {
            fields.insert(".".to_owned(), json!({}));
        }
        out.insert(key, Value::Object(fields));
    };
    match value {
        Value::Object(map) => {
            let free = node.shape() == Shape::Map;
            for (key, value) in map {
                put(format!("f:{key}"), node.field(key), value, free);
            }
        }
        Value::Array(items) => {
            for item in items {
                if node.list_type() == ListType::Map {
                    put(item_key(node, item), node.items(), item, true);
                } else {
                    put(format!("v:{item}"), None, item, false);
                }
            }
        }
        _ => {}
    }
}

/// Fields that differ between two states of an object.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Changes {
    /// New, or with a new value.
    pub changed: Fields,
    /// Gone.
    pub removed: Fields,
}

/// What became of `old`.
pub fn changes(node: Node<'_>, old: Option<&Value>, new: &Value) -> Changes {
    let mut changes = Changes::default();
    let empty = json!({});
    compare(
        node,
        Some(old.unwrap_or(&empty)),
        Some(new),
        &mut changes.changed,
        &mut changes.removed,
    );
    strip(&mut changes.changed);
    strip(&mut changes.removed);
    changes
}

/// The elements of a container by path element.
fn elements<'v>(node: Node<'_>, value: Option<&'v Value>) -> Vec<(String, &'v Value)> {
    match value {
        Some(Value::Object(map)) => map
            .iter()
            .map(|(key, value)| (format!("f:{key}"), value))
            .collect(),
        Some(Value::Array(items)) if node.list_type() == ListType::Map => {
            items.iter().map(|item| (item_key(node, item), item)).collect()
        }
        Some(Value::Array(items)) => items.iter().map(|item| (format!("v:{item}"), item)).collect(),
        _ => Vec::new(),
    }
}

fn compare(
    node: Node<'_>,
    old: Option<&Value>,
    new: Option<&Value>,
    changed: &mut Fields,
    removed: &mut Fields,
) {
    let (before, after) = (elements(node, old), elements(node, new));
    let mut keys: Vec<&String> = after.iter().map(|(key, _)| key).collect();
    keys.extend(
        before
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !after.iter().any(|(k, _)| k == *key)),
    );
    for key in keys {
        let was = before.iter().find(|(k, _)| k == key).map(|(_, v)| *v);
        let is = after.iter().find(|(k, _)| k == key).map(|(_, v)| *v);
        if was == is {
            continue;
        }
        let child = child_of(node, key).filter(|child| !is_atomic(*child));
        let (mut more, mut less) = (Fields::new(), Fields::new());
        if let Some(child) = child {
            compare(child, was, is, &mut more, &mut less);
        }
        let leaf = child.is_none();
        let there = ALWAYS_THERE.contains(&key.trim_start_matches("f:"));
        if is.is_some() && (leaf || !more.is_empty() || was.is_none()) {
            if was.is_none() && !leaf && !there && !more.is_empty() {
                more.shift_insert(0, ".".to_owned(), json!({}));
            }
            if leaf || !more.is_empty() || !there {
                changed.insert(key.clone(), Value::Object(more));
            }
        }
        if was.is_some() && (is.is_none() || !less.is_empty()) {
            if is.is_none() && !leaf && !less.is_empty() {
                less.insert(".".to_owned(), json!({}));
            }
            removed.insert(key.clone(), Value::Object(less));
        }
    }
}

fn is_member(fields: &Fields) -> bool {
    fields.is_empty() || fields.contains_key(".")
}

fn children(value: Option<&Value>) -> Fields {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Fields of either set.
pub fn union(a: &Fields, b: &Fields) -> Fields {
    let mut out = a.clone();
    for (key, value) in b {
        match out.get(key) {
            None => {
                out.insert(key.clone(), value.clone());
            }
            Some(_) if key == "." => {}
            Some(have) => {
                let (have, more) = (children(Some(have)), children(Some(value)));
                let own = is_member(&have) || is_member(&more);
                let mut both = union(&have, &more);
                if own && !both.is_empty() {
                    both.insert(".".to_owned(), json!({}));
                }
                out.insert(key.clone(), Value::Object(both));
            }
        }
    }
    out
}

/// Fields of `a` that are not in `b`.
pub fn difference(a: &Fields, b: &Fields) -> Fields {
    let mut out = Fields::new();
    for (key, value) in a {
        let Some(other) = b.get(key) else {
            out.insert(key.clone(), value.clone());
            continue;
        };
        if key == "." {
            continue;
        }
        let (mine, other) = (children(Some(value)), children(Some(other)));
        if mine.is_empty() {
            // A leaf stays unless the other set has it as a member.
            if !is_member(&other) {
                out.insert(key.clone(), json!({}));
            }
            continue;
        }
        let mut rest = difference(&mine, &other);
        if other.is_empty() {
            rest.shift_remove(".");
        }
        if !rest.is_empty() {
            out.insert(key.clone(), Value::Object(rest));
        }
    }
    out
}

/// Fields of both sets.
pub fn intersection(a: &Fields, b: &Fields) -> Fields {
    let mut out = Fields::new();
    for (key, value) in a {
        let Some(other) = b.get(key) else { continue };
        if key == "." {
            out.insert(key.clone(), json!({}));
            continue;
        }
        let (mine, other) = (children(Some(value)), children(Some(other)));
        let mut both = intersection(&mine, &other);
        if is_member(&mine) && is_member(&other) {
            if !both.is_empty() {
                both.insert(".".to_owned(), json!({}));
            }
        } else if both.is_empty() {
            continue;
        }
        out.insert(key.clone(), Value::Object(both));
    }
    out
}

/// The paths of a set's members, as messages show them.
pub fn paths(fields: &Fields) -> Vec<String> {
    let mut out = Vec::new();
    for (key, inner) in fields.iter().filter(|(key, _)| *key != ".") {
        let inner = children(Some(inner));
        let path = shown(key);
        if is_member(&inner) {
            out.push(path.clone());
        }
        out.extend(paths(&inner).into_iter().map(|rest| format!("{path}{rest}")));
    }
    out
}

/// A path element as messages show it.
fn shown(key: &str) -> String {
    if let Some(field) = key.strip_prefix("f:") {
        return format!(".{field}");
    }
    if let Some(keys) = key.strip_prefix("k:")
        && let Ok(Value::Object(map)) = serde_json::from_str(keys)
    {
        let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
        return format!("[{}]", pairs.join(","));
    }
    format!("[={}]", key.trim_start_matches("v:"))
}

/// Removes the fields of a set from an object.
pub(super) fn remove(node: Option<Node<'_>>, value: &mut Value, fields: &Fields) {
    for (key, inner) in fields {
        if key == "." {
            continue;
        }
        let inner = children(Some(inner));
        let child = node.and_then(|n| child_of(n, key));
        if let Some(field) = key.strip_prefix("f:") {
            let Some(map) = value.as_object_mut() else {
                continue;
            };
            if inner.is_empty() {
                map.shift_remove(field);
                continue;
            }
            let Some(slot) = map.get_mut(field) else { continue };
            remove(child, slot, &inner);
            let empty =
                slot.as_object().is_some_and(Map::is_empty) || slot.as_array().is_some_and(Vec::is_empty);
            if empty && !ALWAYS_THERE.contains(&field) {
                map.shift_remove(field);
            }
            continue;
        }
        let Some(items) = value.as_array_mut() else {
            continue;
        };
        let matches = |item: &Value| match node {
            Some(node) if key.starts_with("k:") => item_key(node, item) == *key,
            _ => format!("v:{item}") == *key,
        };
        if is_member(&inner) {
            items.retain(|item| !matches(item));
        } else if let Some(item) = items.iter_mut().find(|item| matches(item)) {
            remove(child, item, &inner);
        }
    }
}
