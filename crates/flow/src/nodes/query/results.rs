//! From a series to a batch (N-118, N-119).

use std::sync::Arc;

use capstan_model::{BlockBuilder, Dimensions, Groups};

use crate::message::PointBatch;
use crate::ports::QuerySeries;
use crate::rows::OwnKeys;

/// The batch of a series. Null values are no fields, rows without fields no points. Its time is that of the newest point
/// if the query is grouped by time and there is one, else `stop`.
pub(super) fn batch(
    series: &QuerySeries,
    stop: i64,
    by_time: bool,
    by_name: bool,
    groups: &mut Groups,
    keys: &OwnKeys,
) -> PointBatch {
    let key = keys.of_tags(&series.tags);
    let mut rows = BlockBuilder::new(Arc::clone(&series.name), Arc::clone(keys.table()));
    let mut newest = None;
    for (time, values) in &series.rows {
        let mut fields = series
            .columns
            .iter()
            .zip(values)
            .filter_map(|(name, value)| Some((name, value.as_ref()?)))
            .peekable();
        if fields.peek().is_none() {
            continue;
        }
        let time = time.unwrap_or(stop);
        newest = newest.max(Some(time));
        rows.row(time, key);
        for (name, value) in fields {
            rows.field(name, value.as_ref());
        }
    }
    let dimensions = Dimensions {
        by_name,
        tags: series.tags.iter().map(|(key, _)| Arc::from(key)).collect(),
    };
    PointBatch {
        name: Arc::clone(&series.name),
        group: groups.intern(&dimensions, &series.name, &series.tags),
        tmax: newest.filter(|_| by_time).unwrap_or(stop),
        rows: Arc::new(rows.finish()),
    }
}
