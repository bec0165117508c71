//! Writing bodies and batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_base::SharedClock;
use capstan_model::Batch;
use capstan_model::line_protocol::{Outcome, SeriesIndex};
use parking_lot::{Mutex, RwLock};

use crate::body::Encoding;
use crate::counters::{Ingress, Measurements, Totals};
use crate::error::Error;
use crate::routes::{Routes, Sink, Subscription, SubscriptionId};

/// What came of a body: points accepted, and the lines that were left out, by number (H-20 FIX).
pub type WriteOutcome = Outcome;

/// Limits, and what is assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestOptions {
    /// `default-retention-policy`: what a write without one goes to (H-22).
    pub default_retention_policy: String,
    /// The largest body, as it comes.
    pub max_body_bytes: usize,
    /// The largest body, decompressed.
    pub max_decompressed_bytes: usize,
    /// The most series (spellings of series keys) of one database and retention policy. Points of further ones are
    /// refused, unless most of those known are not written any more and give way.
    pub max_series: usize,
    /// The most (database, retention policy) pairs.
    pub max_databases: usize,
    /// The most measurements counted one by one, for each pair.
    pub max_counted_measurements: usize,
    /// The most rejected lines described in one answer.
    pub max_rejected: usize,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            default_retention_policy: String::new(),
            max_body_bytes: 25 << 20,
            max_decompressed_bytes: 256 << 20,
            max_series: 4_000_000,
            max_databases: 1_000,
            max_counted_measurements: 10_000,
            max_rejected: 100,
        }
    }
}

/// The way in.
#[derive(Debug)]
pub struct Ingest {
    options: IngestOptions,
    clock: SharedClock,
    sources: RwLock<Sources>,
    routes: Routes,
    totals: Mutex<Totals>,
}

/// By database and retention policy.
type Sources = BTreeMap<(Arc<str>, Arc<str>), Arc<Source>>;

/// One database and retention policy.
#[derive(Debug)]
pub(crate) struct Source {
    database: Arc<str>,
    retention_policy: Arc<str>,
    pub(crate) index: Mutex<SeriesIndex>,
    measurements: Measurements,
}

impl Ingest {
    /// A way in that leads nowhere yet.
    pub fn new(options: IngestOptions, clock: SharedClock) -> Self {
        Self {
            options,
            clock,
            sources: RwLock::default(),
            routes: Routes::default(),
            totals: Mutex::default(),
        }
    }

    /// The limits.
    pub fn options(&self) -> &IngestOptions {
        &self.options
    }

    /// Parses a whole body and hands its points to those who subscribed; see [`Ingest::begin`].
    pub fn write(
        &self,
        database: &str,
        retention_policy: &str,
        precision: &str,
        encoding: Encoding,
        body: &[u8],
    ) -> Result<WriteOutcome, Error> {
        let mut upload = self.begin(database, retention_policy, precision, encoding)?;
        upload.take([body])?;
        upload.end()
    }

    /// Counts a body that was taken.
    pub(crate) fn count(&self, bytes: usize, outcome: &WriteOutcome) {
        let mut totals = self.totals.lock();
        totals.writes += 1;
        totals.bytes += bytes as u64;
        totals.points += outcome.accepted as u64;
        totals.rejected += outcome.rejected_total as u64;
        totals.series_refused += outcome.series_refused as u64;
    }

    /// Counts a body that was refused.
    pub(crate) fn refuse(&self, bytes: usize) {
        let mut totals = self.totals.lock();
        totals.writes += 1;
        totals.bytes += bytes as u64;
        totals.refused += 1;
    }

    /// The time of lines that have none.
    pub(crate) fn now_nanos(&self) -> i64 {
        self.clock.now_nanos()
    }

    /// Hands over points that were made in this process: statistics, loopback. Their blocks should say the same database and
    /// retention policy.
    pub fn publish(&self, database: &str, retention_policy: &str, batch: Batch) -> Result<(), Error> {
        if database.is_empty() {
            return Err(Error::DatabaseRequired);
        }
        let source = self.source(database, retention_policy)?;
        // The lock is what keeps the order the same for all subscribers.
        let _order = source.index.lock();
        self.deliver(&source, batch);
        Ok(())
    }

    pub(crate) fn deliver(&self, source: &Source, batch: Batch) {
        source.measurements.add(&batch);
        self.routes
            .deliver(&Arc::new(batch), &source.database, &source.retention_policy);
    }

    pub(crate) fn source(&self, database: &str, retention_policy: &str) -> Result<Arc<Source>, Error> {
        let retention_policy = if retention_policy.is_empty() {
            &self.options.default_retention_policy
        } else {
            retention_policy
        };
        let key = (Arc::from(database), Arc::from(retention_policy));
        if let Some(source) = self.sources.read().get(&key) {
            return Ok(Arc::clone(source));
        }
        let mut sources = self.sources.write();
        if let Some(source) = sources.get(&key) {
            return Ok(Arc::clone(source));
        }
        if sources.len() >= self.options.max_databases {
            return Err(Error::TooManyDatabases {
                limit: self.options.max_databases,
            });
        }
        let index = SeriesIndex::new(Arc::clone(&key.0), Arc::clone(&key.1));
        let source = Arc::new(Source {
            database: Arc::clone(&key.0),
            retention_policy: Arc::clone(&key.1),
            index: Mutex::new(index.with_max_series(self.options.max_series)),
            measurements: Measurements::new(self.options.max_counted_measurements),
        });
        sources.insert(key, Arc::clone(&source));
        Ok(source)
    }

    /// From now on `sink` gets the points that `subscription` asks for.
    pub fn subscribe(&self, subscription: Subscription, sink: Arc<dyn Sink>) -> SubscriptionId {
        self.routes.add(subscription, sink)
    }

    /// Ends a subscription; says whether there was one. A delivery that is under way may still arrive.
    pub fn unsubscribe(&self, id: SubscriptionId) -> bool {
        self.routes.remove(id)
    }

    /// Points received, by database, retention policy and measurement, in that order (S-91).
    pub fn ingress(&self) -> Vec<Ingress> {
        let sources: Vec<Arc<Source>> = self.sources.read().values().cloned().collect();
        let rows = sources.iter().flat_map(|source| {
            source
                .measurements
                .read()
                .into_iter()
                .map(|(measurement, points_received)| Ingress {
                    database: Arc::clone(&source.database),
                    retention_policy: Arc::clone(&source.retention_policy),
                    measurement,
                    points_received,
                })
        });
        rows.collect()
    }

    /// How many series (spellings of series keys) are known, over all databases and retention policies.
    pub fn series(&self) -> usize {
        let sources: Vec<Arc<Source>> = self.sources.read().values().cloned().collect();
        sources.iter().map(|source| source.index.lock().len()).sum()
    }

    /// Sums over all writes.
    pub fn totals(&self) -> Totals {
        *self.totals.lock()
    }
}
