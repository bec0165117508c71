//! Values, their ages, and what went wrong.
//!
//! Series of one metric of one kind of object in one namespace lie together on a shelf, ordered by name and labels, with
//! an index of their label pairs: a reader that asks by name or by an equality finds its series without looking at the
//! others. Who published a series is kept with it, because several HPAs may want the same one.

mod shelf;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_kubeapi::{Quantity, Selector};
use hashbrown::HashMap;
use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::series::{GroupResource, Labels, Series};
use shelf::{Place, SeriesKey, Shelf, ShelfKey, ShelfRef};

/// A collector, as the store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Owner(pub u64);

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The value.
    pub value: Quantity,
    /// When it was true: the sample's own time where the source tells it, else when it was collected.
    pub at: Timestamp,
    /// Over how long it was measured, if it is a rate.
    pub window: Option<Duration>,
}

/// A value as readers get it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What it is a value of.
    pub series: Arc<Series>,
    /// The value.
    pub sample: Sample,
}

/// How a collector is doing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// When it last published something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
    /// The last failure, if no success came after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Since when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// What the last success could not tell: "2 of 5 pods did not answer: …".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// What an owner is going to publish, told before its first value, so that the metric is listed and a reader learns why
/// it has no value yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// An external metric.
    External {
        /// Name of the metric.
        metric: String,
        /// The HPA's.
        namespace: String,
        /// The labels that its series will have at least.
        labels: Labels,
    },
    /// A metric of objects.
    Objects {
        /// Name of the metric.
        metric: String,
        /// What kind of object.
        resource: GroupResource,
        /// Empty for objects without one.
        namespace: String,
    },
}

/// Whether a metric that gives no value is known at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Nobody publishes such a series.
    Unknown,
    /// Somebody should, but has no value, or only one that is too old.
    Unavailable,
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whether such a series is known.
    pub absence: Absence,
    /// Which, how old, why: for whoever asked.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// Which objects of a kind.
