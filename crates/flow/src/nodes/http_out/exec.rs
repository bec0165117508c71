use std::sync::Arc;

use capstan_model::{Block, GroupId, Tags, Value};
use parking_lot::Mutex;

use super::render;
use crate::endpoints::Published;
use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome};
use crate::pipeline::NodeConfig;

/// The latest of a group, copied so that no body is pinned.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: Arc<str>,
    pub(super) tags: Tags,
    /// Without `time`, sorted.
    pub(super) columns: Vec<Arc<str>>,
    /// Time and values by column; `None` where a row has nothing.
    pub(super) rows: Vec<(i64, Vec<Option<Value>>)>,
}

/// The latest of every group, in the order in which groups came (N-162).
#[derive(Debug, Default)]
pub(super) struct Latest {
    series: Mutex<Vec<(GroupId, Series)>>,
}

impl Published for Latest {
    fn render(&self) -> String {
        render::result(self.series.lock().iter().map(|(_, series)| series))
    }
}

/// Publishes and passes on (N-161).
#[derive(Debug)]
pub(super) struct HttpOut {
    endpoint: Arc<str>,
    latest: Arc<Latest>,
    /// Place in `latest`, and the last message the group was seen in.
    places: PerGroup<(usize, u64)>,
    message: u64,
}

impl HttpOut {
    pub(super) fn new(config: &NodeConfig) -> Self {
        Self {
            endpoint: config.string_argument(0),
            latest: Arc::default(),
            places: PerGroup::default(),
            message: 0,
        }
    }
}

/// A point with all of its tags.
fn point(block: &Block, row: usize) -> Series {
    let present = block
        .columns
        .iter()
        .filter_map(|column| Some((&column.name, column.get(row)?)));
    let (columns, values) = present
        .map(|(name, value)| (Arc::clone(name), Some(value.to_value())))
        .unzip();
    Series {
        name: Arc::clone(&block.name),
        tags: block.tags(row),
        columns,
        rows: vec![(block.time[row], values)],
    }
}

/// A batch with its group's tags; other tags are columns. Columns come from the first row.
fn batch_series(batch: &PointBatch, tags: &Tags) -> Series {
    let rows = &batch.rows;
    let mut columns: Vec<Arc<str>> = Vec::new();
    if !rows.is_empty() {
        columns.extend(rows.fields(0).map(|(name, _)| Arc::from(name)));
        let first = rows.tags(0);
        columns.extend(
            first
                .iter()
                .filter(|(key, _)| tags.get(key).is_none())
                .map(|(key, _)| Arc::from(key)),
        );
        columns.sort();
    }
    let row = |at: usize| {
        let own = rows.tags(at);
        let value = |column: &Arc<str>| match rows.field(column, at) {
            Some(value) => Some(value.to_value()),
            None => own.get(column).map(|text| Value::Str(text.into())),
        };
        (rows.time[at], columns.iter().map(value).collect())
    };
    Series {
        name: Arc::clone(&batch.name),
        tags: tags.clone(),
        rows: (0..rows.len()).map(row).collect(),
        columns,
    }
}

impl Node for HttpOut {
    fn start(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let latest = Arc::clone(&self.latest);
        ctx.ports().endpoints.publish(Arc::clone(&self.endpoint), latest);
        Ok(())
    }

    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        self.message += 1;
        let message = self.message;
        {
            let mut series = self.latest.series.lock();
            // New groups get their places in the order of the rows; then only the last row of a group is copied.
            for (row, &group) in points.groups.iter().enumerate() {
                self.places.entry(group, || {
                    series.push((group, point(&points.block, row)));
                    (series.len() - 1, 0)
                });
            }
            for (row, &group) in points.groups.iter().enumerate().rev() {
                if let Some((place, seen)) = self.places.get_mut(group)
                    && *seen != message
                {
                    *seen = message;
                    series[*place].1 = point(&points.block, row);
                }
            }
        }
        ctx.emit(Message::Points(points));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let new = batch_series(&batch, &ctx.group(batch.group).tags);
        {
            let mut series = self.latest.series.lock();
            let (place, _) = *self.places.entry(batch.group, || (usize::MAX, 0));
            if let Some((_, series)) = series.get_mut(place) {
                *series = new;
            } else {
                series.push((batch.group, new));
                *self.places.entry(batch.group, || (0, 0)) = (series.len() - 1, 0);
            }
        }
        ctx.emit(Message::Batch(batch));
        Ok(())
    }

    fn delete_group(&mut self, ctx: &mut Context<'_>, group: GroupId) -> Outcome {
        if let Some((place, _)) = self.places.remove(group) {
            let mut series = self.latest.series.lock();
            if place < series.len() {
                series.remove(place);
            }
            for (_, (other, _)) in self.places.iter_mut() {
                if *other > place {
                    *other -= 1;
                }
            }
        }
        ctx.emit(Message::DeleteGroup(group));
        Ok(())
    }

    fn cardinality(&self) -> usize {
        self.places.len()
    }
}
