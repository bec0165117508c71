//! Strategic merge patch (apimachinery `pkg/util/strategicpatch`).

use serde_json::{Map, Value};

use crate::schema::Node;

/// Why a patch cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatchError(pub String);

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const DELETE_PREFIX: &str = "$deleteFromPrimitiveList/";
const ORDER_PREFIX: &str = "$setElementOrder/";

/// `current` with `patch` merged into it. Without a schema lists are replaced, as in a JSON merge patch.
pub fn strategic_merge(node: Option<Node<'_>>, current: &Value, patch: &Value) -> Result<Value, PatchError> {
    let (Some(current), Some(patch)) = (current.as_object(), patch.as_object()) else {
        return Err(PatchError(
            "unable to find api field in a patch that is no object".to_owned(),
        ));
    };
    merge_maps(node, current, patch).map(Value::Object)
}

fn merge_maps(
    node: Option<Node<'_>>,
    current: &Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<Map<String, Value>, PatchError> {
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        Some("replace") => {
            let mut out = patch.clone();
            out.shift_remove(DIRECTIVE);
            return Ok(out);
        }
        Some("delete") => return Ok(Map::new()),
        Some("merge") | None => {}
        Some(other) => return Err(PatchError(format!("Unknown patch directive: {other}"))),
    }
    let mut out = current.clone();
    if let Some(retained) = patch.get(RETAIN) {
        let keys = crate::meta::strings(Some(retained));
        out.retain(|key, _| keys.contains(&key.as_str()));
    }
    for (key, value) in patch {
        if key == DIRECTIVE || key == RETAIN || key.starts_with(ORDER_PREFIX) {
            continue;
        }
        if let Some(field) = key.strip_prefix(DELETE_PREFIX) {
            if let (Some(list), Some(gone)) =
                (out.get_mut(field).and_then(Value::as_array_mut), value.as_array())
            {
                list.retain(|item| !gone.contains(item));
            }
            continue;
        }
        let child = node.and_then(|n| n.field(key));
        match value {
            Value::Null => {
                out.shift_remove(key);
            }
            Value::Object(patch) => {
                let empty = Map::new();
                let exists = out.get(key).is_some_and(Value::is_object);
                let before = out.get(key).and_then(Value::as_object).unwrap_or(&empty);
                if patch.get(DIRECTIVE).and_then(Value::as_str) == Some("delete") && exists {
                    out.shift_remove(key);
                    continue;
                }
                let merged = merge_maps(child, before, patch)?;
                out.insert(key.clone(), Value::Object(merged));
            }
            Value::Array(patch) => {
                let before = out
                    .get(key)
                    .and_then(Value::as_array)
                    .map_or(&[][..], Vec::as_slice);
                let merged = match child {
                    Some(child) if child.is_merged() => merge_lists(child, before, patch)?,
                    _ => strip(patch),
                };
                out.insert(key.clone(), Value::Array(merged));
            }
            scalar => {
                out.insert(key.clone(), scalar.clone());
            }
        }
    }
    for (key, order) in patch {
        let (Some(field), Some(order)) = (key.strip_prefix(ORDER_PREFIX), order.as_array()) else {
            continue;
        };
        let merge_key = node.and_then(|n| n.field(field)).and_then(|n| n.merge_key());
        if let Some(list) = out.get_mut(field).and_then(Value::as_array_mut) {
            reorder(list, order, merge_key);
        }
    }
    Ok(out)
}

/// A list that replaces another: directives in it have no meaning any more.
fn strip(list: &[Value]) -> Vec<Value> {
    list.iter()
        .filter(|item| item.get(DIRECTIVE).is_none())
        .cloned()
        .collect()
}

