//! Discovery documents, legacy and aggregated, from the table of kinds.

use serde_json::{Map, Value, json};

use crate::resource::{Resource, SubresourceType, api_version};

/// The groups of `resources` in their order, each with its versions in order of preference. The core group is left out.
pub fn groups(resources: &[Resource]) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    for resource in resources.iter().filter(|r| !r.group.is_empty()) {
        match groups.iter_mut().find(|(group, _)| *group == resource.group) {
            Some((_, versions)) => {
                if !versions.contains(&resource.version) {
                    versions.push(resource.version);
                }
            }
            None => groups.push((resource.group, vec![resource.version])),
        }
    }
    groups
}

/// `/api`. `server_address` is where the server listens.
pub fn api_versions(server_address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}],
    })
}

fn group_fields(group: &str, versions: &[&str]) -> Map<String, Value> {
    let entry = |version: &&str| json!({"groupVersion": api_version(group, version), "version": version});
    let mut fields = Map::new();
    fields.insert("name".to_owned(), group.into());
    fields.insert("versions".to_owned(), versions.iter().map(entry).collect());
    fields.insert(
        "preferredVersion".to_owned(),
        versions.first().map_or(Value::Null, entry),
    );
    fields
}

/// `/apis`.
pub fn group_list(resources: &[Resource]) -> Value {
    let groups: Vec<Value> = groups(resources)
        .iter()
        .map(|(group, versions)| Value::Object(group_fields(group, versions)))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`; `None` when there is no such group.
pub fn group(resources: &[Resource], name: &str) -> Option<Value> {
    let (group, versions) = groups(resources).into_iter().find(|(group, _)| *group == name)?;
    let mut fields = Map::new();
    fields.insert("kind".to_owned(), "APIGroup".into());
    fields.insert("apiVersion".to_owned(), "v1".into());
    fields.append(&mut group_fields(group, &versions));
    Some(Value::Object(fields))
}

/// `/api/v1` or `/apis/GROUP/VERSION`; `None` when nothing is there.
pub fn resource_list(resources: &[Resource], group: &str, version: &str) -> Option<Value> {
    let mut list = Vec::new();
    for resource in resources
        .iter()
        .filter(|r| r.group == group && r.version == version)
    {
        let mut entry = Map::new();
        entry.insert("name".to_owned(), resource.plural.into());
        entry.insert("singularName".to_owned(), resource.singular.into());
        entry.insert("namespaced".to_owned(), resource.namespaced.into());
        entry.insert("kind".to_owned(), resource.kind.into());
        entry.insert("verbs".to_owned(), json!(resource.verbs));
        names(&mut entry, *resource);
        if !resource.storage_version_hash.is_empty() {
            entry.insert(
                "storageVersionHash".to_owned(),
                resource.storage_version_hash.into(),
            );
        }
        list.push(Value::Object(entry));
        for subresource in resource.subresources {
            let mut entry = Map::new();
            entry.insert(
                "name".to_owned(),
                format!("{}/{}", resource.plural, subresource.name).into(),
            );
            entry.insert("singularName".to_owned(), "".into());
            entry.insert("namespaced".to_owned(), resource.namespaced.into());
            if let Some((group, version, _)) = subresource.gvk {
                entry.insert("group".to_owned(), group.into());
                entry.insert("version".to_owned(), version.into());
            }
            entry.insert(
                "kind".to_owned(),
                subresource.gvk.map_or(resource.kind, |(_, _, kind)| kind).into(),
            );
            entry.insert("verbs".to_owned(), json!(subresource.verbs));
            list.push(Value::Object(entry));
        }
    }
    if list.is_empty() {
        return None;
    }
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version(group, version),
        "resources": list,
    }))
}

fn names(entry: &mut Map<String, Value>, resource: Resource) {
    if !resource.short_names.is_empty() {
        entry.insert("shortNames".to_owned(), json!(resource.short_names));
    }
    if !resource.categories.is_empty() {
        entry.insert("categories".to_owned(), json!(resource.categories));
    }
}

/// `/api` (`core`) or `/apis` as one `APIGroupDiscoveryList` of `apidiscovery.k8s.io/<version>`.
pub fn aggregated(resources: &[Resource], core: bool, version: &str) -> Value {
    let items: Vec<Value> = if core {
        vec![aggregated_group(resources, "", &["v1"])]
    } else {
        groups(resources)
            .iter()
            .map(|(group, versions)| aggregated_group(resources, group, versions))
            .collect()
    };
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items,
    })
}

/// The resources of a group's version in the form of aggregated discovery.
pub fn aggregated_resources(resources: &[Resource], group: &str, version: &str) -> Vec<Value> {
    resources
        .iter()
        .filter(|r| r.group == group && r.version == version)
        .map(|r| aggregated_resource(*r))
        .collect()
}

fn aggregated_group(resources: &[Resource], group: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| {
            let list = aggregated_resources(resources, group, version);
            json!({"version": version, "resources": list, "freshness": "Current"})
        })
        .collect();
    let metadata = if group.is_empty() {
        json!({})
    } else {
        json!({"name": group})
    };
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_resource(resource: Resource) -> Value {
    let kind = |gvk: Option<(&str, &str, &str)>| {
        // Its own group and version are left empty: upstream fills in only what differs.
        let (group, version, kind) = gvk.unwrap_or(("", "", resource.kind));
        json!({"group": group, "version": version, "kind": kind})
    };
    let mut entry = Map::new();
    entry.insert("resource".to_owned(), resource.plural.into());
    entry.insert("responseKind".to_owned(), kind(None));
    entry.insert(
        "scope".to_owned(),
        if resource.namespaced {
            "Namespaced"
        } else {
            "Cluster"
        }
        .into(),
    );
    entry.insert("singularResource".to_owned(), resource.singular.into());
    entry.insert("verbs".to_owned(), json!(resource.verbs));
    names(&mut entry, resource);
    if !resource.subresources.is_empty() {
        let of = |s: &SubresourceType| json!({"subresource": s.name, "responseKind": kind(s.gvk), "verbs": s.verbs});
        entry.insert(
            "subresources".to_owned(),
            resource.subresources.iter().map(of).collect(),
        );
    }
    Value::Object(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle;
    use crate::resource::builtin;

    fn golden(name: &str) -> Option<Value> {
        let Some(root) = oracle::shared() else {
            println!("skipped: no shared test data for {name}");
            return None;
        };
        let text = std::fs::read_to_string(root.join("hpa/golden/discovery").join(name)).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        Some(file["response"]["body"].clone())
    }

    fn by_name<'a>(list: &'a Value, field: &str, name: &Value) -> Option<&'a Value> {
        list.as_array()
            .unwrap()
            .iter()
            .find(|entry| entry[field] == *name)
    }

    #[test]
    fn what_we_list_is_what_the_real_server_lists() {
        for (file, group, version) in [
            ("api-v1.json", "", "v1"),
            ("apis-apps-v1.json", "apps", "v1"),
            ("apis-events-v1.json", "events.k8s.io", "v1"),
        ] {
            let Some(real) = golden(file) else { return };
            let ours = resource_list(builtin(), group, version).unwrap();
            assert_eq!(ours["groupVersion"], real["groupVersion"]);
            for entry in ours["resources"].as_array().unwrap() {
                assert_eq!(
                    Some(entry),
                    by_name(&real["resources"], "name", &entry["name"]),
                    "{file}"
                );
            }
        }
    }

    #[test]
    fn aggregated_groups_look_like_the_real_ones() {
        let Some(real) = golden("apis-aggregated.json") else {
            return;
        };
        let ours = aggregated(builtin(), false, "v2");
        for group in ours["items"].as_array().unwrap() {
            let Some(theirs) = real["items"]
                .as_array()
                .unwrap()
                .iter()
                .find(|g| g["metadata"] == group["metadata"])
            else {
                assert_eq!(
                    group["metadata"]["name"], "extensions",
                    "only the old group is ours alone"
                );
                continue;
            };
            for resource in group["versions"][0]["resources"].as_array().unwrap() {
                let found = by_name(
                    &theirs["versions"][0]["resources"],
                    "resource",
                    &resource["resource"],
                );
                assert_eq!(Some(resource), found);
            }
        }
    }
}
