//! Objects in memory: tables by kind, one global resourceVersion, and a bounded log per table from which watches read.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use capstan_kubeapi::{Resource, meta};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

/// Changes kept per table. A watch that falls further behind gets 410 Gone and lists again, as with etcd's compaction.
const LOG_CAPACITY: usize = 8192;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It came into being, or into view.
    Added,
    /// It changed.
    Modified,
    /// It is gone, or out of view; the object is its last state.
    Deleted,
    /// Nothing: only tells how far the watch has come.
    Bookmark,
    /// The watch ended; the object is a `Status`.
    Error,
}

impl EventKind {
    /// The wire's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
            Self::Error => "ERROR",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct LogEntry {
    pub(crate) version: u64,
    pub(crate) kind: EventKind,
    pub(crate) object: Arc<Value>,
    pub(crate) previous: Option<Arc<Value>>,
}

#[derive(Debug)]
struct Table {
    objects: BTreeMap<(String, String), Arc<Value>>,
    log: VecDeque<LogEntry>,
    /// Every change up to this version has left the log.
    forgotten: u64,
    changed: watch::Sender<u64>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            log: VecDeque::new(),
            forgotten: 0,
            changed: watch::Sender::new(0),
        }
    }
}

impl Table {
    fn record(&mut self, entry: LogEntry) {
        let version = entry.version;
        if self.log.len() >= LOG_CAPACITY
            && let Some(oldest) = self.log.pop_front()
        {
            self.forgotten = oldest.version;
        }
        self.log.push_back(entry);
        self.changed.send_replace(version);
    }
}

#[derive(Debug, Default)]
struct Inner {
    version: u64,
    tables: HashMap<Resource, Table>,
}

#[derive(Debug)]
pub(crate) struct Storage {
    inner: Mutex<Inner>,
}

/// Why a write did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteError {
    Exists,
    Gone,
    Changed,
}

/// What a watch finds in the log.
#[derive(Debug)]
pub(crate) enum LogRead {
    Entries(Vec<LogEntry>, u64),
    TooOld(u64),
}