#[derive(Debug, Clone, Copy)]
pub enum Names<'a> {
    /// All that have a value.
    All,
    /// The one of this name.
    One(&'a str),
    /// Those of these names.
    Among(&'a HashSet<String>),
}

/// A metric, as discovery lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectMetric {
    /// Of what kind of object.
    pub resource: GroupResource,
    /// Its name.
    pub metric: String,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

/// All values. Cheap to share behind an `Arc`; writers are collectors, readers are requests.
#[derive(Debug)]
pub struct Store {
    clock: SharedClock,
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    owners: BTreeMap<Owner, Published>,
    shelves: HashMap<ShelfKey, Shelf>,
}

#[derive(Debug, Default)]
struct Published {
    places: Vec<Place>,
    expected: Option<ShelfKey>,
    state: State,
}

impl Store {
    /// An empty store.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            inner: RwLock::default(),
        }
    }

    /// Says what an owner is going to publish. Replaces what it said before.
    pub fn expect(&self, owner: Owner, expected: Expected) {
        let (key, labels) = match expected {
            Expected::External {
                metric,
                namespace,
                labels,
            } => (ShelfKey::external(namespace, metric), labels),
            Expected::Objects {
                metric,
                resource,
                namespace,
            } => (ShelfKey::objects(resource, namespace, metric), Labels::new()),
        };
        let mut inner = self.inner.write();
        let inner = &mut *inner;
        let published = inner.owners.entry(owner).or_default();
        if let Some(old) = published.expected.replace(key.clone()) {
            shelf::forget_expected(&mut inner.shelves, &old, owner);
        }
        let shelf = inner.shelves.entry(key).or_default();
        shelf.expected.insert(owner, labels);
    }

    /// Replaces all that this owner had published. A sample is believed until it is older than `max_age`. Of several
    /// samples of one series the freshest counts.
    pub fn publish(
        &self,
        owner: Owner,
        series: Vec<(Series, Sample)>,
        max_age: Duration,
        missing: Option<String>,
    ) {
        // Made before the lock is taken.
        let mut fresh: BTreeMap<Place, (Series, Sample)> = BTreeMap::new();
        for (series, sample) in series {
            let place = (ShelfKey::of(&series), Arc::new(SeriesKey::of(&series)));
            match fresh.get(&place) {
                Some((_, known)) if known.at >= sample.at => {}
                _ => {
                    fresh.insert(place, (series, sample));
                }
            }
        }
        let max_age = SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX);
        let state = State {
            last_success: Some(self.clock.now()),
            missing,
            ..State::default()
        };
        let mut inner = self.inner.write();
        let inner = &mut *inner;
        let published = inner.owners.entry(owner).or_default();
        published.state = state;
        for place in std::mem::take(&mut published.places) {
            if !fresh.contains_key(&place) {
                shelf::remove(&mut inner.shelves, &place, owner);
            }
        }
        published.places = fresh.keys().cloned().collect();
        for ((shelf, key), (series, sample)) in fresh {
            let shelf = inner.shelves.entry(shelf).or_default();
            shelf.put(key, series, owner, sample, max_age);
        }
    }

    /// Notes that the owner could not collect. What it published before stays until it is too old.
    pub fn fail(&self, owner: Owner, message: String) {
        let now = self.clock.now();
        let mut inner = self.inner.write();
        let state = &mut inner.owners.entry(owner).or_default().state;
        state.failing_since.get_or_insert(now);
        state.failure = Some(message);
    }

    /// Forgets the owner and all it published.
    pub fn retire(&self, owner: Owner) {
        let mut inner = self.inner.write();
        let inner = &mut *inner;
        let Some(published) = inner.owners.remove(&owner) else {
            return;
        };
        for place in &published.places {
            shelf::remove(&mut inner.shelves, place, owner);
        }
        if let Some(key) = &published.expected {
            shelf::forget_expected(&mut inner.shelves, key, owner);
        }
    }

    /// How an owner is doing; `None` before its first attempt ended.
    pub fn state(&self, owner: Owner) -> Option<State> {
        let inner = self.inner.read();
        inner.owners.get(&owner).and_then(Published::told)
    }

    /// How all owners are doing whose first attempt ended.
    pub fn states(&self) -> BTreeMap<Owner, State> {
        let inner = self.inner.read();
        inner
            .owners
            .iter()
            .filter_map(|(owner, published)| Some((*owner, published.told()?)))
            .collect()
    }

    /// The names of the external metrics that somebody publishes, or will.
    pub fn external_metrics(&self) -> BTreeSet<String> {
        let inner = self.inner.read();
        let external = inner.shelves.keys().filter(|key| key.resource.is_none());
        external.map(|key| key.metric.clone()).collect()
    }

    /// The metrics of objects that somebody publishes, or will.
    pub fn object_metrics(&self) -> BTreeSet<ObjectMetric> {
        let inner = self.inner.read();
        inner
            .shelves
            .keys()
            .filter_map(|key| {
                let resource = key.resource.clone()?;
                // A namespace is described by metrics below it, but is itself in none.
                let is_namespace = resource.group.is_empty() && resource.resource == "namespaces";
                let namespaced = !is_namespace && !key.namespace.is_empty();
                Some(ObjectMetric {
                    resource,
                    metric: key.metric.clone(),
                    namespaced,
                })
            })
            .collect()
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.inner.read().shelves.values().map(Shelf::len).sum()
    }

    /// The fresh values of an external metric whose labels are selected, ordered by labels, or why there are none.
    ///
    /// # Errors
    /// When the metric is unknown, too old, or its collector fails.
    pub fn external(
        &self,
        namespace: &str,
        metric: &str,
        selector: &Selector,
    ) -> Result<Vec<Reading>, Refusal> {
        let key = ShelfRef {
            resource: None,
            namespace,
            metric,
        };
        self.read(&key, Names::All, selector)
    }

    /// The fresh values of a metric of some objects, ordered by name and labels, or why there are none.
    ///
    /// # Errors
    /// As [`Store::external`].
    pub fn objects(
        &self,
        resource: &GroupResource,
        namespace: &str,
        metric: &str,
        names: Names<'_>,
        selector: &Selector,
    ) -> Result<Vec<Reading>, Refusal> {
        let key = ShelfRef {
            resource: Some(resource),
            namespace,
            metric,
        };
        self.read(&key, names, selector)
    }

    /// The version of the API that objects of a kind have, as their series tell it.
    pub fn api_version(&self, resource: &GroupResource, namespace: &str, metric: &str) -> Option<String> {
        let key = ShelfRef {
            resource: Some(resource),
            namespace,
            metric,
        };
        match self.inner.read().shelves.get(&key)?.any()? {
            Series::Object { api_version, .. } => Some(api_version.clone()),
            Series::External { .. } => None,
        }
    }

    fn read(
        &self,
        key: &ShelfRef<'_>,
        names: Names<'_>,
        selector: &Selector,
    ) -> Result<Vec<Reading>, Refusal> {
        let now = self.clock.now();
        let inner = self.inner.read();
        let Some(shelf) = inner.shelves.get(key) else {
            return Err(Refusal::unknown(key, selector));
        };
        let mut found = Vec::new();
        let mut stale: Option<(&Arc<Series>, Owner, &Sample, SignedDuration)> = None;
        shelf.visit(names, selector, |cell| {
            let mut best: Option<&Sample> = None;
            for copy in &cell.copies {
                let age = now.duration_since(copy.sample.at);
                if age > copy.max_age {
                    if stale.is_none_or(|(.., sample, _)| sample.at < copy.sample.at) {
                        stale = Some((&cell.series, copy.owner, &copy.sample, copy.max_age));
                    }
                } else if best.is_none_or(|best| best.at < copy.sample.at) {
                    best = Some(&copy.sample);
                }
            }
            if let Some(sample) = best {
                found.push(Reading {
                    series: Arc::clone(&cell.series),
                    sample: sample.clone(),
                });
            }
        });
        if !found.is_empty() {
            return Ok(found);
        }
        if let Some((series, owner, sample, max_age)) = stale {
            let age = now.duration_since(sample.at).as_secs();
            let why = inner.why(owner, "no newer one came");
            return Err(Refusal::unavailable(format!(
                "the last value of {series} is {age}s old, more than {}s are not accepted: {why}",
                max_age.as_secs()
            )));
        }
        // Nobody has published it; somebody may be trying.
        let mut trying = shelf.expected.iter().filter(|(_, labels)| {
            selector.is_everything() || key.resource.is_some() || selector.matches(Some(labels))
        });
        match trying.next() {
            Some((owner, labels)) => {
                let what = crate::series::shown(key.metric, labels);
                let why = inner.why(*owner, "it has not been collected yet");
                Err(Refusal::unavailable(format!(
                    "there is no value of {what}: {why}"
                )))
            }
            None => Err(Refusal::unknown(key, selector)),
        }
    }
}

