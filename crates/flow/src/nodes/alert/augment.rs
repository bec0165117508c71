//! What an alert node adds to the points that it passes on.

use std::sync::Arc;

use capstan_alert::EventState;
use capstan_model::{Block, ColumnBuilder, Dimensions, GroupId, Groups, Tags, ValueRef};

use super::settings::Output;
use crate::message::{PointBatch, Points};
use crate::rows::OwnKeys;

/// Keys of the tag sets that the node made.
#[derive(Debug, Default)]
pub(super) struct Augment {
    keys: OwnKeys,
}

impl Output {
    fn tags(&self, tags: &Tags, state: &EventState) -> Tags {
        let mut tags = tags.clone();
        if let Some(name) = &self.level_tag {
            tags = tags.with(name, state.level.as_str());
        }
        if let Some(name) = &self.id_tag {
            tags = tags.with(name, &state.id);
        }
        tags
    }

    fn has_tags(&self) -> bool {
        self.level_tag.is_some() || self.id_tag.is_some()
    }

    /// The block with the fields; `state` gives the event of each row.
    fn with_fields<'s>(&self, mut block: Block, state: impl Fn(usize) -> &'s EventState) -> Block {
        type Get = for<'s> fn(&'s EventState) -> ValueRef<'s>;
        let fields: [(&Option<Arc<str>>, Get); 4] = [
            (&self.level_field, |state| ValueRef::Str(state.level.as_str())),
            (&self.message_field, |state| ValueRef::Str(&state.message)),
            (&self.id_field, |state| ValueRef::Str(&state.id)),
            (&self.duration_field, |state| ValueRef::Int(state.duration)),
        ];
        for (name, value) in fields {
            let Some(name) = name else { continue };
            let mut column = ColumnBuilder::new(Arc::clone(name));
            for row in 0..block.len() {
                column.set(row, value(state(row)));
            }
            if let Some(column) = column.finish(block.len()) {
                block = block.with_column(column);
            }
        }
        block
    }
}

impl Augment {
    pub(super) fn forget_keys(&mut self) {
        self.keys.renew();
    }

    /// Points with tags and fields from the event of each.
    pub(super) fn points(
        &mut self,
        output: &Output,
        groups: &mut Groups,
        points: Points,
        states: &[EventState],
    ) -> Points {
        let mut block = output.with_fields(Block::clone(&points.block), |row| &states[row]);
        if !output.has_tags() {
            return Points {
                block: Arc::new(block),
                ..points
            };
        }
        let mut grouped = Vec::with_capacity(block.len());
        let mut keys = Vec::with_capacity(block.len());
        for (row, state) in states.iter().enumerate() {
            let tags = output.tags(&block.tags(row), state);
            keys.push(self.keys.of_tags(&tags));
            grouped.push(Self::regrouped(
                output,
                groups,
                points.groups[row],
                &block.name,
                &tags,
            ));
        }
        block.keys = Arc::clone(self.keys.table());
        block.key = Arc::new(keys);
        Points {
            block: Arc::new(block),
            groups: Arc::new(grouped),
        }
    }

    /// The group of a point with new tags: another one only if it was grouped by one of them.
    fn regrouped(output: &Output, groups: &mut Groups, group: GroupId, name: &str, tags: &Tags) -> GroupId {
        let dimensions = Arc::clone(groups.get(group).dimensions());
        let grouped_by =
            |tag: &Option<Arc<str>>| tag.as_ref().is_some_and(|tag| dimensions.tags.contains(tag));
        if !grouped_by(&output.level_tag) && !grouped_by(&output.id_tag) {
            return group;
        }
        let dimensions = dimensions.clone();
        groups.intern(&dimensions, name, tags)
    }

    /// A batch with tags and fields from its event; the tags belong to the batch, which is of another group then.
    pub(super) fn batch(
        &mut self,
        output: &Output,
        groups: &mut Groups,
        batch: Arc<PointBatch>,
        state: &EventState,
    ) -> Arc<PointBatch> {
        let mut block = output.with_fields(Block::clone(&batch.rows), |_| state);
        if !output.has_tags() {
            return Arc::new(batch.with_rows(Arc::new(block)));
        }
        let keys = (0..block.len()).map(|row| {
            let tags = output.tags(&block.tags(row), state);
            self.keys.of_tags(&tags)
        });
        let keys = Arc::new(keys.collect());
        block.keys = Arc::clone(self.keys.table());
        block.key = keys;
        let group = groups.get(batch.group).clone();
        let tags = output.tags(&group.tags, state);
        let dimensions = Dimensions {
            by_name: group.dimensions().by_name,
            tags: tags.iter().map(|(key, _)| Arc::from(key)).collect(),
        };
        Arc::new(PointBatch {
            group: groups.intern(&dimensions, &batch.name, &tags),
            ..batch.with_rows(Arc::new(block))
        })
    }
}