impl Storage {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                version: 1,
                tables: HashMap::new(),
            }),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.inner.lock().version
    }

    pub(crate) fn get(&self, resource: Resource, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let inner = self.inner.lock();
        inner
            .tables
            .get(&resource)?
            .objects
            .get(&(namespace.to_owned(), name.to_owned()))
            .cloned()
    }

    /// All objects of a kind, by namespace and name, and the version at which that was so.
    pub(crate) fn list(&self, resource: Resource, namespace: Option<&str>) -> (Vec<Arc<Value>>, u64) {
        let inner = self.inner.lock();
        let items = inner
            .tables
            .get(&resource)
            .map_or_else(Vec::new, |table| match namespace {
                None => table.objects.values().cloned().collect(),
                Some(namespace) => table
                    .objects
                    .range((namespace.to_owned(), String::new())..)
                    .take_while(|((of, _), _)| of == namespace)
                    .map(|(_, object)| Arc::clone(object))
                    .collect(),
            });
        (items, inner.version)
    }

    pub(crate) fn insert(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        mut object: Value,
    ) -> Result<Arc<Value>, WriteError> {
        let mut inner = self.inner.lock();
        let version = inner.version + 1;
        let table = inner.tables.entry(resource).or_default();
        let key = (namespace.to_owned(), name.to_owned());
        if table.objects.contains_key(&key) {
            return Err(WriteError::Exists);
        }
        meta::set(&mut object, "resourceVersion", version.to_string());
        let object = Arc::new(object);
        table.objects.insert(key, Arc::clone(&object));
        table.record(LogEntry {
            version,
            kind: EventKind::Added,
            object: Arc::clone(&object),
            previous: None,
        });
        inner.version = version;
        Ok(object)
    }

    /// Replaces `expected`, which must still be the stored object.
    pub(crate) fn replace(
        &self,
        resource: Resource,
        expected: &Arc<Value>,
        mut object: Value,
    ) -> Result<Arc<Value>, WriteError> {
        let mut inner = self.inner.lock();
        let version = inner.version + 1;
        let table = inner.tables.entry(resource).or_default();
        let key = (
            meta::namespace(expected).to_owned(),
            meta::name(expected).to_owned(),
        );
        let slot = table.objects.get_mut(&key).ok_or(WriteError::Gone)?;
        if !Arc::ptr_eq(slot, expected) {
            return Err(WriteError::Changed);
        }
        meta::set(&mut object, "resourceVersion", version.to_string());
        let object = Arc::new(object);
        let previous = std::mem::replace(slot, Arc::clone(&object));
        table.record(LogEntry {
            version,
            kind: EventKind::Modified,
            object: Arc::clone(&object),
            previous: Some(previous),
        });
        inner.version = version;
        Ok(object)
    }

    /// Removes `expected`, which must still be the stored object; `last` is the state that watches are told.
    pub(crate) fn remove(
        &self,
        resource: Resource,
        expected: &Arc<Value>,
        mut last: Value,
    ) -> Result<Arc<Value>, WriteError> {
        let mut inner = self.inner.lock();
        let version = inner.version + 1;
        let table = inner.tables.entry(resource).or_default();
        let key = (
            meta::namespace(expected).to_owned(),
            meta::name(expected).to_owned(),
        );
        let stored = table.objects.get(&key).ok_or(WriteError::Gone)?;
        if !Arc::ptr_eq(stored, expected) {
            return Err(WriteError::Changed);
        }
        table.objects.remove(&key);
        meta::set(&mut last, "resourceVersion", version.to_string());
        let last = Arc::new(last);
        table.record(LogEntry {
            version,
            kind: EventKind::Deleted,
            object: Arc::clone(&last),
            previous: Some(Arc::clone(expected)),
        });
        inner.version = version;
        Ok(last)
    }

    /// Tells when the table changes.
    pub(crate) fn subscribe(&self, resource: Resource) -> watch::Receiver<u64> {
        self.inner
            .lock()
            .tables
            .entry(resource)
            .or_default()
            .changed
            .subscribe()
    }

    /// The changes after version `after`, at most `limit`, and the version read up to.
    pub(crate) fn read_log(&self, resource: Resource, after: u64, limit: usize) -> LogRead {
        let mut inner = self.inner.lock();
        let version = inner.version;
        let table = inner.tables.entry(resource).or_default();
        if after < table.forgotten {
            return LogRead::TooOld(table.forgotten);
        }
        let start = table.log.partition_point(|entry| entry.version <= after);
        let entries: Vec<LogEntry> = table.log.range(start..).take(limit).cloned().collect();
        let upto = if start + entries.len() < table.log.len() {
            entries.last().map_or(after, |entry| entry.version)
        } else {
            version
        };
        LogRead::Entries(entries, upto)
    }

    /// The list as it was at `version`, rebuilt from the log; `Err` holds the oldest version still known.
    pub(crate) fn list_at(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        version: u64,
    ) -> Result<Vec<Arc<Value>>, u64> {
        let inner = self.inner.lock();
        let Some(table) = inner.tables.get(&resource) else {
            return Ok(Vec::new());
        };
        if version < table.forgotten {
            return Err(table.forgotten);
        }
        let mut objects = table.objects.clone();
        for entry in table.log.iter().rev().take_while(|entry| entry.version > version) {
            let key = (
                meta::namespace(&entry.object).to_owned(),
                meta::name(&entry.object).to_owned(),
            );
            match &entry.previous {
                Some(previous) => objects.insert(key, Arc::clone(previous)),
                None => objects.remove(&key),
            };
        }
        Ok(objects
            .into_iter()
            .filter(|((of, _), _)| namespace.is_none_or(|n| n == of))
            .map(|(_, o)| o)
            .collect())
    }
}
