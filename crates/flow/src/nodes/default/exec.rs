use std::sync::Arc;

use capstan_model::{Block, ColumnBuilder, Dimensions, GroupId, RowKey, Tags, Value as Field, ValueRef};

use crate::group_state::{ByKey, PerGroup};
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome};
use crate::pipeline::NodeConfig;
use crate::rows::OwnKeys;
use crate::script::Value;

/// Fills in what is missing (N-56).
#[derive(Debug)]
pub(super) struct Default {
    fields: Vec<(Arc<str>, Field)>,
    tags: Vec<(Arc<str>, Arc<str>)>,
    keys: OwnKeys,
    /// By input key: the own key and how many tags were filled in.
    filled: ByKey<(RowKey, u32)>,
    /// By input group: the group after filling in.
    groups: PerGroup<GroupId>,
    fields_defaulted: i64,
    tags_defaulted: i64,
}

impl Default {
    pub(super) fn new(config: &NodeConfig) -> Self {
        let mut fields: Vec<(Arc<str>, Field)> = Vec::new();
        for call in config.calls("field") {
            let [Value::String(name), value] = call else {
                continue;
            };
            let value = match value {
                Value::Float(v) => Field::Float(*v),
                Value::Int(v) => Field::Int(*v),
                Value::Bool(v) => Field::Bool(*v),
                Value::String(v) => Field::Str(Arc::clone(v)),
                _ => continue,
            };
            fields.retain(|(known, _)| known != name);
            fields.push((Arc::clone(name), value));
        }
        let mut tags: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for call in config.calls("tag") {
            let [Value::String(name), Value::String(value)] = call else {
                continue;
            };
            tags.retain(|(known, _)| known != name);
            tags.push((Arc::clone(name), Arc::clone(value)));
        }
        Self {
            fields,
            tags,
            keys: OwnKeys::default(),
            filled: ByKey::default(),
            groups: PerGroup::default(),
            fields_defaulted: 0,
            tags_defaulted: 0,
        }
    }

    fn block(&mut self, block: &Block) -> Block {
        let mut out = block.clone();
        for (name, default) in &self.fields {
            let column = block.column(name);
            if column.is_some_and(capstan_model::Column::is_dense) || block.is_empty() {
                continue;
            }
            let mut filled = ColumnBuilder::new(Arc::clone(name));
            for row in 0..block.len() {
                let value = column
                    .and_then(|column| column.get(row))
                    .filter(|value| *value != ValueRef::Null);
                if value.is_none() {
                    self.fields_defaulted += 1;
                }
                filled.set(row, value.unwrap_or(default.as_ref()));
            }
            if let Some(column) = filled.finish(block.len()) {
                out = out.with_column(column);
            }
        }
        if !self.tags.is_empty() {
            let (tags, keys) = (&self.tags, &self.keys);
            let mut filled = self.filled.table(&block.keys);
            let mut row_keys = Vec::with_capacity(block.len());
            for &key in block.key.iter() {
                let (key, count) = filled.get(key, || {
                    let (new, count) = fill(tags, &block.keys.tags(key));
                    (keys.of_tags(&new), count)
                });
                self.tags_defaulted += i64::from(count);
                row_keys.push(key);
            }
            out.keys = Arc::clone(self.keys.table());
            out.key = Arc::new(row_keys);
        }
        out
    }
}

/// Tags with missing and empty ones filled in, and how many that were.
fn fill(defaults: &[(Arc<str>, Arc<str>)], tags: &Tags) -> (Tags, u32) {
    let missing: Vec<_> = defaults
        .iter()
        .filter(|(name, _)| tags.get(name).is_none_or(str::is_empty))
        .collect();
    if missing.is_empty() {
        return (tags.clone(), 0);
    }
    let added = missing.iter().map(|(name, value)| (&**name, &**value));
    (Tags::from_pairs(tags.iter().chain(added)), missing.len() as u32)
}

impl Node for Default {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let block = self.block(&points.block);
        let mut groups = points.groups;
        if !self.tags.is_empty() {
            // A group by a tag that was empty becomes the group by its new value.
            let regroup = |&group: &GroupId| {
                let tags = &self.tags;
                *self.groups.entry(group, || {
                    let known = ctx.group(group).clone();
                    let (filled, _) = fill(tags, &known.tags);
                    ctx.groups.intern(known.dimensions(), known.name(), &filled)
                })
            };
            groups = Arc::new(groups.iter().map(regroup).collect());
        }
        ctx.emit(Message::Points(Points {
            block: Arc::new(block),
            groups,
        }));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let known = ctx.group(batch.group).clone();
        let (filled, count) = fill(&self.tags, &known.tags);
        self.tags_defaulted += i64::from(count);
        let mut out = batch.with_rows(Arc::new(self.block(&batch.rows)));
        if count > 0 {
            // The tags of a batch are its dimensions.
            let tags = filled.iter().map(|(key, _)| Arc::from(key)).collect();
            let dimensions = Dimensions {
                by_name: known.dimensions().by_name,
                tags,
            };
            out.group = ctx.groups.intern(&dimensions, &batch.name, &filled);
        }
        ctx.emit(Message::Batch(Arc::new(out)));
        Ok(())
    }

    fn stats(&self) -> Vec<i64> {
        vec![self.fields_defaulted, self.tags_defaulted]
    }

    fn forget_keys(&mut self) -> bool {
        self.filled.clear();
        self.groups = PerGroup::default();
        self.keys.renew();
        true
    }
}
