//! The log of decision records (design section 4, rule 6): bounded, written in batches, the oldest go first.

use serde_json::Value;

use crate::backend::Tables;
use crate::error::Error;
use crate::schema::MAX_VALUE;
use crate::store::Store;

const DECISIONS: &str = "decision";
const VERSION: u8 = 1;

impl Store {
    /// Adds decision records, oldest first, in one write, and removes the oldest of all beyond `keep`.
    pub fn append_decisions(&self, records: &[Value], keep: usize) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let mut encoded = Vec::with_capacity(records.len());
        for record in &records[records.len().saturating_sub(keep)..] {
            let mut bytes = vec![VERSION];
            serde_json::to_writer(&mut bytes, record)
                .map_err(|error| Error::Internal(format!("cannot write a decision as JSON: {error}")))?;
            if bytes.len() > MAX_VALUE {
                let key = String::new();
                return Err(Error::TooLarge {
                    namespace: DECISIONS,
                    key,
                    bytes: bytes.len(),
                    limit: MAX_VALUE,
                });
            }
            encoded.push(bytes);
        }
        self.backend
            .transact(&mut |tables| append(tables, &encoded, keep as u64))
    }

    /// The newest `limit` decision records that `wanted` accepts, newest first. Records that cannot be read are passed over.
    pub fn recent_decisions(
        &self,
        wanted: impl Fn(&Value) -> bool,
        limit: usize,
    ) -> Result<Vec<Value>, Error> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.backend.scan(DECISIONS, &[], true, &mut |_, bytes| {
            if let Some((&VERSION, json)) = bytes.split_first()
                && let Ok(record) = serde_json::from_slice::<Value>(json)
                && wanted(&record)
            {
                found.push(record);
            }
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }
}

fn append(tables: &mut dyn Tables, records: &[Vec<u8>], keep: u64) -> Result<(), Error> {
    let extent = tables.extent(DECISIONS)?;
    let number = |key: &[u8]| key.try_into().map_or(0, u64::from_be_bytes);
    let mut next = extent.as_ref().map_or(0, |(_, last)| number(last) + 1);
    for bytes in records {
        tables.put(DECISIONS, &next.to_be_bytes(), bytes)?;
        next += 1;
    }
    if let Some((first, _)) = extent {
        // Numbers have no gaps, so that the first one to stay is known.
        for old in number(&first)..next.saturating_sub(keep) {
            tables.delete(DECISIONS, &old.to_be_bytes())?;
        }
    }
    Ok(())
}
