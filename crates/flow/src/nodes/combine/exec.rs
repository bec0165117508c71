use std::sync::Arc;

use capstan_expr::State;
use capstan_model::{Block, GroupId, KeyTable, Tags};
use serde::{Deserialize, Serialize};

use super::combinations;
use super::spec::delimiter;
use crate::engine::build::Builder;
use crate::go_time;
use crate::group_state::PerGroup;
use crate::lambda::{self, Lambda};
use crate::message::{PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, NodeError, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::rows::stored::StoredRow;
use crate::rows::{OutputRows, OwnKeys, RowBuffer};
use crate::script::Value;
use crate::states;

/// Points of one time that one group may hold: more could not be combined anyway.
const MAX_ROWS: usize = 1 << 20;

/// The points of a group that have the same time.
#[derive(Debug)]
struct Same {
    name: Arc<str>,
    /// `None` before the first point.
    time: Option<i64>,
    rows: RowBuffer,
    /// One per expression.
    states: Vec<State>,
}

/// Joins points of the same time with each other (N-78).
#[derive(Debug)]
pub(super) struct Combine {
    lambdas: Vec<Lambda>,
    /// Prefixes with their delimiter.
    prefixes: Vec<String>,
    tolerance: i64,
    max: i64,
    keys: OwnKeys,
    groups: PerGroup<Same>,
}

impl Combine {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let environment = lambda::environment(builder.ports);
        let mut lambdas = Vec::new();
        for (at, body) in config.lambda_arguments().iter().enumerate() {
            let lambda = Lambda::compile(body, &environment)
                .map_err(|error| format!("Failed to compile {at} expression: {error}"))?;
            lambdas.push(lambda);
        }
        let delimiter = delimiter(config);
        Ok(Self {
            lambdas,
            prefixes: config
                .strings("as")
                .iter()
                .map(|name| format!("{name}{delimiter}"))
                .collect(),
            tolerance: config.duration("tolerance"),
            max: match config.property("max") {
                Some([Value::Int(max)]) => *max,
                _ => 1_000_000,
            },
            keys: OwnKeys::default(),
            groups: PerGroup::default(),
        })
    }

    fn same(&mut self, group: GroupId, name: &Arc<str>) -> &mut Same {
        let lambdas = &self.lambdas;
        self.groups.entry(group, || Same {
            name: Arc::clone(name),
            time: None,
            rows: RowBuffer::default(),
            states: lambdas.iter().map(Lambda::state).collect(),
        })
    }

    fn add(&mut self, ctx: &mut Context<'_>, group: GroupId, block: &Block, row: usize) -> Outcome {
        let time = go_time::round(block.time[row], self.tolerance);
        let key = self.keys.of_row(block, row);
        let same = self.same(group, &block.name);
        if same.time.replace(time) != Some(time) {
            self.combine(ctx, group)?;
        }
        let same = self.same(group, &block.name);
        if same.rows.len() >= MAX_ROWS {
            return Err(NodeError(format!(
                "refusing to perform combination of more than {MAX_ROWS} points"
            )));
        }
        let fields = block
            .columns
            .iter()
            .filter_map(|column| Some((&column.name, column.get(row)?)));
        same.rows.push_fields(time, key, fields);
        Ok(())
    }

    /// Sends all combinations of what the group holds, and empties it.
    fn combine(&mut self, ctx: &mut Context<'_>, group: GroupId) -> Outcome {
        let Some(same) = self.groups.get_mut(group).filter(|same| !same.rows.is_empty()) else {
            return Ok(());
        };
        let rows = std::mem::take(&mut same.rows);
        let block = rows.to_block(Arc::clone(&same.name), Arc::clone(self.keys.table()));
        let (n, k) = (block.len(), self.lambdas.len());
        // Row by row, expression by expression, as upstream: what remembers something is asked in this order.
        let mut fits = vec![false; n * k];
        for (at, (lambda, state)) in self.lambdas.iter_mut().zip(&mut same.states).enumerate() {
            let bound = lambda.bind(&block);
            for row in 0..n {
                match bound.predicate(state, row) {
                    Ok(pass) => fits[row * k + at] = pass,
                    Err(error) => ctx.error("error evaluating lambda expression", error),
                }
            }
        }
        let Some(count) = combinations::count(n, k) else {
            return Ok(());
        };
        if i128::try_from(count).unwrap_or(i128::MAX) > i128::from(self.max) {
            return Err(NodeError(format!(
                "refusing to perform combination as total combinations {count} exceeds max combinations {}",
                self.max
            )));
        }
        let dimensions = Arc::clone(&ctx.group(group).dimensions().tags);
        let field_names: Vec<Vec<Arc<str>>> = self
            .prefixes
            .iter()
            .map(|prefix| {
                let prefixed = |column: &capstan_model::Column| format!("{prefix}{}", column.name).into();
                block.columns.iter().map(prefixed).collect()
            })
            .collect();
        // A table of its own: combinations of tags come and go.
        let keys = Arc::new(KeyTable::new());
        let mut out = OutputRows::new(Arc::clone(&keys));
        let (mut left, mut assigned) = (Vec::with_capacity(k), Vec::with_capacity(k));
        combinations::each(n, k, |choice| {
            let fit = |expression: usize, row: usize| fits[row * k + expression];
            if !combinations::assign(choice, fit, &mut left, &mut assigned) {
                return;
            }
            let Some(&first) = assigned.first() else { return };
            let tags = merged_tags(&block, &assigned, &self.prefixes, &dimensions);
            out.row(&block.name, block.time[first], keys.intern(&tags), group);
            for (&row, names) in assigned.iter().zip(&field_names) {
                for (column, name) in block.columns.iter().zip(names) {
                    if let Some(value) = column.get(row) {
                        out.field(name, value);
                    }
                }
            }
        });
        out.finish().for_each(|message| ctx.emit(message));
        Ok(())
    }
}