impl Inner {
    /// What an owner's state says about a missing value.
    fn why(&self, owner: Owner, otherwise: &str) -> String {
        let Some(state) = self.owners.get(&owner).map(|published| &published.state) else {
            return otherwise.to_owned();
        };
        match (&state.failure, &state.missing) {
            (Some(failure), _) => match state.failing_since {
                Some(since) => format!(
                    "its collector fails since {}: {failure}",
                    capstan_kubeapi::time::rfc3339(since)
                ),
                None => failure.clone(),
            },
            (None, Some(missing)) => missing.clone(),
            (None, None) => match state.last_success {
                Some(at) if otherwise.starts_with("it has not") => format!(
                    "its collector found none at {}",
                    capstan_kubeapi::time::rfc3339(at)
                ),
                _ => otherwise.to_owned(),
            },
        }
    }
}

impl Published {
    fn told(&self) -> Option<State> {
        let ended = self.state.last_success.is_some() || self.state.failure.is_some();
        ended.then(|| self.state.clone())
    }
}

impl Refusal {
    fn unavailable(message: String) -> Self {
        Self {
            absence: Absence::Unavailable,
            message,
        }
    }

    fn unknown(key: &ShelfRef<'_>, selector: &Selector) -> Self {
        let of = match key.resource {
            Some(resource) => format!(" for {resource}"),
            None => String::new(),
        };
        let place = if key.namespace.is_empty() {
            String::new()
        } else {
            format!(" in namespace {}", key.namespace)
        };
        let with = if selector.is_everything() {
            String::new()
        } else {
            format!(" with {selector}")
        };
        Self {
            absence: Absence::Unknown,
            message: format!("no value of {}{of}{with} is known{place}", key.metric),
        }
    }
}
