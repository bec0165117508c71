//! Which objects are targeted by `HorizontalPodAutoscaler`s, ours or not: nobody else may act on those.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::Value;

use crate::subject::{Key, Kind};

/// An object by namespace, API group, kind and name. The version does not tell objects apart.
pub(crate) type Target = (String, String, String, String);

/// The target that a `scaleTargetRef` in a namespace names.
pub(crate) fn target(namespace: &str, api_version: &str, kind: &str, name: &str) -> Target {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    (
        namespace.to_owned(),
        group.to_owned(),
        kind.to_owned(),
        name.to_owned(),
    )
}

/// The targets of all HPAs.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether all HPAs have been seen.
    known: bool,
    of: HashMap<Key, Arc<Target>>,
    by: HashMap<Arc<Target>, Vec<Key>>,
}

impl State {
    fn remove(&mut self, key: &Key) {
        if let Some(target) = self.of.remove(key)
            && let Some(keys) = self.by.get_mut(&target)
        {
            keys.retain(|other| other != key);
            if keys.is_empty() {
                self.by.remove(&target);
            }
        }
    }
}

impl Targets {
    /// Notes the target of an HPA.
    pub(crate) fn set(&self, hpa: &Value) {
        let key = Key::of_object(Kind::Hpa, hpa);
        let text = |field: &str| hpa["spec"]["scaleTargetRef"][field].as_str().unwrap_or("");
        let target = target(&key.namespace, text("apiVersion"), text("kind"), text("name"));
        let mut state = self.state.write();
        if state.of.get(&key).is_some_and(|known| **known == target) {
            return;
        }
        state.remove(&key);
        let target = Arc::new(target);
        state.by.entry(Arc::clone(&target)).or_default().push(key.clone());
        state.of.insert(key, target);
    }

    /// An HPA is gone.
    pub(crate) fn remove(&self, key: &Key) {
        self.state.write().remove(key);
    }

    /// All HPAs have been seen; those that are not among these are gone.
    pub(crate) fn complete(&self, seen: &std::collections::HashSet<Key>) {
        let mut state = self.state.write();
        let gone: Vec<Key> = state
            .of
            .keys()
            .filter(|key| !seen.contains(*key))
            .cloned()
            .collect();
        for key in gone {
            state.remove(&key);
        }
        state.known = true;
    }

    /// HPAs cannot be seen any more.
    pub(crate) fn lost(&self) {
        self.state.write().known = false;
    }

    /// The HPAs that target an object, as `namespace/name`; `None` when that is not known.
    pub(crate) fn hpas(&self, target: &Target) -> Option<Vec<String>> {
        let state = self.state.read();
        let named = |key: &Key| format!("{}/{}", key.namespace, key.name);
        if !state.known {
            return None;
        }
        let mut found: Vec<String> = state.by.get(target).into_iter().flatten().map(named).collect();
        found.sort();
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn hpas_are_found_by_what_they_target_whatever_the_version() {
        let targets = Targets::default();
        let hpa = |name: &str, version: &str, target: &str| {
            json!({"metadata": {"namespace": "n", "name": name},
                "spec": {"scaleTargetRef": {"apiVersion": version, "kind": "Deployment", "name": target}}})
        };
        let web = target("n", "apps/v1", "Deployment", "web");
        targets.set(&hpa("a", "apps/v1beta1", "web"));
        targets.set(&hpa("b", "example.com/v1", "web"));
        assert_eq!(targets.hpas(&web), None, "there may be others");
        let keys = ["a", "b"].map(|name| Key::new(Kind::Hpa, "n", name));
        targets.complete(&HashSet::from(keys.clone()));
        assert_eq!(targets.hpas(&web), Some(vec!["n/a".to_owned()]));
        targets.set(&hpa("a", "apps/v1", "other"));
        assert_eq!(targets.hpas(&web), Some(Vec::new()));
        targets.set(&hpa("b", "apps/v1", "web"));
        targets.remove(&keys[1]);
        assert_eq!(targets.hpas(&web), Some(Vec::new()));
        targets.set(&hpa("b", "apps/v1", "web"));
        targets.complete(&HashSet::new());
        assert_eq!(targets.hpas(&web), Some(Vec::new()));
        targets.lost();
        assert_eq!(targets.hpas(&web), None);
    }
}
