//! Aggregates and selectors on streams: points of a group with one time are one aggregate (N-132).

use std::sync::Arc;

use capstan_influxql::{Aggregate, Emitted, Keeps, Row, ValueRef as Pushed};
use capstan_model::{Block, ColumnBuilder, GroupId, RowKey, Values};
use serde::{Deserialize, Serialize};

use super::settings::{Settings, given, pushed, type_of};
use super::versioned;
use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::rows::stored::StoredRow;
use crate::rows::{self, OutputRows, OwnKeys, RowBuffer};

/// The points of one time of one group.
#[derive(Debug)]
struct Slot {
    time: i64,
    /// Measurement of the first point of this time.
    name: Arc<str>,
    /// The group's tags in the node's own table.
    key: RowKey,
    aggregate: Option<Aggregate>,
    /// Whether the aggregate holds points of this time.
    live: bool,
    /// Points that may be chosen; [`Row`] is an index.
    kept: Option<Box<RowBuffer>>,
}

#[derive(Debug)]
pub(super) struct StreamAggregate {
    settings: Settings,
    keys: OwnKeys,
    groups: PerGroup<Slot>,
    answer: Vec<Emitted>,
}

impl StreamAggregate {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            keys: OwnKeys::default(),
            groups: PerGroup::default(),
            answer: Vec::new(),
        }
    }

    /// Adds a point to a slot.
    #[inline]
    fn push(
        settings: &Settings,
        keys: &mut OwnKeys,
        ctx: &mut Context<'_>,
        slot: &mut Slot,
        block: &Block,
        row: usize,
        value: Option<Pushed<'_>>,
    ) {
        let Some(value) = value else {
            let doing = if slot.live {
                "failed to aggregate point"
            } else {
                "failed to realize reduce context from fields"
            };
            ctx.error(doing, settings.call.missing());
            return;
        };
        if !slot.live {
            let wanted = type_of(value);
            match &mut slot.aggregate {
                Some(aggregate) if aggregate.field_type() == wanted => aggregate.reset(),
                other => match settings.call.aggregate(wanted) {
                    Ok(aggregate) => *other = Some(aggregate),
                    Err(error) => {
                        ctx.error("failed to realize reduce context from fields", error);
                        return;
                    }
                },
            }
            slot.live = true;
            if let Some(kept) = &mut slot.kept {
                kept.drop_front(kept.len());
            }
        }
        let Some(aggregate) = &mut slot.aggregate else {
            return;
        };
        let token = Row(slot.kept.as_ref().map_or(0, |kept| kept.len()) as u64);
        match aggregate.push(block.time[row], value, token) {
            Ok(true) => {
                let key = keys.of_row(block, row);
                slot.kept.get_or_insert_default().push(block, row, key);
            }
            Ok(false) => {}
            Err(wrong) => ctx.error("failed to aggregate point", settings.call.wrong_type(wrong)),
        }
    }

    /// Emits what a slot holds.
    #[inline]
    fn emit(
        settings: &Settings,
        keys: &OwnKeys,
        answer: &mut Vec<Emitted>,
        ctx: &mut Context<'_>,
        out: &mut OutputRows,
        group: GroupId,
        slot: &Slot,
    ) {
        let Some(aggregate) = slot.aggregate.as_ref().filter(|_| slot.live) else {
            return;
        };
        answer.clear();
        if let Err(error) = aggregate.emit(answer) {
            ctx.error("failed to emit stream", error);
            return;
        }
        let time = |emitted: &Emitted| emitted.time.filter(|_| settings.point_times).unwrap_or(slot.time);
        if settings.gives_batch {
            ctx.emit(Message::Batch(Arc::new(many(
                settings, keys, answer, group, slot,
            ))));
            return;
        }
        let [one] = &**answer else { return };
        if let (Keeps::Point, Some(row), Some(kept)) = (settings.call.function().keeps, one.row, &slot.kept) {
            let row = row.0 as usize;
            let Some(&key) = kept.keys().get(row) else { return };
            out.row(&slot.name, time(one), key, group);
            for (name, value) in kept.fields(row) {
                // The field is renamed; one that has the new name already gives way.
                if *name == settings.field {
                    out.field(&settings.name, value);
                } else if *name != settings.name {
                    out.field(name, value);
                }
            }
        } else {
            out.row(&slot.name, time(one), slot.key, group);
            out.field(&settings.name, given(&one.value));
        }
    }
}

