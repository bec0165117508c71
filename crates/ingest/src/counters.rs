//! What came in: by measurement for `stats ingress` (S-91), and in all (S-96).

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_model::Batch;
use parking_lot::Mutex;

/// Points received of one measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingress {
    pub database: Arc<str>,
    pub retention_policy: Arc<str>,
    pub measurement: Arc<str>,
    pub points_received: u64,
}

/// Sums over all writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bodies taken or refused.
    pub writes: u64,
    /// Bytes of bodies as they came.
    pub bytes: u64,
    /// Points accepted.
    pub points: u64,
    /// Lines rejected.
    pub rejected: u64,
    /// Of these, lines of series beyond the limit ([`crate::IngestOptions::max_series`]).
    pub series_refused: u64,
    /// Bodies refused as a whole.
    pub refused: u64,
}

/// Points of measurements beyond the bound are counted under this name.
const OTHER: &str = "(other)";

/// Points by measurement of one database and retention policy.
#[derive(Debug)]
pub(crate) struct Measurements {
    points: Mutex<BTreeMap<Arc<str>, u64>>,
    max: usize,
}

impl Measurements {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            points: Mutex::default(),
            max,
        }
    }

    pub(crate) fn add(&self, batch: &Batch) {
        let mut points = self.points.lock();
        for block in &batch.blocks {
            let count = block.len() as u64;
            if let Some(known) = points.get_mut(&*block.name) {
                *known += count;
            } else {
                let name = if points.len() < self.max {
                    Arc::clone(&block.name)
                } else {
                    Arc::from(OTHER)
                };
                *points.entry(name).or_default() += count;
            }
        }
    }

    pub(crate) fn read(&self) -> Vec<(Arc<str>, u64)> {
        self.points
            .lock()
            .iter()
            .map(|(name, points)| (Arc::clone(name), *points))
            .collect()
    }
}
