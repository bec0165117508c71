//! Discovery with the groups of backends: merged into what this server serves itself, by priority.

use std::sync::Arc;

use capstan_kubeapi::{Resource, discovery};
use serde_json::{Map, Value, json};

use super::{Aggregator, Entry};

/// Priorities of this server's groups, as upstream registers them; what is not listed is a custom resource's.
pub(crate) fn local_priority(group: &str) -> i64 {
    match group {
        "" => 18_000,
        "apiregistration.k8s.io" => 20_000,
        "apps" => 17_800,
        "events.k8s.io" => 17_750,
        "authentication.k8s.io" => 17_700,
        "authorization.k8s.io" => 17_600,
        "autoscaling" => 17_500,
        "policy" => 17_100,
        "rbac.authorization.k8s.io" => 17_000,
        "apiextensions.k8s.io" => 16_700,
        "coordination.k8s.io" => 16_500,
        "discovery.k8s.io" => 16_200,
        "extensions" => 1_100,
        _ => 1_000,
    }
}

/// A group with its versions in order of preference.
struct Group {
    name: String,
    priority: i64,
    versions: Vec<Version>,
}

struct Version {
    name: String,
    priority: i64,
    /// `None` for a version of our own.
    backend: Option<Arc<Entry>>,
}

/// All groups, ours and others', in the order of `/apis`.
fn groups(resources: &[Resource], aggregator: Option<&Aggregator>) -> Vec<Group> {
    let mut groups: Vec<Group> = discovery::groups(resources)
        .into_iter()
        .map(|(name, versions)| {
            let count = versions.len();
            let versions = versions.into_iter().enumerate().map(|(index, version)| Version {
                name: version.to_owned(),
                priority: i64::try_from(count - index).unwrap_or(1) * 10,
                backend: None,
            });
            Group {
                name: name.to_owned(),
                priority: local_priority(name),
                versions: versions.collect(),
            }
        })
        .collect();
    for entry in aggregator.map(Aggregator::entries).unwrap_or_default() {
        let version = Version {
            name: entry.version.clone(),
            priority: entry.version_priority,
            backend: Some(Arc::clone(&entry)),
        };
        match groups.iter_mut().find(|g| g.name == entry.group) {
            Some(group) => {
                group.versions.retain(|v| v.name != version.name);
                group.versions.push(version);
                group.priority = group.priority.max(entry.group_priority);
            }
            None => groups.push(Group {
                name: entry.group.clone(),
                priority: entry.group_priority,
                versions: vec![version],
            }),
        }
    }
    for group in &mut groups {
        group.versions.sort_by(|a, b| {
            let by_name = || {
                maturity(&b.name)
                    .cmp(&maturity(&a.name))
                    .then(a.name.cmp(&b.name))
            };
            b.priority.cmp(&a.priority).then_with(by_name)
        });
    }
    groups.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
    groups
}

/// How a version's name ranks among those of equal priority: `v10` before `v2` before `v2beta1` before `v1alpha1`, and
/// everything else last (apimachinery `version.CompareKubeAwareVersionStrings`).
pub(crate) fn maturity(version: &str) -> (u8, u64, u64) {
    let none = (0, 0, 0);
    let Some(rest) = version.strip_prefix('v') else {
        return none;
    };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (major, rest) = rest.split_at(digits);
    let Ok(major) = major.parse() else { return none };
    if rest.is_empty() {
        return (3, major, 0);
    }
    for (rank, word) in [(2, "beta"), (1, "alpha")] {
        if let Some(minor) = rest.strip_prefix(word)
            && let Ok(minor) = minor.parse()
        {
            return (rank, major, minor);
        }
    }
    none
}

fn group_fields(group: &Group) -> Map<String, Value> {
    let entry = |version: &Version| json!({"groupVersion": format!("{}/{}", group.name, version.name), "version": version.name});
    let mut fields = Map::new();
    fields.insert("name".to_owned(), json!(group.name));
    fields.insert("versions".to_owned(), group.versions.iter().map(entry).collect());
    fields.insert(
        "preferredVersion".to_owned(),
        group.versions.first().map_or(Value::Null, entry),
    );
    fields
}

