//! Recordings of batches.

use capstan_flow::recording::{RecordedBatch, read_batches};

use super::Wrong;

/// Reads batches.
pub(super) fn read(text: &str) -> Result<Vec<RecordedBatch>, Wrong> {
    read_batches(text).map_err(|error| {
        // serde_json says `… at line 3 column 7`.
        let line = error
            .message
            .rsplit_once(" at line ")
            .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        (line, error.to_string())
    })
}
