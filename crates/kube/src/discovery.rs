//! Which resource a script's word for a kind means. Any kind that has a scale subresource will do (N-182, N-210).

use std::collections::HashMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroupList, APIResource, APIResourceList};

use crate::connect::{Call, Cluster};
use crate::error::{Error, Reason};

/// A resource that has a scale subresource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScalableKind {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    /// `replicasets`.
    pub plural: String,
    /// `ReplicaSet`.
    pub kind: String,
    /// Whether the API offers a watch.
    pub watch: bool,
}

impl ScalableKind {
    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The path of an object of this kind.
    pub(crate) fn path(&self, namespace: &str, name: &str) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        format!(
            "{root}/{}/namespaces/{namespace}/{}/{name}",
            self.api_version(),
            self.plural
        )
    }
}

#[derive(Debug, Default)]
pub(crate) struct KindCache {
    known: HashMap<String, ScalableKind>,
}

impl Cluster {
    /// The resource that `word` means: plural, singular, kind or short name in any case; `group/plural` picks a
    /// group. Among several groups `apps` wins, then core, then the others by name; `extensions` comes last.
    pub async fn scalable_kind(&self, word: &str) -> Result<ScalableKind, Error> {
        let key = word.to_ascii_lowercase();
        if let Some(known) = self.kinds.lock().known.get(&key) {
            return Ok(known.clone());
        }
        let mut all = self.scalable_kinds().await?;
        all.sort_by_key(|(kind, _)| rank(&kind.group));
        if let Some((kind, _)) = all.iter().find(|(kind, resource)| matches(&key, kind, resource)) {
            self.kinds.lock().known.insert(key, kind.clone());
            return Ok(kind.clone());
        }
        let mut names: Vec<_> = all.iter().map(|(kind, _)| kind.plural.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let names = names.join(", ");
        let message = format!("no resource {word:?} with a scale subresource; the cluster has: {names}");
        Err(Error::new(Reason::NotFound, message))
    }

    async fn scalable_kinds(&self) -> Result<Vec<(ScalableKind, APIResource)>, Error> {
        let mut found = Vec::new();
        let core: APIResourceList = self.request(&discovery_call("/api/v1".to_owned())).await?;
        collect("", "v1", core, &mut found);
        let groups: APIGroupList = self.request(&discovery_call("/apis".to_owned())).await?;
        for group in groups.groups {
            let Some(version) = group
                .preferred_version
                .or_else(|| group.versions.first().cloned())
            else {
                continue;
            };
            let path = format!("/apis/{}", version.group_version);
            // A group whose server is down must not hide the others.
            match self.request::<APIResourceList>(&discovery_call(path)).await {
                Ok(list) => collect(&group.name, &version.version, list, &mut found),
                Err(error) => tracing::debug!(group = group.name, %error, "discovery of a group failed"),
            }
        }
        Ok(found)
    }
}

fn discovery_call(path: String) -> Call<'static> {
    Call::get(path, "get", "discovery", "")
}

fn collect(group: &str, version: &str, list: APIResourceList, found: &mut Vec<(ScalableKind, APIResource)>) {
    let scalable: Vec<String> = list
        .resources
        .iter()
        .filter_map(|r| r.name.strip_suffix("/scale").map(str::to_owned))
        .collect();
    for resource in list.resources {
        if !resource.namespaced || !scalable.contains(&resource.name) {
            continue;
        }
        let kind = ScalableKind {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: resource.name.clone(),
            kind: resource.kind.clone(),
            watch: resource.verbs.iter().any(|verb| verb == "watch"),
        };
        found.push((kind, resource));
    }
}

fn rank(group: &str) -> (u8, String) {
    let first = match group {
        "apps" => 0,
        "" => 1,
        "extensions" => 3,
        _ => 2,
    };
    (first, group.to_owned())
}

fn matches(word: &str, kind: &ScalableKind, resource: &APIResource) -> bool {
    let word = match word.rsplit_once('/') {
        Some((group, word)) if group == kind.group => word,
        Some(_) => return false,
        None => word,
    };
    word == kind.plural
        || word == resource.singular_name
        || word.eq_ignore_ascii_case(&kind.kind)
        || resource.short_names.iter().flatten().any(|short| short == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(group: &str, plural: &str, kind: &str) -> (ScalableKind, APIResource) {
        let scalable = ScalableKind {
            group: group.into(),
            version: "v1".into(),
            plural: plural.into(),
            kind: kind.into(),
            watch: true,
        };
        let resource = APIResource {
            name: plural.into(),
            singular_name: kind.to_lowercase(),
            kind: kind.into(),
            short_names: Some(vec!["rs".into()]),
            ..APIResource::default()
        };
        (scalable, resource)
    }

    #[test]
    fn every_spelling_of_a_kind_is_understood() {
        let (replicasets, resource) = kind("apps", "replicasets", "ReplicaSet");
        for word in ["replicasets", "replicaset", "rs", "apps/replicasets"] {
            assert!(matches(word, &replicasets, &resource), "{word}");
        }
        for word in ["deployments", "extensions/replicasets", ""] {
            assert!(!matches(word, &replicasets, &resource), "{word}");
        }
    }

    #[test]
    fn apps_comes_before_core_and_extensions_last() {
        let mut groups = ["extensions", "example.com", "", "apps"];
        groups.sort_by_key(|group| rank(group));
        assert_eq!(groups, ["apps", "", "example.com", "extensions"]);
    }

    #[test]
    fn paths_follow_the_group() {
        let (replicasets, _) = kind("apps", "replicasets", "ReplicaSet");
        assert_eq!(
            replicasets.path("ns", "app"),
            "/apis/apps/v1/namespaces/ns/replicasets/app"
        );
        let (controllers, _) = kind("", "replicationcontrollers", "ReplicationController");
        assert_eq!(
            controllers.path("ns", "app"),
            "/api/v1/namespaces/ns/replicationcontrollers/app"
        );
    }
}
