//! Kinds that somebody defined at run time: `CustomResourceDefinition`s and the resources they make (upstream
//! `apiextensions-apiserver`).
//!
//! All versions of a custom kind share one table, which belongs to no version: each version that is served is a view of
//! it. Conversion is the strategy `None`: only the apiVersion differs.
//!
//! | module | what |
//! |---|---|
//! | [`controller`] | accepts names, serves and stops serving, removes the objects of what is deleted |
//! | [`definition`] | from a definition to resources |

pub(crate) mod controller;
mod definition;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use capstan_kubeapi::resource::{builtin, find_kind_in};
use capstan_kubeapi::{Resource, ResourceType};
use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::watch;

/// Versions of custom kinds that one life of the process can see. What a kind is must outlive every request, so it is
/// never freed; the same definition made again is the same kind.
const MAX_VERSIONS: usize = 4096;

/// The kinds that are served now.
#[derive(Debug)]
pub(crate) struct Kinds {
    state: RwLock<State>,
    generation: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    /// By name of the definition.
    custom: BTreeMap<String, Served>,
    /// Every version ever seen, by what it was made from.
    known: HashMap<String, &'static ResourceType>,
    /// Built-in and custom resources.
    all: Arc<Vec<Resource>>,
}

/// A custom kind as it is served.
#[derive(Debug, Clone)]
struct Served {
    storage: Resource,
    versions: Vec<Resource>,
}

impl Default for Kinds {
    fn default() -> Self {
        let state = State {
            custom: BTreeMap::new(),
            known: HashMap::new(),
            all: Arc::new(builtin().to_vec()),
        };
        Self {
            state: RwLock::new(state),
            generation: watch::Sender::new(0),
        }
    }
}

impl Kinds {
    /// Every resource that is served: the built-in ones, then custom ones by name.
    pub(crate) fn all(&self) -> Arc<Vec<Resource>> {
        Arc::clone(&self.state.read().all)
    }

    /// Rises when a kind comes, goes or changes.
    pub(crate) fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// Tells when the kinds change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// The resource at a path's group, version and plural name.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Resource> {
        let all = self.all();
        all.iter()
            .copied()
            .find(|r| r.plural == plural && r.group == group && r.version == version)
    }

    /// The resource of a kind.
    pub(crate) fn find_kind(&self, api_version: &str, kind: &str) -> Option<Resource> {
        find_kind_in(&self.all(), api_version, kind)
    }

    /// The tables that objects are in.
    pub(crate) fn stored(&self) -> Vec<Resource> {
        let mut tables: Vec<Resource> = builtin()
            .iter()
            .copied()
            .filter(|r| r.is_stored() && r.stored_as.is_none())
            .collect();
        tables.extend(self.state.read().custom.values().map(|served| served.storage));
        tables
    }

    /// The table of a custom kind.
    fn storage_of(&self, definition: &str) -> Option<Resource> {
        self.state
            .read()
            .custom
            .get(definition)
            .map(|served| served.storage)
    }

    /// Serves what a definition defines, in place of what it defined before. `false` when there is no room.
    fn put(&self, name: &str, definition: &Value) -> bool {
        let mut state = self.state.write();
        let mut room = true;
        let served = {
            let known = &mut state.known;
            let mut intern = |key: String, make: &dyn Fn() -> ResourceType| -> Option<Resource> {
                if let Some(found) = known.get(&key) {
                    return Some(Resource(found));
                }
                if known.len() >= MAX_VERSIONS {
                    room = false;
                    return None;
                }
                let made: &'static ResourceType = Box::leak(Box::new(make()));
                known.insert(key, made);
                Some(Resource(made))
            };
            definition::resources(definition, &mut intern)
        };
        let Some((storage, versions)) = served else {
            return room;
        };
        state.custom.insert(name.to_owned(), Served { storage, versions });
        self.publish(&mut state);
        true
    }

    fn remove(&self, name: &str) {
        let mut state = self.state.write();
        if state.custom.remove(name).is_some() {
            self.publish(&mut state);
        }
    }

    fn publish(&self, state: &mut State) {
        let mut all = builtin().to_vec();
        all.extend(
            state
                .custom
                .values()
                .flat_map(|served| served.versions.iter().copied()),
        );
        if *state.all == all && state.all.iter().zip(&all).all(|(a, b)| std::ptr::eq(a.0, b.0)) {
            return;
        }
        state.all = Arc::new(all);
        self.generation.send_modify(|generation| *generation += 1);
    }
}
