use std::collections::VecDeque;
use std::sync::Arc;

use capstan_model::{Block, GroupId};
use serde::{Deserialize, Serialize};

use super::picked::Picked;
use crate::message::{Barrier, Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::rows::OwnKeys;
use crate::rows::stored::{StoredBatch, StoredRow, store_block, unstore_block};

/// Points that may wait for a silent parent; beyond it the oldest go out without that parent (N-83).
const MAX_HELD: usize = 1_000_000;

/// Merges parents in the order of time (N-90).
#[derive(Debug)]
pub(super) struct Union {
    rename: Option<Arc<str>>,
    sources: Vec<Source>,
    /// Points, and rows of batches, in all sources.
    held: usize,
    keys: OwnKeys,
}

/// What one parent gave and was not sent yet.
#[derive(Debug, Default)]
struct Source {
    queue: VecDeque<Item>,
    /// Time of the message that stood in front last.
    mark: Option<i64>,
}

#[derive(Debug)]
enum Item {
    /// Rows from `next` on.
    Points {
        points: Points,
        next: usize,
    },
    Batch(Arc<PointBatch>),
    Barrier(Barrier),
}

impl Item {
    fn time(&self) -> i64 {
        match self {
            Self::Points { points, next } => points.block.time[*next],
            Self::Batch(batch) => batch.tmax,
            Self::Barrier(barrier) => barrier.time,
        }
    }

    /// How much it holds on to.
    fn weight(&self) -> usize {
        match self {
            Self::Points { points, next } => points.len() - next,
            Self::Batch(batch) => batch.rows.len().max(1),
            Self::Barrier(_) => 1,
        }
    }
}

impl Union {
    pub(super) fn new(config: &NodeConfig) -> Self {
        Self {
            rename: config.string("rename").filter(|name| !name.is_empty()),
            sources: config.parents.iter().map(|_| Source::default()).collect(),
            held: 0,
            keys: OwnKeys::default(),
        }
    }

    /// A group whose id has the measurement in it follows the new name.
    fn regroup(&self, ctx: &mut Context<'_>, group: GroupId) -> GroupId {
        let Some(name) = &self.rename else { return group };
        let known = ctx.group(group).clone();
        if known.dimensions().by_name {
            ctx.groups.intern(known.dimensions(), name, &known.tags)
        } else {
            group
        }
    }

    fn renamed(&self, ctx: &mut Context<'_>, message: Message) -> Message {
        let Some(name) = &self.rename else { return message };
        let block = |block: &Block| {
            Arc::new(Block {
                name: Arc::clone(name),
                ..block.clone()
            })
        };
        match message {
            Message::Points(points) => {
                let groups = if ctx.any_by_name() {
                    Arc::new(
                        points
                            .groups
                            .iter()
                            .map(|&group| self.regroup(ctx, group))
                            .collect(),
                    )
                } else {
                    points.groups
                };
                Message::Points(Points {
                    block: block(&points.block),
                    groups,
                })
            }
            Message::Batch(batch) => Message::Batch(Arc::new(PointBatch {
                name: Arc::clone(name),
                group: self.regroup(ctx, batch.group),
                tmax: batch.tmax,
                rows: block(&batch.rows),
            })),
            Message::Barrier(barrier) => Message::Barrier(Barrier {
                group: self.regroup(ctx, barrier.group),
                ..barrier
            }),
            Message::DeleteGroup(group) => Message::DeleteGroup(self.regroup(ctx, group)),
        }
    }

    /// The time up to which everything may go out: no parent will give anything older. `None` when there is nothing to
    /// send, or, unless `alone`, when a parent gave nothing yet. `alone` leaves silent parents out of account.
    fn low_mark(&mut self, alone: bool) -> Option<i64> {
        let mut mark: Option<i64> = None;
        let mut all = true;
        let mut any = false;
        for source in &mut self.sources {
            let front = source.queue.front().map(Item::time);
            any |= front.is_some();
            if front.is_some() {
                source.mark = front;
            }
            let relevant = if alone { front } else { source.mark };
            all &= source.mark.is_some();
            mark = match (mark, relevant) {
                (Some(mark), Some(time)) => Some(mark.min(time)),
                (mark, time) => mark.or(time),
            };
        }
        mark.filter(|_| any && (alone || all))
    }

    /// Picks all that is not after `mark`; false if nothing was.
    fn release(&mut self, ctx: &mut Context<'_>, picked: &mut Picked, mark: i64) -> bool {
        let mut any = false;
        for source in &mut self.sources {
            while let Some(front) = source.queue.front_mut() {
                let time = front.time();
                if time > mark {
                    break;
                }
                any = true;
                source.mark = Some(time);
                if let Item::Points { points, next } = front {
                    picked.push(points, *next as u32);
                    *next += 1;
                    self.held -= 1;
                    if *next < points.len() {
                        continue;
                    }
                } else {
                    self.held -= front.weight();
                }
                match source.queue.pop_front() {
                    Some(Item::Batch(batch)) => ctx.emit(Message::Batch(batch)),
                    Some(Item::Barrier(barrier)) => {
                        picked.flush(ctx, &mut self.keys);
                        ctx.emit(Message::Barrier(barrier));
                    }
                    Some(Item::Points { .. }) | None => {}
                }
            }
        }
        any
    }

    fn run(&mut self, ctx: &mut Context<'_>, drain: bool) {
        let mut picked = Picked::default();
        while let Some(mark) = self.low_mark(drain) {
            if !self.release(ctx, &mut picked, mark) {
                break;
            }
        }
        if self.held > MAX_HELD {
            ctx.error(
                "union holds too many points",
                "a parent is silent, the oldest points of the others are sent without it",
            );
            while self.held > MAX_HELD {
                let Some(mark) = self.low_mark(true) else { break };
                self.release(ctx, &mut picked, mark);
            }
        }
        picked.flush(ctx, &mut self.keys);
    }
}

impl Node for Union {
    fn message(&mut self, ctx: &mut Context<'_>, input: usize, message: Message) -> Outcome {
        let item = match self.renamed(ctx, message) {
            Message::Points(points) => Item::Points { points, next: 0 },
            Message::Batch(batch) => Item::Batch(batch),
            Message::Barrier(barrier) => Item::Barrier(barrier),
            Message::DeleteGroup(group) => {
                ctx.emit(Message::DeleteGroup(group));
                return Ok(());
            }
        };
        if let Some(source) = self.sources.get_mut(input) {
            self.held += item.weight();
            source.queue.push_back(item);
        }
        self.run(ctx, false);
        Ok(())
    }

    fn finish(&mut self, ctx: &mut Context<'_>) -> Outcome {
        self.run(ctx, true);
        Ok(())
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let mut item = |item: &Item| match item {
            Item::Points { points, next } => {
                let rows: Vec<u32> = (*next as u32..points.len() as u32).collect();
                let rest = points.gather(&rows);
                StoredItem::Points {
                    source: [
                        rest.block.database.to_string(),
                        rest.block.retention_policy.to_string(),
                        rest.block.name.to_string(),
                    ],
                    groups: rest.groups.iter().map(|&group| groups.place(group)).collect(),
                    rows: store_block(&rest.block),
                }
            }
            Item::Batch(batch) => StoredItem::Batch(StoredBatch::of(batch, groups)),
            Item::Barrier(barrier) => StoredItem::Barrier(groups.place(barrier.group), barrier.time),
        };
        let stored: Vec<StoredSource> = self
            .sources
            .iter()
            .map(|source| StoredSource {
                mark: source.mark,
                queue: source.queue.iter().map(&mut item).collect(),
            })
            .collect();
        serde_json::value::to_raw_value(&stored).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored: Vec<StoredSource> = serde_json::from_str(state.get())?;
        for (source, stored) in self.sources.iter_mut().zip(stored) {
            source.mark = stored.mark;
            for item in stored.queue {
                if let Some(item) = item.restore(groups, &self.keys) {
                    self.held += item.weight();
                    source.queue.push_back(item);
                }
            }
        }
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        self.keys.renew();
        self.held == 0
    }
}

#[derive(Serialize, Deserialize)]
struct StoredSource {
    mark: Option<i64>,
    queue: Vec<StoredItem>,
}

#[derive(Serialize, Deserialize)]
enum StoredItem {
    Points {
        /// Database, retention policy, measurement.
        source: [String; 3],
        groups: Vec<u32>,
        rows: Vec<StoredRow>,
    },
    Batch(StoredBatch),
    Barrier(u32, i64),
}

impl StoredItem {
    fn restore(self, groups: &RestoreGroups<'_>, keys: &OwnKeys) -> Option<Item> {
        Some(match self {
            Self::Points {
                source: [database, retention_policy, name],
                groups: places,
                rows,
            } => {
                let block = Block {
                    database: database.into(),
                    retention_policy: retention_policy.into(),
                    ..unstore_block(name.into(), rows, keys)
                };
                let ids: Vec<GroupId> = places
                    .into_iter()
                    .filter_map(|place| groups.group(place))
                    .collect();
                if ids.len() != block.len() || block.is_empty() {
                    return None;
                }
                Item::Points {
                    points: Points {
                        block: Arc::new(block),
                        groups: Arc::new(ids),
                    },
                    next: 0,
                }
            }
            Self::Batch(batch) => Item::Batch(Arc::new(batch.restore(groups, keys)?)),
            Self::Barrier(place, time) => Item::Barrier(Barrier {
                group: groups.group(place)?,
                time,
            }),
        })
    }
}
