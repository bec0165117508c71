//! Values, their ages, and what went wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_kubeapi::{Quantity, Selector};
use jiff::Timestamp;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::series::{GroupResource, Series};

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
    pub series: Series,
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

#[derive(Debug)]
struct Published {
    series: Vec<(Series, Sample)>,
    max_age: Duration,
    state: State,
}

/// All values. Cheap to share behind an `Arc`; writers are collectors, readers are requests.
#[derive(Debug)]
pub struct Store {
    clock: SharedClock,
    owners: RwLock<BTreeMap<Owner, Published>>,
}

impl Store {
    /// An empty store.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            owners: RwLock::default(),
        }
    }

    /// Replaces all that this owner had published. A sample is believed until it is older than `max_age`.
    pub fn publish(
        &self,
        owner: Owner,
        series: Vec<(Series, Sample)>,
        max_age: Duration,
        missing: Option<String>,
    ) {
        let state = State {
            last_success: Some(self.clock.now()),
            missing,
            ..State::default()
        };
        let published = Published {
            series,
            max_age,
            state,
        };
        self.owners.write().insert(owner, published);
    }

    /// Notes that the owner could not collect. What it published before stays until it is too old.
    pub fn fail(&self, owner: Owner, message: String) {
        let now = self.clock.now();
        let mut owners = self.owners.write();
        let published = owners.entry(owner).or_insert_with(|| Published {
            series: Vec::new(),
            max_age: Duration::ZERO,
            state: State::default(),
        });
        published.state.failing_since.get_or_insert(now);
        published.state.failure = Some(message);
    }

    /// Forgets the owner and all it published.
    pub fn retire(&self, owner: Owner) {
        self.owners.write().remove(&owner);
    }

    /// How an owner is doing; `None` before its first attempt ended.
    pub fn state(&self, owner: Owner) -> Option<State> {
        self.owners
            .read()
            .get(&owner)
            .map(|published| published.state.clone())
    }

    /// The fresh values of an external metric whose labels are selected, or why there are none.
    ///
    /// # Errors
    /// A text for the client: the metric is unknown, too old, or its collector fails.
    pub fn external(
        &self,
        namespace: &str,
        metric: &str,
        selector: &Selector,
    ) -> Result<Vec<Reading>, String> {
        self.read(metric, |series| {
            matches!(series, Series::External { namespace: of, .. } if of == namespace)
                && selector.matches(Some(series.labels()))
        })
    }

    /// The fresh values of a metric of the objects that `wanted` says yes to (by name), or why there are none.
    ///
    /// # Errors
    /// As [`Store::external`].
    pub fn objects(
        &self,
        resource: &GroupResource,
        namespace: &str,
        metric: &str,
        wanted: impl Fn(&str) -> bool,
        selector: &Selector,
    ) -> Result<Vec<Reading>, String> {
        self.read(metric, |series| {
            matches!(series, Series::Object { resource: of, namespace: inside, name, .. }
                if of == resource && inside == namespace && wanted(name))
                && selector.matches(Some(series.labels()))
        })
    }

    fn read(&self, metric: &str, wanted: impl Fn(&Series) -> bool) -> Result<Vec<Reading>, String> {
        let now = self.clock.now();
        let mut found = Vec::new();
        let mut refusal = None;
        for published in self.owners.read().values() {
            for (series, sample) in &published.series {
                if series.metric() != metric || !wanted(series) {
                    continue;
                }
                let age = now.duration_since(sample.at);
                if age
                    > jiff::SignedDuration::try_from(published.max_age).unwrap_or(jiff::SignedDuration::MAX)
                {
                    let failure = published.state.failure.as_deref().unwrap_or("no newer one came");
                    refusal = Some(format!(
                        "the last value of {metric} is {}s old: {failure}",
                        age.as_secs()
                    ));
                    continue;
                }
                found.push(Reading {
                    series: series.clone(),
                    sample: sample.clone(),
                });
            }
        }
        if found.is_empty() {
            return Err(refusal.unwrap_or_else(|| format!("no value of {metric} is known")));
        }
        Ok(found)
    }
}
