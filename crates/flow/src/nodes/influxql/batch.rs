//! Aggregates and selectors on batches: one result per batch (N-133).

use std::sync::Arc;

use capstan_influxql::{Aggregate, Emitted, Keeps, Row, Rows};
use capstan_model::{Block, ColumnBuilder, GroupId, Values};

use super::settings::{Settings, given, pushed, type_of};
use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::rows::{self, OwnKeys};

/// Nothing is remembered between batches but which groups there are.
#[derive(Debug)]
pub(super) struct BatchAggregate {
    settings: Settings,
    keys: OwnKeys,
    groups: PerGroup<()>,
}

impl BatchAggregate {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            keys: OwnKeys::default(),
            groups: PerGroup::default(),
        }
    }

    /// The aggregate of a batch; `None` when no point has the field.
    fn aggregate(&self, ctx: &mut Context<'_>, rows: &Block) -> Option<Aggregate> {
        let call = &self.settings.call;
        let column = rows.column(&self.settings.field);
        if let Some(column) = column.filter(|column| column.is_dense() && !rows.is_empty()) {
            let from = Rows::From(Row(0));
            let made = match &*column.values {
                Values::Float(values) => {
                    call.aggregate(capstan_influxql::FieldType::Float)
                        .map(|mut aggregate| {
                            aggregate
                                .push_floats(&rows.time, values, from)
                                .map(|()| aggregate)
                        })
                }
                Values::Int(values) => call
                    .aggregate(capstan_influxql::FieldType::Int)
                    .map(|mut aggregate| aggregate.push_ints(&rows.time, values, from).map(|()| aggregate)),
                _ => return self.aggregate_rows(ctx, rows),
            };
            if let Ok(Ok(aggregate)) = made {
                return Some(aggregate);
            }
        }
        self.aggregate_rows(ctx, rows)
    }

    fn aggregate_rows(&self, ctx: &mut Context<'_>, rows: &Block) -> Option<Aggregate> {
        let call = &self.settings.call;
        let column = rows.column(&self.settings.field);
        let mut made: Option<Aggregate> = None;
        for (row, &time) in rows.time.iter().enumerate() {
            let Some(value) = column.and_then(|column| column.get(row)).and_then(pushed) else {
                let doing = match made {
                    Some(_) => "failed to aggregate point in batch",
                    None => "failed to realize reduce context from fields",
                };
                ctx.error(doing, call.missing());
                continue;
            };
            let aggregate = match &mut made {
                Some(aggregate) => aggregate,
                none => match call.aggregate(type_of(value)) {
                    Ok(aggregate) => none.insert(aggregate),
                    Err(error) => {
                        ctx.error("failed to realize reduce context from fields", error);
                        continue;
                    }
                },
            };
            if let Err(wrong) = aggregate.push(time, value, Row(row as u64)) {
                ctx.error("failed to aggregate point in batch", call.wrong_type(wrong));
            }
        }
        made
    }

    /// The chosen point with the field renamed.
    fn chosen(&self, batch: &PointBatch, row: usize, time: i64) -> Block {
        let mut block = batch.rows.gather(&[row as u32]);
        block.database = Arc::from("");
        block.retention_policy = Arc::from("");
        block.name = Arc::clone(&batch.name);
        block.time = Arc::new(vec![time]);
        if self.settings.field != self.settings.name
            && let Some(at) = block
                .columns
                .iter()
                .position(|column| column.name == self.settings.field)
        {
            let renamed = block.columns.remove(at).renamed(Arc::clone(&self.settings.name));
            block = block.with_column(renamed);
        }
        block
    }

    /// Results that keep nothing of a point but perhaps its tags.
    fn made(&self, ctx: &Context<'_>, batch: &PointBatch, answer: &[Emitted]) -> Block {
        let group = self.keys.of_tags(&ctx.group(batch.group).tags);
        let mut column = ColumnBuilder::new(Arc::clone(&self.settings.name));
        let (mut times, mut keys) = (Vec::with_capacity(answer.len()), Vec::with_capacity(answer.len()));
        for (at, emitted) in answer.iter().enumerate() {
            times.push(self.time(batch, emitted));
            keys.push(
                match emitted.row.filter(|row| (row.0 as usize) < batch.rows.len()) {
                    Some(row) => self.keys.of_tags(&batch.rows.tags(row.0 as usize)),
                    None => group,
                },
            );
            column.set(at, given(&emitted.value));
        }
        let columns = column.finish(answer.len()).into_iter().collect();
        rows::block(
            Arc::clone(&batch.name),
            Arc::clone(self.keys.table()),
            times,
            keys,
            columns,
        )
    }

    fn time(&self, batch: &PointBatch, emitted: &Emitted) -> i64 {
        emitted
            .time
            .filter(|_| self.settings.point_times)
            .unwrap_or(batch.tmax)
    }
}

impl Node for BatchAggregate {
    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        self.groups.entry(batch.group, || ());
        let mut answer = Vec::new();
        match self.aggregate(ctx, &batch.rows) {
            Some(aggregate) => {
                if let Err(error) = aggregate.emit(&mut answer) {
                    ctx.error("failed to emit batch", error);
                    return Ok(());
                }
            }
            None => match self.settings.call.empty() {
                Some(empty) => answer.push(empty),
                None => return Ok(()),
            },
        }
        if self.settings.gives_batch {
            let rows = self.made(ctx, &batch, &answer);
            let tmax = rows
                .time
                .iter()
                .copied()
                .chain([batch.tmax])
                .max()
                .unwrap_or(batch.tmax);
            let (name, group) = (Arc::clone(&batch.name), batch.group);
            ctx.emit(Message::Batch(Arc::new(PointBatch {
                name,
                group,
                tmax,
                rows: Arc::new(rows),
            })));
            return Ok(());
        }
        let [one] = &*answer else { return Ok(()) };
        let row = one
            .row
            .map(|row| row.0 as usize)
            .filter(|&row| row < batch.rows.len());
        let block = match (self.settings.call.function().keeps, row) {
            (Keeps::Point, Some(row)) => self.chosen(&batch, row, self.time(&batch, one)),
            _ => self.made(ctx, &batch, &answer),
        };
        let groups = Arc::new(vec![batch.group]);
        ctx.emit(Message::Points(Points {
            block: Arc::new(block),
            groups,
        }));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        serde_json::value::to_raw_value(&self.groups.store(groups, |()| ())).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        self.groups
            .unstore(serde_json::from_str(state.get())?, groups, |_, ()| ());
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        self.keys.renew();
        true
    }
}
