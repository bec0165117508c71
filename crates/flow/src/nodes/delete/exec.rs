use std::sync::Arc;

use capstan_model::{Block, Dimensions, GroupId, Groups, RowKey, Tags};

use crate::group_state::{ByKey, PerGroup};
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome};
use crate::pipeline::{NodeConfig, strings};
use crate::rows::OwnKeys;

/// Removes fields and tags (N-57).
#[derive(Debug)]
pub(super) struct Delete {
    fields: Vec<Arc<str>>,
    tags: Vec<Arc<str>>,
    keys: OwnKeys,
    /// By input key: the own key and how many tags were removed.
    stripped: ByKey<(RowKey, u32)>,
    /// By input group: the group without the tags.
    groups: PerGroup<GroupId>,
    fields_deleted: i64,
    tags_deleted: i64,
}

impl Delete {
    pub(super) fn new(config: &NodeConfig) -> Self {
        Self {
            fields: config.calls("field").flat_map(strings).collect(),
            tags: config.calls("tag").flat_map(strings).collect(),
            keys: OwnKeys::default(),
            stripped: ByKey::default(),
            groups: PerGroup::default(),
            fields_deleted: 0,
            tags_deleted: 0,
        }
    }

    fn block(&mut self, block: &Block) -> Block {
        let mut out = block.clone();
        for name in &self.fields {
            let Some(at) = out.columns.iter().position(|column| column.name == *name) else {
                continue;
            };
            let column = out.columns.remove(at);
            let absent = column.absent.as_ref().map_or(0, |absent| absent.count());
            self.fields_deleted += i64::try_from(block.len() - absent).unwrap_or(i64::MAX);
        }
        if !self.tags.is_empty() {
            let (tags, keys) = (&self.tags, &self.keys);
            let mut stripped = self.stripped.table(&block.keys);
            let mut row_keys = Vec::with_capacity(block.len());
            for &key in block.key.iter() {
                let (key, count) = stripped.get(key, || {
                    let (new, count) = strip(tags, &block.keys.tags(key));
                    (keys.of_tags(&new), count)
                });
                self.tags_deleted += i64::from(count);
                row_keys.push(key);
            }
            out.keys = Arc::clone(self.keys.table());
            out.key = Arc::new(row_keys);
        }
        out
    }

    /// The group without the tags.
    fn regroup(&mut self, groups: &mut Groups, group: GroupId) -> GroupId {
        let tags = &self.tags;
        *self.groups.entry(group, || {
            let known = groups.get(group).clone();
            if !known.dimensions().tags.iter().any(|tag| tags.contains(tag)) {
                return group;
            }
            let (stripped, _) = strip(tags, &known.tags);
            let kept = known
                .dimensions()
                .tags
                .iter()
                .filter(|tag| !tags.contains(tag))
                .cloned()
                .collect();
            let dimensions = Dimensions {
                by_name: known.dimensions().by_name,
                tags: kept,
            };
            groups.intern(&dimensions, known.name(), &stripped)
        })
    }
}

/// Tags without some, and how many were removed.
fn strip(names: &[Arc<str>], tags: &Tags) -> (Tags, u32) {
    let kept = tags.filter(|key| !names.iter().any(|name| **name == *key));
    let removed = tags.len() - kept.len();
    (kept, removed as u32)
}

impl Node for Delete {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let block = self.block(&points.block);
        let groups = if self.tags.is_empty() {
            points.groups
        } else {
            Arc::new(
                points
                    .groups
                    .iter()
                    .map(|&group| self.regroup(ctx.groups, group))
                    .collect(),
            )
        };
        ctx.emit(Message::Points(Points {
            block: Arc::new(block),
            groups,
        }));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let (_, removed) = strip(&self.tags, &ctx.group(batch.group).tags);
        self.tags_deleted += i64::from(removed);
        let mut out = batch.with_rows(Arc::new(self.block(&batch.rows)));
        out.group = self.regroup(ctx.groups, batch.group);
        ctx.emit(Message::Batch(Arc::new(out)));
        Ok(())
    }

    fn stats(&self) -> Vec<i64> {
        vec![self.fields_deleted, self.tags_deleted]
    }

    fn forget_keys(&mut self) -> bool {
        self.stripped.clear();
        self.groups = PerGroup::default();
        self.keys.renew();
        true
    }
}
