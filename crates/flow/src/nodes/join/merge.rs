//! One point, or one batch, out of a set.

use std::collections::HashMap;
use std::sync::Arc;

use capstan_model::{Block, GroupId, RowKey, Value, ValueRef};

use super::sets::{Arrived, Data, Set};
use super::spec::delimiter;
use crate::go_time;
use crate::group_state::PerGroup;
use crate::message::PointBatch;
use crate::node::Context;
use crate::pipeline::NodeConfig;
use crate::rows::{OutputRows, OwnKeys};
use crate::script;

/// Field names remembered per parent; data with more of them gets by without.
const MAX_NAMES: usize = 4096;

/// Field names with a prefix, by those without.
type Names = HashMap<Arc<str>, Arc<str>>;

/// What stands for a parent that is missing (N-82).
#[derive(Debug)]
enum Fill {
    /// Nothing: no point comes of the set.
    None,
    With(Value),
}

#[derive(Debug)]
pub(super) struct Merge {
    /// By parent: the prefix with its delimiter, and the field names it was put before.
    prefixes: Vec<(String, Names)>,
    fill: Fill,
    stream_name: Option<Arc<str>>,
    tolerance: i64,
    pub(super) keys: OwnKeys,
    /// By group: the key of its tags.
    group_keys: PerGroup<RowKey>,
}

impl Merge {
    pub(super) fn new(config: &NodeConfig) -> Result<Self, String> {
        let fill = match config.property("fill").and_then(<[script::Value]>::first) {
            Some(script::Value::String(word)) => match &**word {
                "null" => Fill::With(Value::Null),
                "none" => Fill::None,
                other => return Err(format!("unexpected fill option {other}")),
            },
            Some(script::Value::Int(number)) => Fill::With(Value::Int(*number)),
            Some(script::Value::Float(number)) => Fill::With(Value::Float(*number)),
            _ => Fill::None,
        };
        let delimiter = delimiter(config);
        Ok(Self {
            prefixes: config
                .strings("as")
                .iter()
                .map(|name| (format!("{name}{delimiter}"), Names::new()))
                .collect(),
            fill,
            stream_name: config.string("streamName").filter(|name| !name.is_empty()),
            tolerance: config.duration("tolerance"),
            keys: OwnKeys::default(),
            group_keys: PerGroup::default(),
        })
    }

    fn field(&mut self, parent: usize, field: &Arc<str>) -> Arc<str> {
        let Some((prefix, known)) = self.prefixes.get_mut(parent) else {
            return Arc::clone(field);
        };
        if let Some(name) = known.get(field) {
            return Arc::clone(name);
        }
        let name: Arc<str> = format!("{prefix}{field}").into();
        if known.len() >= MAX_NAMES {
            known.clear();
        }
        known.insert(Arc::clone(field), Arc::clone(&name));
        name
    }

    /// The measurement and group of what comes of a set (N-85, N-87), and the key of its tags.
    fn identity(&mut self, ctx: &mut Context<'_>, first: &Arrived) -> (Arc<str>, GroupId, RowKey) {
        let name = self.stream_name.as_ref().unwrap_or(&first.name);
        let known = ctx.group(first.group).clone();
        let group = if known.dimensions().by_name {
            ctx.groups.intern(known.dimensions(), name, &known.tags)
        } else {
            first.group
        };
        let keys = &self.keys;
        let key = *self.group_keys.entry(first.group, || keys.of_tags(&known.tags));
        (Arc::clone(name), group, key)
    }

    pub(super) fn forget(&mut self, group: GroupId) {
        self.group_keys.remove(group);
    }

    pub(super) fn forget_keys(&mut self) {
        self.keys.renew();
        self.group_keys = PerGroup::default();
    }

    pub(super) fn output(&self) -> OutputRows {
        OutputRows::new(Arc::clone(self.keys.table()))
    }

