//! Functions that answer point by point (N-134).

use std::sync::Arc;

use capstan_influxql::{Number, Sample, Transform, ValueRef as Pushed};
use capstan_model::{Block, ColumnBuilder, GroupId, RowKey, ValueRef, Values};

use super::settings::{Settings, pushed, type_of};
use super::versioned;
use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::rows::{self, OwnKeys};

#[derive(Debug)]
struct State {
    /// The group's tags in the node's own table.
    key: RowKey,
    transform: Option<Transform>,
}

#[derive(Debug)]
pub(super) struct Transforming {
    settings: Settings,
    keys: OwnKeys,
    groups: PerGroup<State>,
}

/// Answers, as the columns of a block.
struct Answers {
    times: Vec<i64>,
    keys: Vec<RowKey>,
    groups: Vec<GroupId>,
    column: ColumnBuilder,
}

impl Answers {
    fn new(name: &Arc<str>, rows: usize) -> Self {
        Self {
            times: Vec::with_capacity(rows),
            keys: Vec::with_capacity(rows),
            groups: Vec::with_capacity(rows),
            column: ColumnBuilder::new(Arc::clone(name)),
        }
    }

    #[inline]
    fn push(&mut self, sample: Sample, key: RowKey, group: GroupId) {
        let value = match sample.value {
            Number::Float(v) => ValueRef::Float(v),
            Number::Int(v) => ValueRef::Int(v),
        };
        self.column.set(self.times.len(), value);
        self.times.push(sample.time);
        self.keys.push(key);
        self.groups.push(group);
    }

    fn finish(self, name: &Arc<str>, keys: &OwnKeys) -> (Block, Vec<GroupId>) {
        let columns = self.column.finish(self.times.len()).into_iter().collect();
        (
            rows::block(
                Arc::clone(name),
                Arc::clone(keys.table()),
                self.times,
                self.keys,
                columns,
            ),
            self.groups,
        )
    }
}

impl Transforming {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            keys: OwnKeys::default(),
            groups: PerGroup::default(),
        }
    }

    fn state<'a>(
        groups: &'a mut PerGroup<State>,
        keys: &OwnKeys,
        ctx: &Context<'_>,
        group: GroupId,
    ) -> &'a mut State {
        groups.entry(group, || State {
            key: keys.of_tags(&ctx.group(group).tags),
            transform: None,
        })
    }

    fn run(&mut self, ctx: &mut Context<'_>, block: &Block, group: impl Fn(usize) -> GroupId) -> Answers {
        let column = block.column(&self.settings.field);
        let dense = column
            .filter(|column| column.is_dense())
            .map(|column| &*column.values);
        let mut answers = Answers::new(&self.settings.name, block.len());
        let Self {
            settings,
            keys,
            groups,
        } = self;
        for (row, &time) in block.time.iter().enumerate() {
            let group = group(row);
            let State { key, transform } = Self::state(groups, keys, ctx, group);
            let value = match dense {
                Some(Values::Float(values)) => Some(Pushed::Float(values[row])),
                Some(Values::Int(values)) => Some(Pushed::Int(values[row])),
                _ => column.and_then(|column| column.get(row)).and_then(pushed),
            };
            if transform.is_none() {
                let made = value.ok_or_else(|| settings.call.missing());
                match made.and_then(|value| settings.call.transform(type_of(value))) {
                    Ok(made) => *transform = Some(made),
                    Err(error) => {
                        ctx.error("failed to realize reduce context from fields", error);
                        continue;
                    }
                }
            }
            let Some(transform) = transform else { continue };
            let pushed = match value {
                Some(Pushed::Float(value)) => transform.push_float(time, value),
                Some(Pushed::Int(value)) => transform.push_int(time, value),
                Some(value) => transform.push(time, value),
                None => {
                    ctx.error("failed to aggregate point", settings.call.missing());
                    // compat: the last answer once more.
                    Ok(transform.again())
                }
            };
            let sample = pushed.unwrap_or_else(|wrong| {
                ctx.error("failed to aggregate point", settings.call.wrong_type(wrong));
                transform.again()
            });
            if let Some(sample) = sample {
                answers.push(sample, *key, group);
            }
        }
        answers
    }
}

impl Node for Transforming {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let answers = self.run(ctx, &points.block, |row| points.groups[row]);
        let (block, groups) = answers.finish(&points.block.name, &self.keys);
        ctx.emit(Message::Points(Points {
            block: Arc::new(block),
            groups: Arc::new(groups),
        }));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        Self::state(&mut self.groups, &self.keys, ctx, batch.group).transform = None;
        let (rows, _) = self
            .run(ctx, &batch.rows, |_| batch.group)
            .finish(&batch.name, &self.keys);
        ctx.emit(Message::Batch(Arc::new(batch.with_rows(Arc::new(rows)))));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        versioned::store(self.groups.store(groups, |state| state.transform.clone()))
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        self.groups
            .unstore(versioned::unstore(state)?, groups, |group, transform| State {
                key: self.keys.of_tags(&groups.groups().get(group).tags),
                transform,
            });
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        let older = self.keys.renew();
        let keys = &self.keys;
        for (_, state) in self.groups.iter_mut() {
            state.key = keys.moved(&older, state.key);
        }
        true
    }
}
