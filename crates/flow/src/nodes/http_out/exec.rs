use std::sync::Arc;

use capstan_model::GroupId;
use parking_lot::Mutex;
use serde_json::Value as Json;

use super::render;
use super::series::{self, Series};
use super::stored::StoredSeries;
use crate::endpoints::Published;
use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;

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
                    series.push((group, series::point(&points.block, row)));
                    (series.len() - 1, 0)
                });
            }
            for (row, &group) in points.groups.iter().enumerate().rev() {
                if let Some((place, seen)) = self.places.get_mut(group)
                    && *seen != message
                {
                    *seen = message;
                    series[*place].1 = series::point(&points.block, row);
                }
            }
        }
        ctx.emit(Message::Points(points));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let new = series::batch(&batch, &ctx.group(batch.group).tags);
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

    fn forget_group(&mut self, group: GroupId) {
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
    }

    fn cardinality(&self) -> usize {
        self.places.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let series = self.latest.series.lock();
        let stored: Vec<(u32, StoredSeries)> = series
            .iter()
            .map(|(group, series)| (groups.place(*group), series.into()))
            .collect();
        serde_json::to_value(stored).ok()
    }

    fn restore(&mut self, state: Json, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored: Vec<(u32, StoredSeries)> = serde_json::from_value(state)?;
        let mut series = self.latest.series.lock();
        for (place, stored) in stored {
            if let Some(group) = groups.group(place) {
                self.places.entry(group, || (series.len(), 0));
                series.push((group, stored.into()));
            }
        }
        Ok(())
    }
}
