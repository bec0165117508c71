use std::sync::Arc;

use capstan_model::{Block, Column, GroupId, Value};

use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::{NodeConfig, strings};
use crate::rows::stored::StoredValue;

/// The fields of the last point that was passed on; `None` where it lacked one.
type Last = Vec<Option<Value>>;

/// Passes on changes (N-74).
#[derive(Debug)]
pub(super) struct ChangeDetect {
    fields: Vec<Arc<str>>,
    groups: PerGroup<Option<Last>>,
}

impl ChangeDetect {
    pub(super) fn new(config: &NodeConfig) -> Self {
        Self {
            fields: strings(&config.arguments),
            groups: PerGroup::default(),
        }
    }

    fn changed(
        &mut self,
        ctx: &mut Context<'_>,
        block: &Block,
        group: impl Fn(usize) -> GroupId,
    ) -> Vec<u32> {
        let columns: Vec<_> = self.fields.iter().map(|field| block.column(field)).collect();
        let mut rows = Vec::new();
        for row in 0..block.len() {
            let last = self.groups.entry(group(row), || None);
            let mut changed = false;
            for (at, column) in columns.iter().enumerate() {
                let Some(value) = column.and_then(|column| column.get(row)) else {
                    let field = &self.fields[at];
                    ctx.error(
                        "Invalid field in change detect",
                        format_args!("expected field {field} not found"),
                    );
                    continue;
                };
                let before = last.as_ref().and_then(|last| last.get(at)?.as_ref());
                if before.map(Value::as_ref) != Some(value) {
                    changed = true;
                    break;
                }
            }
            if changed {
                let value = |column: Option<&Column>| Some(column?.get(row)?.to_value());
                *last = Some(columns.iter().copied().map(value).collect());
                rows.push(row as u32);
            }
        }
        rows
    }
}

impl Node for ChangeDetect {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let rows = self.changed(ctx, &points.block, |row| points.groups[row]);
        ctx.emit(Message::Points(points.gather(&rows)));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        *self.groups.entry(batch.group, || None) = None;
        let rows = self.changed(ctx, &batch.rows, |_| batch.group);
        ctx.emit(Message::Batch(Arc::new(batch.gather(&rows))));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let store = |last: &Last| -> Vec<Option<StoredValue>> {
            last.iter()
                .map(|value| value.as_ref().map(StoredValue::from))
                .collect()
        };
        serde_json::value::to_raw_value(&self.groups.store(groups, |last| last.as_ref().map(store))).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored: Vec<(u32, Option<Vec<Option<StoredValue>>>)> = serde_json::from_str(state.get())?;
        self.groups.unstore(stored, groups, |_, last| {
            last.map(|last| last.into_iter().map(|value| value.map(Value::from)).collect())
        });
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}
