use std::sync::Arc;

use capstan_model::GroupId;
use parking_lot::Mutex;

use super::latest::{Entry, Latest};
use super::render;
use super::series;
use super::stored::StoredSeries;
use crate::endpoints::Published;
use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;

/// What the endpoint shows.
#[derive(Debug, Default)]
struct Shown(Mutex<Latest>);

impl Published for Shown {
    fn render(&self) -> String {
        render::result(self.0.lock().iter().map(|(_, series)| series))
    }
}

/// What is known of a group.
#[derive(Debug, Clone, Copy)]
struct Place {
    entry: Entry,
    /// Number of the last message it was seen in.
    message: u32,
}

/// Publishes and passes on (N-161).
#[derive(Debug)]
pub(super) struct HttpOut {
    endpoint: Arc<str>,
    shown: Arc<Shown>,
    places: PerGroup<Place>,
    message: u32,
}

impl HttpOut {
    pub(super) fn new(config: &NodeConfig) -> Self {
        Self {
            endpoint: config.string_argument(0),
            shown: Arc::default(),
            places: PerGroup::default(),
            message: 0,
        }
    }
}

impl Node for HttpOut {
    fn start(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let shown = Arc::clone(&self.shown);
        ctx.ports().endpoints.publish(Arc::clone(&self.endpoint), shown);
        Ok(())
    }

    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        self.message = self.message.wrapping_add(1);
        let message = self.message;
        {
            let mut latest = self.shown.0.lock();
            // New groups get their places in the order of the rows; then only the last row of a group is copied.
            for &group in points.groups.iter() {
                self.places.entry(group, || Place {
                    entry: latest.add(group),
                    message: message.wrapping_sub(1),
                });
            }
            for (row, &group) in points.groups.iter().enumerate().rev() {
                if let Some(place) = self.places.get_mut(group)
                    && place.message != message
                {
                    place.message = message;
                    latest.set_point(place.entry, &points.block, row);
                }
            }
        }
        ctx.emit(Message::Points(points));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let new = series::batch(&batch, &ctx.group(batch.group).tags);
        {
            let mut latest = self.shown.0.lock();
            let message = self.message;
            let place = self.places.entry(batch.group, || Place {
                entry: latest.add(batch.group),
                message,
            });
            latest.set(place.entry, new);
        }
        ctx.emit(Message::Batch(batch));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        if let Some(place) = self.places.remove(group) {
            let places = &mut self.places;
            self.shown.0.lock().remove(place.entry, |group, entry| {
                if let Some(place) = places.get_mut(group) {
                    place.entry = entry;
                }
            });
        }
    }

    fn cardinality(&self) -> usize {
        self.places.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let latest = self.shown.0.lock();
        let stored: Vec<(u32, StoredSeries)> = latest
            .iter()
            .map(|(group, series)| (groups.place(group), (&series).into()))
            .collect();
        serde_json::value::to_raw_value(&stored).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored: Vec<(u32, StoredSeries)> = serde_json::from_str(state.get())?;
        let mut latest = self.shown.0.lock();
        for (place, stored) in stored {
            if let Some(group) = groups.group(place) {
                let message = self.message;
                let place = self.places.entry(group, || Place {
                    entry: latest.add(group),
                    message,
                });
                latest.set(place.entry, stored.into());
            }
        }
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}
