//! `kapacitorLoopback`'s port onto the server's own write path.

use std::sync::Arc;

use capstan_flow::ports::{Loopback, LoopbackError};
use capstan_ingest::Ingest;
use capstan_model::{Batch, Block};

/// Publishes rows as if a client had written them.
#[derive(Debug)]
pub(crate) struct IngestLoopback {
    ingest: Arc<Ingest>,
}

impl IngestLoopback {
    /// A loopback into `ingest`.
    pub(crate) fn new(ingest: Arc<Ingest>) -> Self {
        Self { ingest }
    }
}

impl Loopback for IngestLoopback {
    fn write(&self, rows: Arc<Block>) -> Result<(), LoopbackError> {
        let (database, retention_policy) = (Arc::clone(&rows.database), Arc::clone(&rows.retention_policy));
        let batch = Batch {
            blocks: vec![rows],
            runs: Vec::new(),
        };
        self.ingest
            .publish(&database, &retention_policy, batch)
            .map_err(|error| LoopbackError(error.to_string()))
    }
}
