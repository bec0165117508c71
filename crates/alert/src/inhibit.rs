//! Alerts that silence others.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use capstan_model::Tags;
use parking_lot::RwLock;

/// One group of an alert that inhibits a category, for as long as it is not OK.
#[derive(Debug)]
pub struct Inhibitor {
    category: Arc<str>,
    /// Tags that must be equal, and their values in this group; a missing tag equals an empty one.
    tags: Vec<(Arc<str>, Arc<str>)>,
    active: AtomicBool,
}

impl Inhibitor {
    /// Inhibits nothing yet.
    pub fn new(category: Arc<str>, tags: Vec<(Arc<str>, Arc<str>)>) -> Arc<Self> {
        Arc::new(Self {
            category,
            tags,
            active: AtomicBool::new(false),
        })
    }

    /// Whether it inhibits from now on.
    pub fn set(&self, active: bool) {
        self.active.store(active, Ordering::Relaxed);
    }

    /// Whether it inhibits.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    fn fits(&self, tags: &Tags) -> bool {
        self.is_active()
            && self
                .tags
                .iter()
                .all(|(key, value)| tags.get(key).unwrap_or_default() == &**value)
    }
}

/// All inhibitors of all tasks, by category.
#[derive(Debug, Default)]
pub struct Inhibitors {
    by_category: RwLock<HashMap<Arc<str>, Vec<Arc<Inhibitor>>>>,
}

impl Inhibitors {
    /// Takes an inhibitor into account.
    pub fn add(&self, inhibitor: Arc<Inhibitor>) {
        self.by_category
            .write()
            .entry(Arc::clone(&inhibitor.category))
            .or_default()
            .push(inhibitor);
    }

    /// Forgets an inhibitor.
    pub fn remove(&self, inhibitor: &Arc<Inhibitor>) {
        let mut all = self.by_category.write();
        if let Some(known) = all.get_mut(&inhibitor.category) {
            known.retain(|other| !Arc::ptr_eq(other, inhibitor));
            if known.is_empty() {
                all.remove(&inhibitor.category);
            }
        }
    }

    /// Whether an event of this category and these tags is silenced.
    pub fn is_inhibited(&self, category: &str, tags: &Tags) -> bool {
        self.by_category
            .read()
            .get(category)
            .is_some_and(|known| known.iter().any(|inhibitor| inhibitor.fits(tags)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_tags_of_the_category_are_silenced_and_only_while_it_is_active() {
        let all = Inhibitors::default();
        let one = Inhibitor::new("system".into(), vec![("host".into(), "a".into())]);
        all.add(Arc::clone(&one));
        let host = |name| Tags::from_pairs([("host", name)]);
        assert!(!all.is_inhibited("system", &host("a")));
        one.set(true);
        assert!(all.is_inhibited("system", &host("a")));
        assert!(!all.is_inhibited("system", &host("b")));
        assert!(!all.is_inhibited("", &host("a")));
        all.remove(&one);
        assert!(!all.is_inhibited("system", &host("a")));
    }
}
