//! Typed reads and writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backend::{Backend, FileBackend, MemoryBackend, Tables};
use crate::error::Error;
use crate::schema::{MAX_VALUE, Record, SCHEMA, decode, encode};

const META: &str = "meta";
const SNAPSHOTS: &str = "snapshot";

/// The durable store. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) backend: Arc<dyn Backend>,
}

impl Store {
    /// Opens or creates the store in file `path`. Another process that has it open is an error at once (S-86).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::with_backend(Arc::new(FileBackend::open(path)?), path)
    }

    /// A store that ends with the process.
    pub fn in_memory() -> Self {
        Self {
            backend: Arc::new(MemoryBackend::default()),
        }
    }

    /// A store on another backend; `path` is only for messages.
    pub fn with_backend(backend: Arc<dyn Backend>, path: &Path) -> Result<Self, Error> {
        let found = match backend.get(META, b"schema")? {
            Some(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                text.parse::<u64>().map_err(|_| Error::Damaged {
                    path: path.to_owned(),
                    reason: format!("its schema version is {text:?}"),
                })?
            }
            None => 0,
        };
        if found > SCHEMA {
            return Err(Error::TooNew {
                path: PathBuf::from(path),
                found,
                known: SCHEMA,
            });
        }
        if found < SCHEMA {
            backend.transact(&mut |tables| {
                migrate(tables, found)?;
                tables.put(META, b"schema", SCHEMA.to_string().as_bytes())
            })?;
        }
        Ok(Self { backend })
    }

    /// The record of a key.
    pub fn get<R: Record>(&self, key: &str) -> Result<Option<R>, Error> {
        match self.backend.get(R::NAMESPACE, key.as_bytes())? {
            Some(bytes) => decode(key, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Writes a record; it is on disk when this returns.
    pub fn put<R: Record>(&self, record: &R) -> Result<(), Error> {
        self.transaction(|transaction| transaction.put(record))
    }

    /// Removes a record; says whether it was there.
    pub fn delete<R: Record>(&self, key: &str) -> Result<bool, Error> {
        self.transaction(|transaction| transaction.delete::<R>(key))
    }

    /// The records whose keys begin with `prefix`, by key.
    pub fn list<R: Record>(&self, prefix: &str) -> Result<Vec<R>, Error> {
        self.list_where(prefix, |_| true)
    }

    /// The records whose keys begin with `prefix` and that `wanted` accepts, by key. Records that it does not accept are not
    /// decoded.
    pub fn list_where<R: Record>(
        &self,
        prefix: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<R>, Error> {
        let mut records = Vec::new();
        self.backend
            .scan(R::NAMESPACE, prefix.as_bytes(), false, &mut |key, bytes| {
                let key = String::from_utf8_lossy(key);
                if wanted(&key) {
                    records.push(decode(&key, bytes)?);
                }
                Ok(true)
            })?;
        Ok(records)
    }

    /// Reads and writes several records as one: all of it is on disk when this returns, or nothing is. `work` may be run
    /// twice when the file had to be opened again.
    pub fn transaction<T>(
        &self,
        mut work: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut result = None;
        self.backend.transact(&mut |tables| {
            result = Some(work(&mut Transaction { tables })?);
            Ok(())
        })?;
        result.ok_or_else(|| Error::Internal("a transaction ended without having run".to_owned()))
    }

    /// Keeps the state of a task's nodes, in a form that only the engine understands.
    pub fn put_snapshot(&self, task: &str, state: &[u8]) -> Result<(), Error> {
        if state.len() > MAX_VALUE {
            let key = task.to_owned();
            return Err(Error::TooLarge {
                namespace: SNAPSHOTS,
                key,
                bytes: state.len(),
                limit: MAX_VALUE,
            });
        }
        self.backend
            .transact(&mut |tables| tables.put(SNAPSHOTS, task.as_bytes(), state))
    }

    /// The state of a task's nodes that was kept last.
    pub fn snapshot(&self, task: &str) -> Result<Option<Vec<u8>>, Error> {
        self.backend.get(SNAPSHOTS, task.as_bytes())
    }

    /// Forgets the state of a task's nodes.
    pub fn delete_snapshot(&self, task: &str) -> Result<bool, Error> {
        let mut found = false;
        self.backend.transact(&mut |tables| {
            found = tables.delete(SNAPSHOTS, task.as_bytes())?;
            Ok(())
        })?;
        Ok(found)
    }
}

/// Brings a file of schema `from` to [`SCHEMA`]. A new file has schema 0 and nothing to bring along.
fn migrate(_tables: &mut dyn Tables, from: u64) -> Result<(), Error> {
    match from {
        0 => Ok(()),
        other => Err(Error::Internal(format!("no migration from schema {other}"))),
    }
}

/// A transaction under way; reads see what was written before.
#[expect(
    missing_debug_implementations,
    reason = "a borrowed handle without data of its own"
)]
pub struct Transaction<'t> {
    tables: &'t mut dyn Tables,
}

impl Transaction<'_> {
    /// The record of a key.
    pub fn get<R: Record>(&mut self, key: &str) -> Result<Option<R>, Error> {
        match self.tables.get(R::NAMESPACE, key.as_bytes())? {
            Some(bytes) => decode(key, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Writes a record.
    pub fn put<R: Record>(&mut self, record: &R) -> Result<(), Error> {
        self.tables
            .put(R::NAMESPACE, record.key().as_bytes(), &encode(record)?)
    }

    /// Removes a record; says whether it was there.
    pub fn delete<R: Record>(&mut self, key: &str) -> Result<bool, Error> {
        self.tables.delete(R::NAMESPACE, key.as_bytes())
    }

    /// Removes the kept state of a task's nodes.
    pub fn delete_snapshot(&mut self, task: &str) -> Result<bool, Error> {
        self.tables.delete(SNAPSHOTS, task.as_bytes())
    }
}
