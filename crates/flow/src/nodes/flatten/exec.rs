use std::sync::Arc;

use capstan_model::{Block, GroupId, RowKey};
use serde::{Deserialize, Serialize};

use crate::go_time;
use crate::group_state::PerGroup;
use crate::message::{Barrier, Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::rows::stored::StoredRow;
use crate::rows::{OutputRows, OwnKeys, RowBuffer};
use crate::script::Value;

/// Points of one time that one group may hold.
const MAX_ROWS: usize = 1 << 20;

/// The points of a group that have the same time.
#[derive(Debug, Default)]
struct Same {
    name: Option<Arc<str>>,
    /// `None` before the first point.
    time: Option<i64>,
    rows: RowBuffer,
}

/// Merges points of the same time (N-77).
#[derive(Debug)]
pub(super) struct Flatten {
    on: Vec<Arc<str>>,
    delimiter: Arc<str>,
    tolerance: i64,
    drop_name: bool,
    keys: OwnKeys,
    groups: PerGroup<Same>,
    /// The field name under construction.
    text: String,
}

impl Flatten {
    pub(super) fn new(config: &NodeConfig) -> Self {
        Self {
            on: config.strings("on"),
            delimiter: config.string("delimiter").unwrap_or_else(|| Arc::from(".")),
            tolerance: config.duration("tolerance"),
            drop_name: match config.property("dropOriginalFieldName") {
                Some([Value::Bool(drop)]) => *drop,
                Some(_) => true,
                None => false,
            },
            keys: OwnKeys::default(),
            groups: PerGroup::default(),
            text: String::new(),
        }
    }

    fn group_key(&self, ctx: &Context<'_>, group: GroupId) -> RowKey {
        self.keys.of_tags(&ctx.group(group).tags)
    }

    /// Adds a row. If it has another time than those before, they go out first.
    fn add(
        &mut self,
        ctx: &mut Context<'_>,
        out: &mut OutputRows,
        group: GroupId,
        block: &Block,
        row: usize,
    ) -> Option<i64> {
        let time = go_time::round(block.time[row], self.tolerance);
        let key = self.keys.of_row(block, row);
        let mut sent = None;
        let same = self.groups.entry(group, Same::default);
        same.name.get_or_insert_with(|| Arc::clone(&block.name));
        if same.time != Some(time) {
            let before = same.time.replace(time);
            if let (Some(before), false) = (before, same.rows.is_empty()) {
                let rows = std::mem::take(&mut same.rows);
                let name = Arc::clone(&block.name);
                let name = same.name.clone().unwrap_or(name);
                sent = self
                    .merge(ctx, out, group, &name, before, &rows, false)
                    .then_some(before);
            }
        }
        let same = self.groups.entry(group, Same::default);
        if same.rows.len() < MAX_ROWS {
            same.rows.push(block, row, key);
        } else {
            ctx.error(
                "too many points have the same time",
                format_args!("only {MAX_ROWS} are merged"),
            );
        }
        sent
    }

    /// Makes one row of several; false if no field came of it, unless it is wanted `empty` too.
    #[allow(clippy::too_many_arguments)] // all of a row
    fn merge(
        &mut self,
        ctx: &mut Context<'_>,
        out: &mut OutputRows,
        group: GroupId,
        name: &Arc<str>,
        time: i64,
        rows: &RowBuffer,
        empty: bool,
    ) -> bool {
        let key = self.group_key(ctx, group);
        let mut begun = empty;
        if empty {
            out.row(name, time, key, group);
        }
        let mut text = std::mem::take(&mut self.text);
        'rows: for row in 0..rows.len() {
            text.clear();
            let tags = self.keys.table().tags(rows.keys()[row]);
            for (at, tag) in self.on.iter().enumerate() {
                let Some(value) = tags.get(tag) else {
                    ctx.error(
                        "point missing tag for flatten operation",
                        format_args!("tag {tag} is missing from point"),
                    );
                    continue 'rows;
                };
                if at > 0 {
                    text.push_str(&self.delimiter);
                }
                text.push_str(value);
            }
            let prefix = text.len();
            for (field, value) in rows.fields(row) {
                if !begun {
                    begun = true;
                    out.row(name, time, key, group);
                }
                if !self.drop_name {
                    if prefix > 0 {
                        text.push_str(&self.delimiter);
                    }
                    text.push_str(field);
                }
                out.field(&Arc::from(text.as_str()), value);
                text.truncate(prefix);
            }
        }
        self.text = text;
        begun
    }

    fn output(&self) -> OutputRows {
        OutputRows::new(Arc::clone(self.keys.table()))
    }
}

impl Node for Flatten {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let mut out = self.output();
        for (row, &group) in points.groups.iter().enumerate() {
            let sent = self.add(ctx, &mut out, group, &points.block, row);
            // Where time goes backwards, points join those of the time before, as upstream.
            if let (Some(sent), Some(same)) = (sent, self.groups.get_mut(group)) {
                same.time = same.time.max(Some(sent));
            }
        }
        out.finish().for_each(|message| ctx.emit(message));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let mut out = self.output();
        let same = self.groups.entry(batch.group, Same::default);
        same.name = Some(Arc::clone(&batch.name));
        same.time = None;
        for row in 0..batch.rows.len() {
            self.add(ctx, &mut out, batch.group, &batch.rows, row);
        }
        let same = self.groups.entry(batch.group, Same::default);
        if let (Some(time), false) = (same.time, same.rows.is_empty()) {
            let rows = std::mem::take(&mut same.rows);
            self.merge(ctx, &mut out, batch.group, &batch.name, time, &rows, true);
        }
        let merged = out.single(&batch.name);
        ctx.emit(Message::Batch(Arc::new(batch.with_rows(merged))));
        Ok(())
    }

    fn barrier(&mut self, ctx: &mut Context<'_>, barrier: Barrier) -> Outcome {
        let same = self.groups.entry(barrier.group, Same::default);
        if let (Some(time), Some(name), false) = (same.time, same.name.clone(), same.rows.is_empty())
            && barrier.time > time
        {
            let rows = std::mem::take(&mut same.rows);
            let mut out = self.output();
            self.merge(ctx, &mut out, barrier.group, &name, time, &rows, true);
            out.finish().for_each(|message| ctx.emit(message));
        }
        ctx.emit(Message::Barrier(barrier));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let stored = self.groups.store(groups, |same| Stored {
            name: same.name.as_ref().map(ToString::to_string),
            time: same.time,
            rows: same.rows.store(&self.keys),
        });
        serde_json::value::to_raw_value(&stored).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        self.groups
            .unstore(serde_json::from_str(state.get())?, groups, |_, stored: Stored| {
                Same {
                    name: stored.name.map(Into::into),
                    time: stored.time,
                    rows: RowBuffer::unstore(stored.rows, &self.keys),
                }
            });
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        let older = self.keys.renew();
        let keys = &self.keys;
        for (_, same) in self.groups.iter_mut() {
            same.rows.rekey(|key| keys.moved(&older, key));
        }
        true
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    name: Option<String>,
    time: Option<i64>,
    rows: Vec<StoredRow>,
}
