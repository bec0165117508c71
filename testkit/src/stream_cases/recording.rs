//! Stream recordings (`.srpl`), read as the product reads them; their times are seconds.

use std::path::Path;

use capstan_model::{Batch, Precision};
use capstan_sim::data::{self, Data, Format, ReadOptions};

/// The points of a recording, shifted so that the first one is at `zero`; one batch per run of one database.
pub(super) fn stream(file: &Path, zero: i64) -> Result<Vec<Batch>, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let options = ReadOptions {
        format: Some(Format::Srpl),
        precision: Precision::Second,
        ..ReadOptions::default()
    };
    let read = data::read(&file.display().to_string(), bytes, &options).map_err(|error| error.to_string())?;
    let by = zero - read.first_time().unwrap_or(zero);
    match read {
        Data::Stream(batches) => Ok(batches.iter().map(|batch| data::shifted(batch, by)).collect()),
        Data::Batches(_) => Err(format!("{} holds batches", file.display())),
    }
}

/// The same points, each in a batch of its own.
pub(super) fn points(batch: &Batch) -> Vec<Batch> {
    data::single_points(batch).map(|(_, point)| point).collect()
}
