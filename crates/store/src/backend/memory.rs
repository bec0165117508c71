//! Tables in memory, for offline runs and tests.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::{Backend, Extent, Tables, Visit, Work};
use crate::error::Error;

type Contents = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// Tables that end with the process.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    contents: Mutex<Contents>,
}

impl Backend for MemoryBackend {
    fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self
            .contents
            .lock()
            .get(table)
            .and_then(|entries| entries.get(key))
            .cloned())
    }

    fn scan(&self, table: &str, prefix: &[u8], descending: bool, visit: &mut Visit<'_>) -> Result<(), Error> {
        let entries = self.contents.lock().get(table).cloned().unwrap_or_default();
        let mut matching = entries.iter().filter(|(key, _)| key.starts_with(prefix));
        while let Some((key, value)) = if descending {
            matching.next_back()
        } else {
            matching.next()
        } {
            if !visit(key, value)? {
                break;
            }
        }
        Ok(())
    }

    fn transact(&self, work: &mut Work<'_>) -> Result<(), Error> {
        let mut contents = self.contents.lock();
        let mut changed = Changed {
            contents: contents.clone(),
        };
        work(&mut changed)?;
        *contents = changed.contents;
        Ok(())
    }
}

struct Changed {
    contents: Contents,
}

impl Tables for Changed {
    fn get(&mut self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self
            .contents
            .get(table)
            .and_then(|entries| entries.get(key))
            .cloned())
    }

    fn put(&mut self, table: &str, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.contents
            .entry(table.to_owned())
            .or_default()
            .insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&mut self, table: &str, key: &[u8]) -> Result<bool, Error> {
        Ok(self
            .contents
            .get_mut(table)
            .is_some_and(|entries| entries.remove(key).is_some()))
    }

    fn extent(&mut self, table: &str) -> Result<Option<Extent>, Error> {
        let Some(entries) = self.contents.get(table) else {
            return Ok(None);
        };
        let ends = entries.first_key_value().zip(entries.last_key_value());
        Ok(ends.map(|((first, _), (last, _))| (first.clone(), last.clone())))
    }
}