/// The batch of a function of many rows.
fn many(settings: &Settings, keys: &OwnKeys, answer: &[Emitted], group: GroupId, slot: &Slot) -> PointBatch {
    let mut column = ColumnBuilder::new(Arc::clone(&settings.name));
    let (mut times, mut row_keys) = (Vec::with_capacity(answer.len()), Vec::with_capacity(answer.len()));
    for (at, emitted) in answer.iter().enumerate() {
        times.push(emitted.time.filter(|_| settings.point_times).unwrap_or(slot.time));
        let chosen = emitted
            .row
            .zip(slot.kept.as_ref())
            .and_then(|(row, kept)| kept.keys().get(row.0 as usize));
        row_keys.push(chosen.copied().unwrap_or(slot.key));
        column.set(at, given(&emitted.value));
    }
    let tmax = times
        .iter()
        .copied()
        .chain([slot.time])
        .max()
        .unwrap_or(slot.time);
    let columns = column.finish(answer.len()).into_iter().collect();
    let block = rows::block(
        Arc::clone(&slot.name),
        Arc::clone(keys.table()),
        times,
        row_keys,
        columns,
    );
    PointBatch {
        name: Arc::clone(&slot.name),
        group,
        tmax,
        rows: Arc::new(block),
    }
}

impl Node for StreamAggregate {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let block = &*points.block;
        let column = block.column(&self.settings.field);
        let dense = column
            .filter(|column| column.is_dense())
            .map(|column| &*column.values);
        let mut out = OutputRows::new(Arc::clone(self.keys.table()));
        let Self {
            settings,
            keys,
            groups,
            answer,
        } = self;
        for (row, &group) in points.groups.iter().enumerate() {
            let time = block.time[row];
            let slot = groups.entry(group, || Slot {
                time,
                name: Arc::clone(&block.name),
                key: keys.of_tags(&ctx.group(group).tags),
                aggregate: None,
                live: false,
                kept: None,
            });
            if slot.time != time {
                Self::emit(settings, keys, answer, ctx, &mut out, group, slot);
                slot.time = time;
                slot.live = false;
                if !Arc::ptr_eq(&slot.name, &block.name) {
                    slot.name = Arc::clone(&block.name);
                }
            }
            if slot.live
                && let Some(aggregate) = &mut slot.aggregate
            {
                let added = match dense {
                    Some(Values::Float(values)) => aggregate.add_float(values[row]),
                    Some(Values::Int(values)) => aggregate.add_int(values[row]),
                    _ => false,
                };
                if added {
                    continue;
                }
            }
            let value = match dense {
                Some(Values::Float(values)) => Some(Pushed::Float(values[row])),
                Some(Values::Int(values)) => Some(Pushed::Int(values[row])),
                _ => column.and_then(|column| column.get(row)).and_then(pushed),
            };
            Self::push(settings, keys, ctx, slot, block, row, value);
        }
        out.finish().for_each(|message| ctx.emit(message));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let slots = self.groups.store(groups, |slot| StoredSlot {
            time: slot.time,
            name: slot.name.to_string(),
            aggregate: slot.aggregate.clone().filter(|_| slot.live),
            kept: slot
                .kept
                .as_ref()
                .filter(|_| slot.live)
                .map(|kept| kept.store(&self.keys))
                .unwrap_or_default(),
        });
        versioned::store(slots)
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        self.groups
            .unstore(versioned::unstore(state)?, groups, |group, slot: StoredSlot| {
                Slot {
                    time: slot.time,
                    name: slot.name.into(),
                    key: self.keys.of_tags(&groups.groups().get(group).tags),
                    live: slot.aggregate.is_some(),
                    aggregate: slot.aggregate,
                    kept: (!slot.kept.is_empty())
                        .then(|| Box::new(RowBuffer::unstore(slot.kept, &self.keys))),
                }
            });
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        let older = self.keys.renew();
        let keys = &self.keys;
        for (_, slot) in self.groups.iter_mut() {
            slot.key = keys.moved(&older, slot.key);
            if let Some(kept) = &mut slot.kept {
                kept.rekey(|key| keys.moved(&older, key));
            }
        }
        true
    }
}

#[derive(Serialize, Deserialize)]
struct StoredSlot {
    time: i64,
    name: String,
    aggregate: Option<Aggregate>,
    kept: Vec<StoredRow>,
}
