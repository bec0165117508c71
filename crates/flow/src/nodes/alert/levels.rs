//! The conditions of levels.

use std::sync::Arc;

use capstan_alert::{Level, next_level};
use capstan_expr::{Environment, State};
use capstan_model::Block;
use capstan_tick::ast;

use super::settings;
use crate::lambda::{self, Bound, Lambda};
use crate::node::Context;
use crate::pipeline::NodeConfig;
use crate::ports::Ports;

/// A condition with its memory, which all groups share (E-11).
#[derive(Debug)]
struct Condition {
    lambda: Lambda,
    state: State,
}

/// Conditions and resets of one node, by level.
#[derive(Debug, Default)]
pub(super) struct Levels {
    conditions: [Option<Condition>; 4],
    resets: [Option<Condition>; 4],
}

/// A condition in one block.
struct InBlock<'a> {
    bound: Bound<'a>,
    state: &'a mut State,
    /// The answers for all rows, when they can be had at once.
    whole: Option<Vec<bool>>,
}

/// The conditions in one block.
pub(super) struct LevelsOf<'a> {
    conditions: [Option<InBlock<'a>>; 4],
    resets: [Option<InBlock<'a>>; 4],
}

impl Levels {
    pub(super) fn new(config: &NodeConfig, ports: &Ports) -> Result<Self, String> {
        let environment = lambda::environment(ports);
        let mut levels = Self::default();
        for (level, name, reset, body) in [
            (Level::Info, "info", "infoReset", config.lambda("info")),
            (Level::Warning, "warn", "warnReset", config.lambda("warn")),
            (Level::Critical, "crit", "critReset", settings::critical(config)),
        ] {
            // A reset without its condition means nothing.
            let Some(body) = body else { continue };
            let at = usize::from(level.number());
            levels.conditions[at] = Some(compile(&body, name, &environment)?);
            if let Some(body) = config.lambda(reset) {
                levels.resets[at] = Some(compile(&body, reset, &environment)?);
            }
        }
        Ok(levels)
    }

    /// For the rows of one block.
    pub(super) fn bind<'a>(&'a mut self, block: &'a Block) -> LevelsOf<'a> {
        let bind = |condition: &'a mut Option<Condition>| {
            condition.as_mut().map(|Condition { lambda, state }| {
                let bound = lambda.bind(block);
                let whole = bound.bool_columns();
                InBlock { bound, state, whole }
            })
        };
        LevelsOf {
            conditions: self.conditions.each_mut().map(bind),
            resets: self.resets.each_mut().map(bind),
        }
    }

    /// What the conditions remember, conditions first.
    pub(super) fn states(&self) -> impl Iterator<Item = &State> {
        self.all().map(|condition| &condition.state)
    }

    /// The lambdas in the order of [`Levels::states`].
    pub(super) fn lambdas(&self) -> impl Iterator<Item = &Lambda> {
        self.all().map(|condition| &condition.lambda)
    }

    /// Takes states back, in the order of [`Levels::states`].
    pub(super) fn restore(&mut self, states: Vec<State>) {
        let all = self.conditions.iter_mut().chain(&mut self.resets).flatten();
        for (condition, state) in all.zip(states) {
            condition.state = state;
        }
    }

    fn all(&self) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().chain(&self.resets).flatten()
    }
}

fn compile(body: &Arc<ast::Node>, name: &str, environment: &Arc<Environment>) -> Result<Condition, String> {
    let lambda = Lambda::compile(body, environment)
        .map_err(|error| format!("Failed to compile stateful expression for {name}: {error}"))?;
    let state = lambda.state();
    Ok(Condition { lambda, state })
}

impl InBlock<'_> {
    fn eval(&mut self, row: usize) -> Result<bool, capstan_expr::EvalError> {
        match self.whole.as_ref().and_then(|whole| whole.get(row)) {
            Some(&pass) => Ok(pass),
            None => self.bound.predicate(self.state, row),
        }
    }
}

impl LevelsOf<'_> {
    /// The level of a row after `current`; errors are counted.
    pub(super) fn next(&mut self, ctx: &mut Context<'_>, row: usize, current: Level) -> Level {
        let (conditions, resets) = (&mut self.conditions, &mut self.resets);
        let mut problems = Vec::new();
        let mut reset_problem = None;
        let level = next_level(
            current,
            &mut |level| match &mut conditions[usize::from(level.number())] {
                None => false,
                Some(condition) => condition.eval(row).unwrap_or_else(|error| {
                    problems.push((level, error));
                    false
                }),
            },
            &mut |level| {
                let reset = resets[usize::from(level.number())].as_mut()?;
                reset.eval(row).map_err(|error| reset_problem = Some(error)).ok()
            },
        );
        for (level, error) in problems {
            ctx.error(
                "error evaluating expression for level",
                format!("{level}: {error}"),
            );
        }
        if let Some(error) = reset_problem {
            ctx.error("error evaluating reset expression for current level", error);
        }
        level
    }
}
