//! All pods, from one shared watch, reduced to what decides.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;

use capstan_hpa::pod::Pod;
use capstan_kube::{Cluster, Followed, Seen};
use capstan_kubeapi::Selector;
use futures::{Stream, StreamExt};
use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::watch;

use crate::labels::{Labels, Pair, exact};

const PODS: Followed = Followed {
    group: "",
    version: "v1",
    plural: "pods",
    kind: "Pod",
};

/// So few pods are looked up each time.
const FEW: usize = 4;

/// The pods that a selector selects, by name.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    pub(crate) pods: Arc<[Pod]>,
    pub(crate) labels: Vec<Arc<Labels>>,
}

impl Selected {
    /// Of whole objects.
    pub(crate) fn of_objects(objects: &[Value]) -> Self {
        Self {
            pods: objects.iter().map(Pod::of_object).collect(),
            labels: objects
                .iter()
                .map(|object| Arc::new(Labels::of_object(object)))
                .collect(),
        }
    }
}

/// How far the watch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The first list is not complete.
    Starting,
    /// Pods are known.
    Complete,
    /// Pods may not be watched; they have to be listed each time.
    Refused,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Pods {
    namespaces: RwLock<HashMap<String, Namespace>>,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct Namespace {
    pods: HashMap<Arc<str>, Cached>,
    by_label: HashMap<Pair, HashSet<Arc<str>>>,
    /// What selectors selected since the last change.
    selected: HashMap<String, Arc<Selected>>,
}

#[derive(Debug)]
struct Cached {
    labels: Arc<Labels>,
    pod: Pod,
}

impl Default for Pods {
    fn default() -> Self {
        Self {
            namespaces: RwLock::default(),
            state: watch::Sender::new(State::Starting),
        }
    }
}

impl Pods {
    /// Follows the pods of a cluster until it is dropped.
    pub(crate) async fn follow(&self, cluster: &Cluster) {
        self.apply(pin!(cluster.follow(PODS))).await;
    }

    async fn apply(&self, mut stream: impl Stream<Item = Result<Seen, capstan_kube::Error>> + Unpin) {
        let mut listed: Option<HashMap<String, Namespace>> = None;
        while let Some(seen) = stream.next().await {
            match seen {
                Ok(Seen::Begin) => listed = Some(HashMap::new()),
                Ok(Seen::Listed(object)) => set(listed.get_or_insert_default(), &object),
                Ok(Seen::Complete) => {
                    if let Some(listed) = listed.take() {
                        *self.namespaces.write() = listed;
                    }
                    self.state.send_replace(State::Complete);
                }
                Ok(Seen::Changed(object)) => set(&mut self.namespaces.write(), &object),
                Ok(Seen::Gone(object)) => remove(&mut self.namespaces.write(), &object),
                Err(error) => {
                    if *self.state.borrow() == State::Starting {
                        tracing::warn!(%error, "pods cannot be watched and are listed each time");
                        self.state.send_replace(State::Refused);
                    }
                }
            }
        }
    }

    /// Waits until pods are known, or it is known that they cannot be watched.
    pub(crate) async fn settled(&self) {
        // The sender is in `self`, so that waiting does not end otherwise.
        let _ = self
            .state
            .subscribe()
            .wait_for(|state| *state != State::Starting)
            .await;
    }

    /// The pods of a namespace that a selector selects; `None` if pods cannot be watched. `text` is the selector's.
    pub(crate) fn select(&self, namespace: &str, text: &str, selector: &Selector) -> Option<Arc<Selected>> {
        if *self.state.borrow() != State::Complete {
            return None;
        }
        if let Some(space) = self.namespaces.read().get(namespace) {
            if let Some(selected) = space.selected.get(text) {
                return Some(Arc::clone(selected));
            }
            if space.is_found_at_once(selector) {
                return Some(Arc::new(space.matching(selector)));
            }
        } else {
            return Some(Arc::default());
        }
        let mut namespaces = self.namespaces.write();
        let Some(space) = namespaces.get_mut(namespace) else {
            return Some(Arc::default());
        };
        let selected = Arc::new(space.matching(selector));
        space.selected.insert(text.to_owned(), Arc::clone(&selected));
        Some(selected)
    }
}

impl Namespace {
    /// Whether a selector selects so few pods, found by their label, that keeping them costs more than it saves.
    fn is_found_at_once(&self, selector: &Selector) -> bool {
        exact(selector).is_some_and(|pair| self.by_label.get(&pair).is_none_or(|names| names.len() <= FEW))
    }

    fn matching(&self, selector: &Selector) -> Selected {
        let mut found: Vec<(&Arc<str>, &Cached)> = Vec::new();
        let matches = |cached: &&Cached| cached.labels.are_selected_by(selector);
        match exact(selector) {
            Some(pair) => {
                for name in self.by_label.get(&pair).into_iter().flatten() {
                    if let Some(cached) = self.pods.get(name).filter(matches) {
                        found.push((name, cached));
                    }
                }
            }
            None => found.extend(self.pods.iter().filter(|(_, cached)| matches(cached))),
        }
        found.sort_by_key(|(name, _)| *name);
        Selected {
            pods: found.iter().map(|(_, cached)| cached.pod.clone()).collect(),
            labels: found
                .iter()
                .map(|(_, cached)| Arc::clone(&cached.labels))
                .collect(),
        }
    }

    fn remove(&mut self, name: &str) {
        let Some((name, cached)) = self.pods.remove_entry(name) else {
            return;
        };
        for pair in cached.labels.pairs() {
            if let Some(names) = self.by_label.get_mut(pair) {
                names.remove(&name);
                if names.is_empty() {
                    self.by_label.remove(pair);
                }
            }
        }
    }
}

fn place(object: &Value) -> (&str, &str) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or("");
    (text("namespace"), text("name"))
}

