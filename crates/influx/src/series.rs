//! What queries give.

use capstan_model::{Tags, Value};

/// One series, or one table of Flux.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Measurement.
    pub name: String,
    pub tags: Tags,
    /// Without the time.
    pub columns: Vec<String>,
    /// Time in nanoseconds since the Unix epoch, if the query gives one, and a value per column.
    pub rows: Vec<(Option<i64>, Vec<Option<Value>>)>,
}
