//! Published series in snapshots.

use std::sync::Arc;

use capstan_model::{Tags, Value};
use serde::{Deserialize, Serialize};

use super::series::Series;
use crate::rows::stored::StoredValue;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredSeries {
    name: String,
    tags: Vec<(String, String)>,
    columns: Vec<String>,
    rows: Vec<(i64, Vec<Option<StoredValue>>)>,
}

impl From<&Series> for StoredSeries {
    fn from(series: &Series) -> Self {
        let values = |values: &Vec<Option<Value>>| {
            values
                .iter()
                .map(|value| value.as_ref().map(StoredValue::from))
                .collect()
        };
        Self {
            name: series.name.to_string(),
            tags: series
                .tags
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            columns: series.columns.iter().map(ToString::to_string).collect(),
            rows: series
                .rows
                .iter()
                .map(|(time, row)| (*time, values(row)))
                .collect(),
        }
    }
}

impl From<StoredSeries> for Series {
    fn from(stored: StoredSeries) -> Self {
        let values = |values: Vec<Option<StoredValue>>| {
            values.into_iter().map(|value| value.map(Value::from)).collect()
        };
        Self {
            name: stored.name.into(),
            tags: Tags::from_pairs(stored.tags),
            columns: stored.columns.into_iter().map(Arc::from).collect(),
            rows: stored
                .rows
                .into_iter()
                .map(|(time, row)| (time, values(row)))
                .collect(),
        }
    }
}