fn merge_lists(node: Node<'_>, current: &[Value], patch: &[Value]) -> Result<Vec<Value>, PatchError> {
    let replace = patch.iter().any(|item| {
        item.get(DIRECTIVE).and_then(Value::as_str) == Some("replace")
            && item.as_object().is_some_and(|m| m.len() == 1)
    });
    if replace {
        return Ok(strip(patch));
    }
    let Some(key) = node.merge_key() else {
        let mut out = current.to_vec();
        for item in patch {
            if !out.contains(item) {
                out.push(item.clone());
            }
        }
        return Ok(out);
    };
    let mut out = current.to_vec();
    for item in patch {
        let Some(map) = item.as_object() else {
            return Err(PatchError(format!(
                "expected an object with merge key {key}, found {item}"
            )));
        };
        let Some(wanted) = map.get(key) else {
            return Err(PatchError(format!(
                "map: {item} does not contain declared merge key: {key}"
            )));
        };
        let position = out.iter().position(|have| have.get(key) == Some(wanted));
        match (map.get(DIRECTIVE).and_then(Value::as_str), position) {
            (Some("delete"), _) => out.retain(|have| have.get(key) != Some(wanted)),
            (Some("replace"), Some(position)) => out[position] = without_directive(map),
            (None | Some("merge"), Some(position)) => {
                let before = out[position].as_object().cloned().unwrap_or_default();
                let mut patch = map.clone();
                patch.shift_remove(DIRECTIVE);
                out[position] = Value::Object(merge_maps(node.items(), &before, &patch)?);
            }
            (None | Some("merge" | "replace"), None) => {
                let patch = without_directive(map);
                let empty = Map::new();
                let merged = merge_maps(node.items(), &empty, patch.as_object().unwrap_or(&empty))?;
                out.push(Value::Object(merged));
            }
            (Some(other), _) => return Err(PatchError(format!("Unknown patch directive: {other}"))),
        }
    }
    Ok(out)
}

fn without_directive(map: &Map<String, Value>) -> Value {
    let mut map = map.clone();
    map.shift_remove(DIRECTIVE);
    Value::Object(map)
}

/// Puts the items named in `order` into that order; others keep their places relative to their neighbours before.
fn reorder(list: &mut Vec<Value>, order: &[Value], merge_key: Option<&str>) {
    let same = |item: &Value, wanted: &Value| match merge_key {
        Some(key) => item.get(key).is_some() && item.get(key) == wanted.get(key),
        None => item == wanted,
    };
    let rank = |item: &Value| order.iter().position(|wanted| same(item, wanted));
    // An item that is not named goes right behind whatever stood before it.
    let mut last = 0;
    let mut ranked: Vec<(usize, usize, Value)> = std::mem::take(list)
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            if let Some(rank) = rank(&item) {
                last = rank + 1;
            }
            (rank(&item).map_or(last, |r| r + 1), index, item)
        })
        .collect();
    ranked.sort_by_key(|(rank, index, _)| (*rank, *index));
    list.extend(ranked.into_iter().map(|(_, _, item)| item));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Definitions;

    fn merge(current: Value, patch: Value) -> Value {
        let map = json!({
            "PodSpec": {"type": "object", "properties": {
                "containers": {
                    "type": "array", "items": {"$ref": "#/definitions/Container"},
                    "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name",
                },
                "tolerations": {"type": "array", "items": {"type": "object"}},
                "finalizers": {"type": "array", "items": {"type": "string"}, "x-kubernetes-patch-strategy": "merge"},
            }},
            "Container": {"type": "object", "properties": {"name": {"type": "string"}, "image": {"type": "string"}}},
        });
        let definitions = Definitions::new(map.as_object().unwrap().clone());
        strategic_merge(definitions.node("PodSpec"), &current, &patch).unwrap()
    }

    #[test]
    fn lists_with_a_key_merge_and_others_are_replaced() {
        let merged = merge(
            json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}], "tolerations": [{"key": "x"}]}),
            json!({"containers": [{"name": "b", "image": "2"}, {"name": "c"}], "tolerations": [{"key": "y"}]}),
        );
        assert_eq!(
            merged,
            json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}, {"name": "c"}], "tolerations": [{"key": "y"}]})
        );
    }

    #[test]
    fn directives_delete_replace_and_order() {
        let current = json!({"containers": [{"name": "a"}, {"name": "b"}], "finalizers": ["x", "y"], "other": {"p": 1}});
        assert_eq!(
            merge(
                current.clone(),
                json!({"containers": [{"name": "a", "$patch": "delete"}]})
            )["containers"],
            json!([{"name": "b"}])
        );
        assert_eq!(
            merge(current.clone(), json!({"other": {"$patch": "replace", "q": 2}}))["other"],
            json!({"q": 2})
        );
        assert_eq!(
            merge(
                current.clone(),
                json!({"$deleteFromPrimitiveList/finalizers": ["x"]})
            )["finalizers"],
            json!(["y"])
        );
        let ordered = merge(
            current,
            json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
        );
        assert_eq!(ordered["containers"], json!([{"name": "b"}, {"name": "a"}]));
    }
}
