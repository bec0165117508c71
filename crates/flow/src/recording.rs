//! Recordings of batches (`.brpl`): JSON objects one after the other, one per batch (R-10, R-11).

use std::sync::Arc;

use capstan_gocompat::time_layout::parse_rfc3339;
use capstan_model::{BlockBuilder, Dimensions, Groups, KeyTable, Tags, Value};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::message::PointBatch;

/// A recorded batch; it has points.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedBatch {
    /// Measurement.
    pub name: Arc<str>,
    /// Its tags; their keys are its dimensions.
    pub tags: Tags,
    /// Whether the measurement is part of the group.
    pub by_name: bool,
    /// When it ended, if that was recorded.
    pub tmax: Option<i64>,
    /// Time, tags and fields of each.
    pub points: Vec<RecordedPoint>,
}

/// A point of a recorded batch.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedPoint {
    /// Nanoseconds since the Unix epoch.
    pub time: i64,
    pub tags: Tags,
    pub fields: Vec<(String, Value)>,
}

/// A recording cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("batch {batch} of the recording: {message}")]
pub struct RecordingError {
    /// Counted from 1.
    pub batch: usize,
    pub message: String,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(default)]
    name: String,
    #[serde(default)]
    tags: Option<Map<String, Json>>,
    #[serde(default)]
    byname: bool,
    #[serde(default)]
    tmax: Option<String>,
    #[serde(default)]
    points: Option<Vec<Point>>,
}

#[derive(Deserialize)]
struct Point {
    #[serde(default)]
    time: String,
    #[serde(default)]
    tags: Option<Map<String, Json>>,
    #[serde(default)]
    fields: Option<Map<String, Json>>,
}

/// Reads a recording. Batches without points are left out.
///
/// # Errors
/// It is not JSON, or a time is none.
pub fn read_batches(text: &str) -> Result<Vec<RecordedBatch>, RecordingError> {
    let mut batches = Vec::new();
    for (at, batch) in serde_json::Deserializer::from_str(text)
        .into_iter::<Batch>()
        .enumerate()
    {
        let error = |message: String| RecordingError {
            batch: at + 1,
            message,
        };
        let batch = batch.map_err(|cause| error(cause.to_string()))?;
        let points = batch.points.unwrap_or_default();
        if points.is_empty() {
            continue;
        }
        let tags = tags(batch.tags);
        let time = |text: &str| parse_rfc3339(text).ok_or_else(|| error(format!("{text:?} is no time")));
        let point = |point: Point| {
            let own = self::tags(point.tags);
            Ok(RecordedPoint {
                time: time(&point.time)?,
                tags: if own.is_empty() { tags.clone() } else { own },
                fields: fields(point.fields),
            })
        };
        batches.push(RecordedBatch {
            name: batch.name.into(),
            by_name: batch.byname,
            // Go's zero time stands for none.
            tmax: batch
                .tmax
                .filter(|text| !text.starts_with("0001-"))
                .map(|text| time(&text))
                .transpose()?,
            points: points.into_iter().map(point).collect::<Result<_, _>>()?,
            tags,
        });
    }
    Ok(batches)
}

fn tags(tags: Option<Map<String, Json>>) -> Tags {
    Tags::from_pairs(
        tags.unwrap_or_default()
            .into_iter()
            .map(|(key, value)| match value {
                Json::String(text) => (key, text),
                other => (key, other.to_string()),
            }),
    )
}

/// Numbers are floats (R-11).
fn fields(fields: Option<Map<String, Json>>) -> Vec<(String, Value)> {
    let field = |(name, value): (String, Json)| {
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(v) => Value::Bool(v),
            Json::Number(v) => Value::Float(v.as_f64()?),
            Json::String(v) => Value::Str(v.into()),
            Json::Array(_) | Json::Object(_) => return None,
        };
        Some((name, value))
    };
    fields.unwrap_or_default().into_iter().filter_map(field).collect()
}

/// The time of the first point of a recording.
pub fn first_time(batches: &[RecordedBatch]) -> Option<i64> {
    batches.first()?.points.first().map(|point| point.time)
}

impl RecordedBatch {
    /// The batch with its points moved by `by` nanoseconds, in the groups of a task; it ends with its last point unless a
    /// later end was recorded, which is not moved.
    pub fn replay(&self, by: i64, groups: &mut Groups, keys: &Arc<KeyTable>) -> PointBatch {
        let mut rows = BlockBuilder::new(Arc::clone(&self.name), Arc::clone(keys));
        let mut last = i64::MIN;
        for point in &self.points {
            last = point.time.saturating_add(by);
            rows.row(last, keys.intern(&point.tags));
            for (name, value) in &point.fields {
                rows.field(name, value.as_ref());
            }
        }
        let dimensions = Dimensions {
            by_name: self.by_name,
            tags: self.tags.iter().map(|(key, _)| Arc::from(key)).collect(),
        };
        PointBatch {
            name: Arc::clone(&self.name),
            group: groups.intern(&dimensions, &self.name, &self.tags),
            tmax: self.tmax.map_or(last, |tmax| tmax.max(last)),
            rows: Arc::new(rows.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_read_as_kapacitor_writes_them() {
        let text = r#"{"name":"m","tags":{"a":"x"},"points":[{"fields":{"v":1,"s":"t","n":null},"time":"1970-01-01T00:00:01Z","tags":{"a":"x","b":"y"}},{"fields":{"v":2.5},"time":"1970-01-01T00:00:03Z"}]}
        {"name":"m","points":[]}{"name":"n","byname":true,"tmax":"1970-01-01T00:01:00Z","points":[{"fields":{"v":true},"time":"1970-01-01T00:00:04Z"}]}"#;
        let batches = read_batches(text).expect("a recording");
        assert_eq!(batches.len(), 2);
        assert_eq!(first_time(&batches), Some(1_000_000_000));
        assert_eq!(batches[0].points[1].tags, batches[0].tags);
        let mut groups = Groups::default();
        let keys = Arc::new(KeyTable::new());
        let first = batches[0].replay(-1_000_000_000, &mut groups, &keys);
        assert_eq!(
            (first.tmax, &*first.rows.time),
            (2_000_000_000, &vec![0, 2_000_000_000])
        );
        assert_eq!(groups.get(first.group).id(), "a=x");
        let second = batches[1].replay(0, &mut groups, &keys);
        assert_eq!(second.tmax, 60_000_000_000);
        assert_eq!(groups.get(second.group).id(), "n\n");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = read_batches("{\"name\":\"m\"} {\"points\":[{\"time\":\"x\"}]}").expect_err("no time");
        assert_eq!(error.to_string(), "batch 2 of the recording: \"x\" is no time");
        assert_eq!(read_batches("[").expect_err("no JSON").batch, 1);
    }
}
