//! Which pods each HPA selects, as far as each has said so in a sync of its own (upstream: `hpaSelectors`).

use std::collections::{BTreeSet, HashMap, HashSet};

use capstan_kubeapi::Selector;
use parking_lot::Mutex;
use serde_json::{Map, Value};

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
    exact: HashMap<(String, String), HashSet<Key>>,
    /// Keys of the others.
    loose: HashSet<Key>,
}

impl Namespace {
    fn remove(&mut self, key: &Key) {
        let Some((_, selector)) = self.selectors.remove(key) else {
            return;
        };
        match selector.exact() {
            Some((label, value)) => {
                let pair = (label.to_owned(), value.to_owned());
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
        labels: impl IntoIterator<Item = Option<&'l Map<String, Value>>>,
    ) -> Vec<String> {
        let mut namespaces = self.namespaces.lock();
        let namespace = namespaces.entry(key.namespace.to_string()).or_default();
        if namespace.selectors.get(key).is_none_or(|(old, _)| old != text) {
            namespace.remove(key);
            match selector.exact() {
                Some((label, value)) => {
                    let pair = (label.to_owned(), value.to_owned());
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
        let mut pair = (String::new(), String::new());
        for labels in labels {
            let mut look = |candidates: &mut dyn Iterator<Item = &Key>| {
                for candidate in candidates {
                    // What is kept under a pair of labels is among the selectors.
                    let matches = namespace
                        .selectors
                        .get_key_value(candidate)
                        .filter(|(_, (_, selector))| selector.matches(labels));
                    if let Some((candidate, _)) = matches {
                        found.insert(candidate);
                    }
                }
            };
            look(&mut namespace.loose.iter());
            for (label, value) in labels.into_iter().flatten() {
                label.clone_into(&mut pair.0);
                value.as_str().unwrap_or("").clone_into(&mut pair.1);
                if let Some(keys) = namespace.exact.get(&pair) {
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
        ];
        let register = |namespace: &str, name: &str, text: &str| {
            let selector = Selector::parse(text).unwrap();
            let labels = pods.iter().map(Value::as_object);
            selectors.register(&Key::new(Kind::Hpa, namespace, name), text, &selector, labels)
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
