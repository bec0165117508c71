//! The series of one metric of one kind of object in one namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use capstan_kubeapi::Selector;
use hashbrown::{Equivalent, HashMap};
use jiff::SignedDuration;

use super::{Names, Owner, Sample};
use crate::series::{GroupResource, Labels, Series};

/// Which shelf.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ShelfKey {
    /// `None` for external metrics.
    pub(super) resource: Option<GroupResource>,
    pub(super) namespace: String,
    pub(super) metric: String,
}

/// A [`ShelfKey`] made of parts of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ShelfRef<'a> {
    pub(super) resource: Option<&'a GroupResource>,
    pub(super) namespace: &'a str,
    pub(super) metric: &'a str,
}

impl Equivalent<ShelfKey> for ShelfRef<'_> {
    fn equivalent(&self, key: &ShelfKey) -> bool {
        self.metric == key.metric && self.namespace == key.namespace && self.resource == key.resource.as_ref()
    }
}

impl ShelfKey {
    pub(super) fn external(namespace: String, metric: String) -> Self {
        Self {
            resource: None,
            namespace,
            metric,
        }
    }

    pub(super) fn objects(resource: GroupResource, namespace: String, metric: String) -> Self {
        Self {
            resource: Some(resource),
            namespace,
            metric,
        }
    }

    pub(super) fn of(series: &Series) -> Self {
        match series {
            Series::External {
                metric, namespace, ..
            } => Self::external(namespace.clone(), metric.clone()),
            Series::Object {
                metric,
                namespace,
                resource,
                ..
            } => Self::objects(resource.clone(), namespace.clone(), metric.clone()),
        }
    }
}

/// Which series on a shelf; the order of answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeriesKey {
    /// Empty for external metrics.
    name: Box<str>,
    /// In the order of their keys.
    labels: Vec<(Box<str>, Box<str>)>,
}

impl SeriesKey {
    pub(super) fn of(series: &Series) -> Self {
        let mut labels: Vec<(Box<str>, Box<str>)> = series
            .labels()
            .iter()
            .map(|(key, value)| (key.as_str().into(), value.as_str().unwrap_or("").into()))
            .collect();
        labels.sort_unstable();
        let name = match series {
            Series::Object { name, .. } => name.as_str().into(),
            Series::External { .. } => "".into(),
        };
        Self { name, labels }
    }
}

/// Where a series is.
pub(super) type Place = (ShelfKey, Arc<SeriesKey>);

/// A series and what was published of it.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) series: Arc<Series>,
    pub(super) copies: Vec<Copy>,
}

/// What one owner published.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) owner: Owner,
    pub(super) sample: Sample,
    pub(super) max_age: SignedDuration,
}

/// Series by label pair.
type Pairs = HashMap<Box<str>, HashMap<Box<str>, BTreeSet<Arc<SeriesKey>>>>;

#[derive(Debug, Default)]
pub(super) struct Shelf {
    cells: BTreeMap<Arc<SeriesKey>, Cell>,
    pairs: Pairs,
    /// Who is going to publish, and with which labels at least.
    pub(super) expected: BTreeMap<Owner, Labels>,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.expected.is_empty()
    }

    /// Some series.
    pub(super) fn any(&self) -> Option<&Series> {
        self.cells.values().next().map(|cell| &*cell.series)
    }

    pub(super) fn put(
        &mut self,
        key: Arc<SeriesKey>,
        series: Series,
        owner: Owner,
        sample: Sample,
        max_age: SignedDuration,
    ) {
        let copy = Copy {
            owner,
            sample,
            max_age,
        };
        if let Some(cell) = self.cells.get_mut(&key) {
            match cell.copies.iter_mut().find(|known| known.owner == owner) {
                Some(known) => *known = copy,
                None => cell.copies.push(copy),
            }
            return;
        }
        for (name, value) in &key.labels {
            let of_name = self.pairs.entry(name.clone()).or_default();
            of_name.entry(value.clone()).or_default().insert(Arc::clone(&key));
        }
        let cell = Cell {
            series: Arc::new(series),
            copies: vec![copy],
        };
        self.cells.insert(key, cell);
    }

    fn remove(&mut self, key: &SeriesKey, owner: Owner) {
        let Some(cell) = self.cells.get_mut(key) else {
            return;
        };
        cell.copies.retain(|copy| copy.owner != owner);
        if !cell.copies.is_empty() {
            return;
        }
        self.cells.remove(key);
        for (name, value) in &key.labels {
            let Some(of_name) = self.pairs.get_mut(name) else {
                continue;
            };
            if let Some(keys) = of_name.get_mut(value) {
                keys.remove(key);
                if keys.is_empty() {
                    of_name.remove(value);
                }
            }
            if of_name.is_empty() {
                self.pairs.remove(name);
            }
        }
    }

    /// Shows the selected cells in their order.
    pub(super) fn visit<'a>(&'a self, names: Names<'_>, selector: &Selector, mut show: impl FnMut(&'a Cell)) {
        let mut offer = |cell: &'a Cell| {
            if selector.is_everything() || selector.matches(Some(cell.series.labels())) {
                show(cell);
            }
        };
        match names {
            Names::One(name) => self.named(name).for_each(offer),
            Names::Among(wanted) if wanted.len() < self.cells.len() => {
                let wanted: BTreeSet<&String> = wanted.iter().collect();
                for name in wanted {
                    self.named(name).for_each(&mut offer);
                }
            }
            Names::Among(wanted) => {
                for (key, cell) in &self.cells {
                    if wanted.contains(&*key.name) {
                        offer(cell);
                    }
                }
            }
            Names::All => match self.narrowest(selector) {
                None => self.cells.values().for_each(offer),
                Some(keys) => keys.iter().filter_map(|key| self.cells.get(key)).for_each(offer),
            },
        }
    }

    /// The fewest series that one of the selector's equalities leaves; `None` if it has none.
    fn narrowest(&self, selector: &Selector) -> Option<&BTreeSet<Arc<SeriesKey>>> {
        static NONE: BTreeSet<Arc<SeriesKey>> = BTreeSet::new();
        selector
            .equalities()
            .map(|(name, value)| {
                let of_name = self.pairs.get(name);
                of_name.and_then(|values| values.get(value)).unwrap_or(&NONE)
            })
            .min_by_key(|keys| keys.len())
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Cell> {
        let first = SeriesKey {
            name: name.into(),
            labels: Vec::new(),
        };
        self.cells
            .range::<SeriesKey, _>((Bound::Included(first), Bound::Unbounded))
            .take_while(move |(key, _)| *key.name == *name)
            .map(|(_, cell)| cell)
    }
}

/// Takes away what an owner published of a series, and the shelf if it was the last.
pub(super) fn remove(shelves: &mut HashMap<ShelfKey, Shelf>, (at, key): &Place, owner: Owner) {
    if let Some(shelf) = shelves.get_mut(at) {
        shelf.remove(key, owner);
        if shelf.is_empty() {
            shelves.remove(at);
        }
    }
}

/// Forgets that an owner was going to publish.
pub(super) fn forget_expected(shelves: &mut HashMap<ShelfKey, Shelf>, at: &ShelfKey, owner: Owner) {
    if let Some(shelf) = shelves.get_mut(at) {
        shelf.expected.remove(&owner);
        if shelf.is_empty() {
            shelves.remove(at);
        }
    }
}