    /// The fields of a row: those of each parent, under its prefix; those of the first that are missing filled.
    fn fields<'a>(
        &mut self,
        out: &mut OutputRows,
        fill_names: &[Arc<str>],
        parents: impl Iterator<Item = Option<Fields<'a>>>,
    ) {
        for (parent, fields) in parents.enumerate() {
            match fields {
                Some(Fields::Own(fields)) => {
                    for (name, value) in fields {
                        let name = self.field(parent, name);
                        out.field(&name, value.as_ref());
                    }
                }
                Some(Fields::Row(block, row)) => {
                    for (name, value) in row_fields(block, row) {
                        let name = self.field(parent, name);
                        out.field(&name, value);
                    }
                }
                None => {
                    for name in fill_names {
                        let name = self.field(parent, name);
                        if let Fill::With(value) = &self.fill {
                            out.field(&name, value.as_ref());
                        }
                    }
                }
            }
        }
    }

    /// Adds the point that a set of points makes, if it makes one.
    pub(super) fn point(&mut self, ctx: &mut Context<'_>, out: &mut OutputRows, set: &Set) {
        let Some(first) = set.first() else { return };
        if matches!(self.fill, Fill::None) && set.values.iter().any(Option::is_none) {
            return;
        }
        let names: Vec<Arc<str>> = match &first.data {
            Data::Point(fields) => fields.iter().map(|(name, _)| Arc::clone(name)).collect(),
            Data::Batch(_) => return,
        };
        let (name, group, key) = self.identity(ctx, first);
        out.row(&name, set.time, key, group);
        let fields = |value: &'_ Option<Arrived>| match value.as_ref().map(|arrived| &arrived.data) {
            Some(Data::Point(fields)) => Some(Arc::clone(fields)),
            _ => None,
        };
        let fields: Vec<_> = set.values.iter().map(fields).collect();
        self.fields(
            out,
            &names,
            fields.iter().map(|fields| fields.as_deref().map(Fields::Own)),
        );
    }

    /// The batch that a set of batches makes: their points joined by time (N-89).
    pub(super) fn batch(&mut self, ctx: &mut Context<'_>, set: &Set) -> Option<PointBatch> {
        let first = set.first()?;
        let (name, group, key) = self.identity(ctx, first);
        let blocks: Vec<Option<&Block>> = set
            .values
            .iter()
            .map(|value| match value.as_ref().map(|arrived| &arrived.data) {
                Some(Data::Batch(batch)) => Some(&*batch.rows),
                _ => None,
            })
            .collect();
        let mut out = self.output();
        let mut next = vec![0; blocks.len()];
        let mut fill_names: Option<Vec<Arc<str>>> = None;
        while let Some((time, rows)) = self.next_rows(&blocks, &mut next, &mut fill_names) {
            if matches!(self.fill, Fill::None) && rows.iter().any(Option::is_none) {
                continue;
            }
            out.row(&name, time, key, group);
            let fields = rows
                .iter()
                .zip(&blocks)
                .map(|(row, block)| Some(Fields::Row((*block)?, (*row)?)));
            self.fields(&mut out, fill_names.as_deref().unwrap_or_default(), fields);
        }
        Some(PointBatch {
            rows: out.single(&name),
            name,
            group,
            tmax: set.time,
        })
    }

    /// The next row of each batch that has the oldest of their next times; `None` at the end of all.
    fn next_rows(
        &self,
        blocks: &[Option<&Block>],
        next: &mut [usize],
        fill_names: &mut Option<Vec<Arc<str>>>,
    ) -> Option<(i64, Vec<Option<usize>>)> {
        let time_of = |at: usize, next: &[usize]| {
            let time = blocks[at]?.time.get(next[at])?;
            Some(go_time::round(*time, self.tolerance))
        };
        let mut oldest: Option<i64> = None;
        for (at, block) in blocks.iter().enumerate() {
            let (Some(time), Some(block)) = (time_of(at, next), block) else {
                continue;
            };
            // The names that fill are those of the first point that was looked at and is not older than all before it.
            if oldest.is_none_or(|oldest| time == oldest) && fill_names.is_none() {
                *fill_names = Some(
                    row_fields(block, next[at])
                        .map(|(name, _)| Arc::clone(name))
                        .collect(),
                );
            }
            oldest = Some(oldest.map_or(time, |oldest| oldest.min(time)));
        }
        let oldest = oldest?;
        let rows = (0..blocks.len())
            .map(|at| {
                (time_of(at, next) == Some(oldest)).then(|| {
                    next[at] += 1;
                    next[at] - 1
                })
            })
            .collect();
        Some((oldest, rows))
    }
}

/// The fields of one parent.
enum Fields<'a> {
    Own(&'a [(Arc<str>, Value)]),
    Row(&'a Block, usize),
}

fn row_fields(block: &Block, row: usize) -> impl Iterator<Item = (&Arc<str>, ValueRef<'_>)> {
    block
        .columns
        .iter()
        .filter_map(move |column| Some((&column.name, column.get(row)?)))
}
