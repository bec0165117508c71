//! Which pods each HPA selects, as far as each has said so in a sync of its own (upstream: `hpaSelectors`).

use std::collections::{BTreeSet, HashMap, HashSet};

use capstan_kubeapi::Selector;
use parking_lot::Mutex;

use crate::labels::{Labels, Pair, exact};
use crate::subject::Key;

/// Selectors by namespace. Looking for rivals costs as much as there are labels on the pods, not HPAs.
#[derive(Debug, Default)]
pub(crate) struct Selectors {
    namespaces: Mutex<HashMap<String, Namespace>>,
}

#[derive(Debug, Default)]
struct Namespace {
    selectors: HashMap<Key, (String, Selector)>,
    /// Keys of selectors that ask for one value of a label.
    exact: HashMap<Pair, HashSet<Key>>,
    /// Keys of the others.
    loose: HashSet<Key>,
}

impl Namespace {
    fn remove(&mut self, key: &Key) {
        let Some((_, selector)) = self.selectors.remove(key) else {
            return;
        };
        match exact(&selector) {
            Some(pair) => {
                if let Some(keys) = self.exact.get_mut(&pair) {
                    keys.remove(key);
                    if keys.is_empty() {
                        self.exact.remove(&pair);
                    }
                }
            }
            None => {
                self.loose.remove(key);
            }
        }
    }
}

impl Selectors {
    /// Notes the selector of an HPA and gives `namespace/name` of the others that select a pod with any of these labels.
    pub(crate) fn register<'l>(
        &self,
        key: &Key,
        text: &str,
        selector: &Selector,
        labels: impl IntoIterator<Item = &'l Labels>,
    ) -> Vec<String> {
        let mut namespaces = self.namespaces.lock();
        let namespace = namespaces.entry(key.namespace.to_string()).or_default();
        if namespace.selectors.get(key).is_none_or(|(old, _)| old != text) {
            namespace.remove(key);
            match exact(selector) {
                Some(pair) => {
                    namespace.exact.entry(pair).or_default().insert(key.clone());
                }
                None => {
                    namespace.loose.insert(key.clone());
                }
            }
            namespace
                .selectors
                .insert(key.clone(), (text.to_owned(), selector.clone()));
        }
        let mut found: BTreeSet<&Key> = BTreeSet::new();
        for labels in labels {
            let mut look = |candidates: &mut dyn Iterator<Item = &Key>| {
                for candidate in candidates {
                    // What is kept under a pair of labels is among the selectors.
                    let matches = namespace
                        .selectors
                        .get_key_value(candidate)
                        .filter(|(_, (_, selector))| labels.are_selected_by(selector));
                    if let Some((candidate, _)) = matches {
                        found.insert(candidate);
                    }
                }
            };
            look(&mut namespace.loose.iter());
            for pair in labels.pairs() {
                if let Some(keys) = namespace.exact.get(pair) {
                    look(&mut keys.iter());
                }
            }
        }
        let mut rivals: Vec<String> = found
            .into_iter()
            .filter(|other| *other != key)
            .map(|other| format!("{}/{}", other.namespace, other.name))
            .collect();
        rivals.sort();
        rivals
    }

    /// Forgets the selector of an HPA.
    pub(crate) fn remove(&self, key: &Key) {
        let mut namespaces = self.namespaces.lock();
        if let Some(namespace) = namespaces.get_mut(&*key.namespace) {
            namespace.remove(key);
            if namespace.selectors.is_empty() {
                namespaces.remove(&*key.namespace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::subject::Kind;

    #[test]
    fn rivals_are_those_that_select_one_of_the_pods() {
        let selectors = Selectors::default();
        let pods = [
            json!({"app": "web", "tier": "a"}),
            json!({"app": "web", "tier": "b"}),
        ]
        .map(|map| Labels::of(map.as_object().unwrap()));
        let register = |namespace: &str, name: &str, text: &str| {
            let selector = Selector::parse(text).unwrap();
            selectors.register(&Key::new(Kind::Hpa, namespace, name), text, &selector, &pods)
        };
        assert!(
            register("n", "a", "app=web").is_empty(),
            "the first knows of nobody"
        );
        assert_eq!(register("n", "b", "tier in (b,c)"), ["n/a"]);
        assert_eq!(register("n", "c", "app=other"), ["n/a", "n/b"]);
        assert_eq!(
            register("n", "a", "app=web"),
            ["n/b"],
            "c selects none of the pods"
        );
        assert!(register("m", "a", "app=web").is_empty(), "another namespace");
        selectors.remove(&Key::new(Kind::Hpa, "n", "b"));
        assert!(register("n", "a", "app=web").is_empty());
        assert!(register("n", "a", "app=else").is_empty());
        assert!(
            register("n", "c", "app=web").is_empty(),
            "a's selector has changed"
        );
    }
}
