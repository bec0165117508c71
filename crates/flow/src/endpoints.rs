//! What `httpOut` nodes of one task publish (N-161).

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

/// Renders a published result.
pub trait Published: Send + Sync {
    /// Compact JSON: `{"series":[…]}`.
    fn render(&self) -> String;
}

type Named = (Arc<str>, Arc<dyn Published>);

/// The endpoints of a task by name. Clones share.
#[derive(Clone, Default)]
pub struct Endpoints {
    published: Arc<Mutex<Vec<Named>>>,
}

impl Endpoints {
    /// The result at `name` as compact JSON; `None` when no node publishes there.
    pub fn get(&self, name: &str) -> Option<String> {
        let found = self
            .published
            .lock()
            .iter()
            .find(|(known, _)| clean(known) == clean(name))
            .map(|(_, p)| Arc::clone(p));
        found.map(|published| published.render())
    }

    /// The names that are published, in the order of their nodes.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.published
            .lock()
            .iter()
            .map(|(name, _)| Arc::clone(name))
            .collect()
    }

    /// Publishes at `name`, which another node of the task may have: the later one wins.
    pub fn publish(&self, name: Arc<str>, published: Arc<dyn Published>) {
        let mut all = self.published.lock();
        all.retain(|(known, _)| clean(known) != clean(&name));
        all.push((name, published));
    }

    /// Forgets everything; called when the task stops.
    pub fn clear(&self) {
        self.published.lock().clear();
    }
}

/// Names are joined to a URL path, where leading and trailing slashes mean nothing.
fn clean(name: &str) -> &str {
    name.trim_matches('/')
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