/// Tags that group keep their names, the others get the prefix of their point.
fn merged_tags(block: &Block, rows: &[usize], prefixes: &[String], dimensions: &[Arc<str>]) -> Tags {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (&row, prefix) in rows.iter().zip(prefixes) {
        for (key, value) in block.tags(row).iter() {
            let key = if dimensions.iter().any(|dimension| **dimension == *key) {
                key.to_owned()
            } else {
                format!("{prefix}{key}")
            };
            pairs.push((key, value.to_owned()));
        }
    }
    Tags::from_pairs(pairs)
}

impl Node for Combine {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        for (row, &group) in points.groups.iter().enumerate() {
            self.add(ctx, group, &points.block, row)?;
        }
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let same = self.same(batch.group, &batch.name);
        same.name = Arc::clone(&batch.name);
        same.time = None;
        for row in 0..batch.rows.len() {
            self.add(ctx, batch.group, &batch.rows, row)?;
        }
        self.combine(ctx, batch.group)
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let stored = Stored {
            states: states::snapshot(
                groups,
                self.groups.iter().map(|(group, same)| (group, &*same.states)),
            )?,
            groups: self.groups.store(groups, |same| StoredGroup {
                name: same.name.to_string(),
                time: same.time,
                rows: same.rows.store(&self.keys),
            }),
        };
        serde_json::value::to_raw_value(&stored).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored: Stored = serde_json::from_str(state.get())?;
        let compiled: Vec<_> = self.lambdas.iter().map(Lambda::compiled).collect();
        let mut restored = states::restore(&stored.states, groups, &compiled)?;
        let lambdas = &self.lambdas;
        self.groups.unstore(stored.groups, groups, |group, stored| Same {
            name: stored.name.into(),
            time: stored.time,
            rows: RowBuffer::unstore(stored.rows, &self.keys),
            states: match restored.iter().position(|(known, _)| *known == group) {
                Some(at) => restored.swap_remove(at).1,
                None => lambdas.iter().map(Lambda::state).collect(),
            },
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
    states: Json,
    groups: Vec<(u32, StoredGroup)>,
}

#[derive(Serialize, Deserialize)]
struct StoredGroup {
    name: String,
    time: Option<i64>,
    rows: Vec<StoredRow>,
}
