use std::sync::Arc;

use capstan_expr::State;
use capstan_model::{Block, Column, GroupId, Values};

use super::rows;
use crate::engine::build::Builder;
use crate::group_state::PerGroup;
use crate::lambda::{self, Lambda};
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::rows::OwnKeys;
use crate::states;

/// Which fields go out.
#[derive(Debug)]
pub(super) enum Keep {
    /// Results that are not tags.
    Results,
    /// All old and all new ones.
    All,
    /// Exactly these.
    These(Vec<Arc<str>>),
}

/// Settings of an eval node.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) names: Vec<Arc<str>>,
    /// By expression: whether its result becomes a tag.
    pub(super) is_tag: Vec<bool>,
    pub(super) keep: Keep,
    quiet: bool,
}

/// Evaluates expressions in order (N-39…N-41).
#[derive(Debug)]
pub(super) struct Eval {
    lambdas: Vec<Lambda>,
    settings: Settings,
    /// The groups that were seen.
    known: PerGroup<()>,
    /// Of groups whose rows were evaluated one by one.
    states: PerGroup<Box<[State]>>,
    keys: OwnKeys,
    /// Nothing depends on single rows but their values: no tags, no named fields to keep.
    columnar: bool,
}

impl Eval {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let environment = lambda::environment(builder.ports);
        let compile = |(at, body): (usize, Arc<capstan_tick::ast::Node>)| {
            Lambda::compile(&body, &environment)
                .map_err(|error| format!("Failed to compile {at} expression: {error}"))
        };
        let lambdas: Vec<Lambda> = config
            .lambda_arguments()
            .into_iter()
            .enumerate()
            .map(compile)
            .collect::<Result<_, _>>()?;
        let names = config.strings("as");
        if names.len() != lambdas.len() {
            return Err("must provide one name per expression via the 'As' property".to_owned());
        }
        let tags = config.strings("tags");
        let is_tag: Vec<bool> = names.iter().map(|name| tags.contains(name)).collect();
        let keep = match config.property("keep") {
            None => Keep::Results,
            Some([]) => Keep::All,
            Some(_) => Keep::These(config.strings("keep")),
        };
        Ok(Self {
            columnar: tags.is_empty()
                && !lambdas.is_empty()
                && lambdas.iter().all(|l| !l.compiled().is_stateful()),
            lambdas,
            settings: Settings {
                names,
                is_tag,
                keep,
                quiet: config.quiet(),
            },
            known: PerGroup::default(),
            states: PerGroup::default(),
            keys: OwnKeys::default(),
        })
    }

    /// All rows at once; `None` when rows have to decide.
    fn columns(&mut self, block: &Block) -> Option<Block> {
        if !self.columnar {
            return None;
        }
        let mut results: Vec<Values> = Vec::with_capacity(self.lambdas.len());
        for lambda in &mut self.lambdas {
            let bound = lambda.bind(block);
            let names = &self.settings.names;
            let shadow = |name: &str| {
                results
                    .iter()
                    .zip(names)
                    .rev()
                    .find(|(_, known)| ***known == *name)
                    .map(|(v, _)| v)
            };
            let values = bound.columns(&shadow)?;
            results.push(values);
        }
        let made = self
            .settings
            .names
            .iter()
            .zip(results)
            .map(|(name, values)| Column::dense(Arc::clone(name), values));
        let mut out = block.clone();
        match &self.settings.keep {
            Keep::Results => {
                out.columns.clear();
                Some(made.fold(out, Block::with_column))
            }
            Keep::All => Some(made.fold(out, Block::with_column)),
            Keep::These(fields) => {
                out = made.fold(out, Block::with_column);
                let has = |field: &Arc<str>| out.column(field).is_some_and(|column| column.absent.is_none());
                if !fields.iter().all(has) {
                    return None;
                }
                out.columns.retain(|column| fields.contains(&column.name));
                Some(out)
            }
        }
    }

    /// Rows one by one; those that fail are dropped (E-81). Gives the block and, per row of it, the row it came from.
    fn rows(
        &mut self,
        ctx: &mut Context<'_>,
        block: &Block,
        group: impl Fn(usize) -> GroupId,
    ) -> (Block, Vec<u32>) {
        let mut out = rows::Output::new(block, &self.settings);
        let bound: Vec<_> = self.lambdas.iter_mut().map(|lambda| lambda.bind(block)).collect();
        for row in 0..block.len() {
            let fresh = || bound.iter().map(|bound| bound.compiled().state()).collect();
            let group = group(row);
            self.known.entry(group, || ());
            let states = self.states.entry(group, fresh);
            let result = rows::evaluate(&bound, states, &self.settings.names, row)
                .and_then(|results| out.push(row, &results, &bound, &mut self.keys));
            if let Err(error) = result
                && !self.settings.quiet
            {
                ctx.error("error evaluating expression", error);
            }
        }
        out.finish(&self.keys)
    }

    fn touch(&mut self, group: GroupId) {
        self.known.entry(group, || ());
    }
}

impl Node for Eval {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        if let Some(block) = self.columns(&points.block) {
            points.groups.iter().for_each(|&group| self.touch(group));
            ctx.emit(Message::Points(Points {
                block: Arc::new(block),
                groups: points.groups,
            }));
            return Ok(());
        }
        let (block, kept) = self.rows(ctx, &points.block, |row| points.groups[row]);
        let mut groups: Vec<GroupId> = kept.iter().map(|&row| points.groups[row as usize]).collect();
        if self.settings.is_tag.contains(&true) {
            // A result may be one of the tags that group.
            for (row, group) in groups.iter_mut().enumerate() {
                let dimensions = ctx.group(*group).dimensions().clone();
                if dimensions
                    .tags
                    .iter()
                    .any(|tag| self.settings.names.contains(tag))
                {
                    *group = ctx.groups.intern(&dimensions, &block.name, &block.tags(row));
                }
            }
        }
        ctx.emit(Message::Points(Points {
            block: Arc::new(block),
            groups: Arc::new(groups),
        }));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        self.touch(batch.group);
        let block = match self.columns(&batch.rows) {
            Some(block) => block,
            None => self.rows(ctx, &batch.rows, |_| batch.group).0,
        };
        ctx.emit(Message::Batch(Arc::new(batch.with_rows(Arc::new(block)))));
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.known.remove(group);
        self.states.remove(group);
    }

    fn cardinality(&self) -> usize {
        self.known.len()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        states::snapshot(
            groups,
            self.known.iter().map(|(group, ())| {
                let states = self.states.get(group).map(|states| &**states);
                (group, states.unwrap_or_default())
            }),
        )
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let expressions: Vec<_> = self.lambdas.iter().map(Lambda::compiled).collect();
        for (group, restored) in states::restore(state, groups, &expressions)? {
            self.known.entry(group, || ());
            if !self.columnar {
                self.states.entry(group, || restored.into());
            }
        }
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        self.keys.renew();
        true
    }
}