fn set(namespaces: &mut HashMap<String, Namespace>, object: &Value) {
    let (namespace, name) = place(object);
    if !namespaces.contains_key(namespace) {
        namespaces.insert(namespace.to_owned(), Namespace::default());
    }
    let Some(space) = namespaces.get_mut(namespace) else {
        return;
    };
    let cached = Cached {
        labels: Arc::new(Labels::of_object(object)),
        pod: Pod::of_object(object),
    };
    // A pod's heartbeat changes nothing that decides.
    if space
        .pods
        .get(name)
        .is_some_and(|old| old.pod == cached.pod && old.labels == cached.labels)
    {
        return;
    }
    space.selected.clear();
    space.remove(name);
    let name: Arc<str> = name.into();
    for pair in cached.labels.pairs() {
        space
            .by_label
            .entry(pair.clone())
            .or_default()
            .insert(Arc::clone(&name));
    }
    space.pods.insert(name, cached);
}

fn remove(namespaces: &mut HashMap<String, Namespace>, object: &Value) {
    let (namespace, name) = place(object);
    if let Some(space) = namespaces.get_mut(namespace) {
        space.selected.clear();
        space.remove(name);
        if space.pods.is_empty() {
            namespaces.remove(namespace);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use serde_json::json;

    use super::*;

    fn pod(name: &str, app: &str, phase: &str) -> Value {
        json!({"metadata": {"namespace": "n", "name": name, "labels": {"app": app, "x": "y"}},
            "status": {"phase": phase}})
    }

    fn names(pods: &Pods, text: &str) -> Vec<String> {
        let selected = pods.select("n", text, &Selector::parse(text).unwrap()).unwrap();
        assert_eq!(selected.pods.len(), selected.labels.len());
        selected
            .pods
            .iter()
            .map(|pod| format!("{} {}", pod.name, pod.phase))
            .collect()
    }

    #[tokio::test]
    async fn selections_follow_the_watch_and_survive_a_relist() {
        let pods = Pods::default();
        assert!(
            pods.select("n", "", &Selector::everything()).is_none(),
            "not listed yet"
        );
        let first = [
            Seen::Begin,
            Seen::Listed(pod("b", "web", "Running")),
            Seen::Listed(pod("a", "web", "Pending")),
            Seen::Listed(pod("c", "db", "Running")),
            Seen::Complete,
        ];
        pods.apply(stream::iter(first.map(Ok))).await;
        assert_eq!(names(&pods, "app=web"), ["a Pending", "b Running"]);
        assert_eq!(names(&pods, "app!=web"), ["c Running"]);
        let changes = [
            Seen::Changed(pod("a", "web", "Running")),
            Seen::Changed(pod("b", "db", "Running")),
            Seen::Gone(pod("c", "db", "Running")),
        ];
        pods.apply(stream::iter(changes.map(Ok))).await;
        assert_eq!(names(&pods, "app=web"), ["a Running"]);
        assert_eq!(names(&pods, "app=db"), ["b Running"]);
        let again = [
            Seen::Begin,
            Seen::Listed(pod("d", "web", "Running")),
            Seen::Complete,
        ];
        pods.apply(stream::iter(again.map(Ok))).await;
        assert_eq!(names(&pods, "x"), ["d Running"]);
        pods.apply(stream::iter([Ok(Seen::Gone(pod("d", "web", "")))]))
            .await;
        assert!(names(&pods, "x").is_empty());
    }
}
