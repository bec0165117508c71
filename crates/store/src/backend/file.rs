//! Tables in a redb file.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use parking_lot::RwLock;
use redb::{
    Builder, Database, DatabaseError, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    TableError, WriteTransaction,
};

use super::{Backend, Extent, Tables, Visit, Work};
use crate::error::Error;

/// Pages kept in memory. The store is small and rarely read.
const CACHE_BYTES: usize = 2 << 20;
/// How a redb file begins.
const MAGIC: &[u8] = b"redb";

/// A file that nobody else has open.
#[derive(Debug)]
pub struct FileBackend {
    path: PathBuf,
    /// `None` after a fault that the file could not be opened again from; the next use tries again.
    database: RwLock<Option<Database>>,
}

fn table(name: &str) -> TableDefinition<'_, &'static [u8], &'static [u8]> {
    TableDefinition::new(name)
}

impl FileBackend {
    /// Opens or creates the file and the directories it is in.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { action, path, source }
        };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(directory).map_err(io("cannot create directory", directory))?;
        if let Ok(mut file) = fs::File::open(path) {
            let mut start = [0; 4];
            let len = file.read(&mut start).map_err(io("cannot read", path))?;
            if len > 0 && &start[..len] != MAGIC {
                return Err(Error::Foreign {
                    path: path.to_owned(),
                });
            }
        }
        let database = open_database(path)?;
        // The directory entry must survive a crash too.
        fs::File::open(directory)
            .and_then(|d| d.sync_all())
            .map_err(io("cannot sync directory", directory))?;
        Ok(Self {
            path: path.to_owned(),
            database: RwLock::new(Some(database)),
        })
    }

    fn error(&self, error: impl Into<redb::Error>) -> Error {
        convert(&self.path, error.into())
    }

    /// Runs `work` on the open file. The library refuses everything after a failed write until the file is opened again, so
    /// that is done here, once, and `work` is repeated.
    fn run<T>(&self, mut work: impl FnMut(&Database) -> Result<T, Fault>) -> Result<T, Error> {
        if let Some(database) = &*self.database.read() {
            match work(database) {
                Ok(value) => return Ok(value),
                Err(Fault::Ours(error)) => return Err(error),
                Err(Fault::Redb(redb::Error::PreviousIo)) => {}
                Err(Fault::Redb(error)) => return Err(self.error(error)),
            }
        }
        let mut guard = self.database.write();
        *guard = None;
        let database = guard.insert(open_database(&self.path)?);
        work(database).map_err(|fault| match fault {
            Fault::Ours(error) => error,
            Fault::Redb(error) => self.error(error),
        })
    }
}

enum Fault {
    Ours(Error),
    Redb(redb::Error),
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Redb(error.into())
    }
}

fn open_database(path: &Path) -> Result<Database, Error> {
    let database = Builder::new().set_cache_size(CACHE_BYTES).create(path);
    database.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => Error::Locked {
            path: path.to_owned(),
        },
        other => convert(path, other.into()),
    })
}

fn convert(path: &Path, error: redb::Error) -> Error {
    let path = path.to_owned();
    match error {
        redb::Error::Io(source) => Error::Io {
            action: "cannot use store",
            path,
            source,
        },
        redb::Error::PreviousIo => Error::Io {
            action: "cannot use store",
            path,
            source: std::io::Error::other("an earlier write failed"),
        },
        redb::Error::Corrupted(reason) => Error::Damaged { path, reason },
        other => Error::Internal(other.to_string()),
    }
}

impl Backend for FileBackend {
    fn get(&self, name: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.run(|database| {
            let read = database.begin_read()?;
            let entries = match read.open_table(table(name)) {
                Ok(entries) => entries,
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            Ok(entries.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    fn scan(&self, name: &str, prefix: &[u8], descending: bool, visit: &mut Visit<'_>) -> Result<(), Error> {
        self.run(|database| {
            let read = database.begin_read()?;
            let entries = match read.open_table(table(name)) {
                Ok(entries) => entries,
                Err(TableError::TableDoesNotExist(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let end = after_prefix(prefix);
            let mut range = match &end {
                Some(end) => entries.range::<&[u8]>(prefix..end.as_slice())?,
                None => entries.range::<&[u8]>(prefix..)?,
            };
            while let Some(entry) = if descending {
                range.next_back()
            } else {
                range.next()
            } {
                let (key, value) = entry?;
                if !visit(key.value(), value.value()).map_err(Fault::Ours)? {
                    break;
                }
            }
            Ok(())
        })
    }

    fn transact(&self, work: &mut Work<'_>) -> Result<(), Error> {
        self.run(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            work(&mut FileTables {
                path: &self.path,
                transaction: &transaction,
            })
            .map_err(Fault::Ours)?;
            transaction.commit()?;
            Ok(())
        })
    }
}

/// The first key after all that begin with `prefix`; `None` when there is no end.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let keep = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix[..=keep].to_vec();
    end[keep] += 1;
    Some(end)
}

struct FileTables<'t> {
    path: &'t Path,
    transaction: &'t WriteTransaction,
}

impl Tables for FileTables<'_> {
    fn get(&mut self, name: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let convert = |error| convert(self.path, error);
        let entries = self
            .transaction
            .open_table(table(name))
            .map_err(|e| convert(e.into()))?;
        let value = entries.get(key).map_err(|e| convert(e.into()))?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn put(&mut self, name: &str, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let convert = |error| convert(self.path, error);
        let mut entries = self
            .transaction
            .open_table(table(name))
            .map_err(|e| convert(e.into()))?;
        entries.insert(key, value).map_err(|e| convert(e.into()))?;
        Ok(())
    }

    fn delete(&mut self, name: &str, key: &[u8]) -> Result<bool, Error> {
        let convert = |error| convert(self.path, error);
        let mut entries = self
            .transaction
            .open_table(table(name))
            .map_err(|e| convert(e.into()))?;
        let removed = entries.remove(key).map_err(|e| convert(e.into()))?;
        Ok(removed.is_some())
    }

    fn extent(&mut self, name: &str) -> Result<Option<Extent>, Error> {
        let convert = |error| convert(self.path, error);
        let entries = self
            .transaction
            .open_table(table(name))
            .map_err(|e| convert(e.into()))?;
        let first = entries
            .first()
            .map_err(|e| convert(e.into()))?
            .map(|(key, _)| key.value().to_vec());
        let last = entries
            .last()
            .map_err(|e| convert(e.into()))?
            .map(|(key, _)| key.value().to_vec());
        Ok(first.zip(last))
    }
}