/// `/apis`.
pub(crate) fn group_list(resources: &[Resource], aggregator: Option<&Aggregator>) -> Value {
    let groups: Vec<Value> = groups(resources, aggregator)
        .iter()
        .map(|group| Value::Object(group_fields(group)))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub(crate) fn group(resources: &[Resource], aggregator: Option<&Aggregator>, name: &str) -> Option<Value> {
    let groups = groups(resources, aggregator);
    let group = groups.iter().find(|g| g.name == name)?;
    let mut fields = Map::new();
    fields.insert("kind".to_owned(), "APIGroup".into());
    fields.insert("apiVersion".to_owned(), "v1".into());
    fields.append(&mut group_fields(group));
    Some(Value::Object(fields))
}

/// `/apis` as an `APIGroupDiscoveryList`. Versions whose backend is away are stale and list nothing.
pub(crate) fn aggregated(resources: &[Resource], aggregator: Option<&Aggregator>, version: &str) -> Value {
    let items: Vec<Value> = groups(resources, aggregator)
        .iter()
        .map(|group| {
            let versions: Vec<Value> = group
                .versions
                .iter()
                .map(|version| aggregated_version(resources, group, version))
                .collect();
            json!({"metadata": {"name": group.name}, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items,
    })
}

fn aggregated_version(resources: &[Resource], group: &Group, version: &Version) -> Value {
    let (list, current) = match &version.backend {
        None => (
            discovery::aggregated_resources(resources, &group.name, &version.name),
            true,
        ),
        Some(entry) => {
            let state = entry.state.read().clone();
            let current = state.available && state.resources.is_some();
            (state.resources.unwrap_or_default(), current)
        }
    };
    let mut out = Map::new();
    out.insert("version".to_owned(), json!(version.name));
    if !list.is_empty() {
        out.insert("resources".to_owned(), Value::Array(list));
    }
    let freshness = if current { "Current" } else { "Stale" };
    out.insert("freshness".to_owned(), json!(freshness));
    Value::Object(out)
}

/// The resources that a backend's own `APIGroupDiscoveryList` has for a version.
pub(super) fn resources_in(document: &Value, group: &str, version: &str) -> Option<Vec<Value>> {
    let list = |value: &Value, field: &str| {
        value
            .get(field)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let item = list(document, "items")
        .into_iter()
        .find(|item| item.pointer("/metadata/name").and_then(Value::as_str) == Some(group))?;
    let found = list(&item, "versions")
        .into_iter()
        .find(|v| v.get("version").and_then(Value::as_str) == Some(version))?;
    Some(list(&found, "resources"))
}

/// The resources of an `APIResourceList` in the form of aggregated discovery (apiserver
/// `ConvertGroupVersionIntoToDiscovery`): subresources go below their parent, which is made up if it is not there.
pub(super) fn resources_of_list(list: &Value, group: &str, version: &str) -> Vec<Value> {
    let resources = list
        .get("resources")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let text = |resource: &Value, field: &str| {
        resource
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let kind = |resource: &Value| {
        let or = |field: &str, default: &str| match text(resource, field).as_str() {
            "" => default.to_owned(),
            given => given.to_owned(),
        };
        json!({"group": or("group", group), "version": or("version", version), "kind": text(resource, "kind")})
    };
    let scope = |resource: &Value| {
        if resource.get("namespaced").and_then(Value::as_bool) == Some(true) {
            "Namespaced"
        } else {
            "Cluster"
        }
    };
    let mut out: Vec<Value> = Vec::new();
    for resource in resources.iter().filter(|r| !text(r, "name").contains('/')) {
        let mut entry = json!({
            "resource": text(resource, "name"),
            "responseKind": kind(resource),
            "scope": scope(resource),
            "singularResource": text(resource, "singularName"),
            "verbs": resource.get("verbs").cloned().unwrap_or_else(|| json!([])),
        });
        for field in ["shortNames", "categories"] {
            if let Some(value) = resource.get(field) {
                entry[field] = value.clone();
            }
        }
        out.push(entry);
    }
    for resource in &resources {
        let name = text(resource, "name");
        let Some((parent, sub)) = name.split_once('/') else {
            continue;
        };
        let index = out
            .iter()
            .position(|entry| text(entry, "resource") == parent)
            .unwrap_or_else(|| {
                out.push(json!({
                    "resource": parent,
                    "responseKind": {"group": "", "version": "", "kind": ""},
                    "scope": scope(resource),
                    "singularResource": "",
                    "verbs": [],
                }));
                out.len() - 1
            });
        let entry = json!({
            "subresource": sub,
            "responseKind": kind(resource),
            "verbs": resource.get("verbs").cloned().unwrap_or_else(|| json!([])),
        });
        if let Some(map) = out[index].as_object_mut()
            && let Some(list) = map
                .entry("subresources")
                .or_insert_with(|| json!([]))
                .as_array_mut()
        {
            list.push(entry);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_equal_priority_go_by_maturity() {
        let mut versions = ["v1alpha1", "v2", "foo", "v1beta2", "v10", "v1beta10"];
        versions.sort_by_key(|version| std::cmp::Reverse(maturity(version)));
        assert_eq!(versions, ["v10", "v2", "v1beta10", "v1beta2", "v1alpha1", "foo"]);
    }

    #[test]
    fn a_subresource_finds_or_makes_its_parent() {
        let list = json!({"resources": [
            {"name": "pods/http_requests", "singularName": "", "namespaced": true, "kind": "MetricValueList", "verbs": ["get"]},
            {"name": "nodes", "singularName": "", "namespaced": false, "kind": "NodeMetrics", "verbs": ["get", "list"]},
        ]});
        let out = resources_of_list(&list, "g", "v1");
        assert_eq!(
            out[0]["responseKind"],
            json!({"group": "g", "version": "v1", "kind": "NodeMetrics"})
        );
        assert_eq!(out[1]["resource"], "pods");
        assert_eq!(out[1]["scope"], "Namespaced");
        assert_eq!(out[1]["subresources"][0]["subresource"], "http_requests");
    }
}
