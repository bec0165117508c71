//! A condition with one state per group: what `where`, `stateDuration` and `stateCount` share.

use std::sync::Arc;

use capstan_expr::State;
use capstan_model::{Block, GroupId};
use capstan_tick::ast;

use crate::group_state::PerGroup;
use crate::lambda::{self, Lambda};
use crate::node::{Context, Json, JsonText, RestoreGroups, SnapshotGroups};
use crate::ports::Ports;
use crate::states;

/// A condition and what it remembers of each group (E-11).
#[derive(Debug)]
pub(crate) struct Predicate {
    lambda: Lambda,
    states: PerGroup<State>,
}

impl Predicate {
    pub(crate) fn compile(body: &Arc<ast::Node>, ports: &Ports) -> Result<Self, String> {
        let lambda = Lambda::compile(body, &lambda::environment(ports))?;
        Ok(Self {
            lambda,
            states: PerGroup::default(),
        })
    }

    /// Notes that a group is alive.
    pub(crate) fn touch(&mut self, group: GroupId) {
        let lambda = &self.lambda;
        self.states.entry(group, || lambda.state());
    }

    /// Evaluates all rows and calls `each` with those that succeed; errors are counted (E-80).
    pub(crate) fn each(
        &mut self,
        ctx: &mut Context<'_>,
        block: &Block,
        group: impl Fn(usize) -> GroupId,
        mut each: impl FnMut(usize, bool),
    ) {
        let bound = self.lambda.bind(block);
        if let Some(pass) = bound.bool_columns() {
            for (row, &pass) in pass.iter().enumerate() {
                self.states.entry(group(row), || bound.compiled().state());
                each(row, pass);
            }
            return;
        }
        for row in 0..block.len() {
            let state = self.states.entry(group(row), || bound.compiled().state());
            match bound.predicate(state, row) {
                Ok(pass) => each(row, pass),
                Err(error) => ctx.error("error while evaluating expression", error),
            }
        }
    }

    pub(crate) fn forget(&mut self, group: GroupId) {
        self.states.remove(group);
    }

    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    pub(crate) fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        states::snapshot(
            groups,
            self.states
                .iter()
                .map(|(group, state)| (group, std::slice::from_ref(state))),
        )
    }

    pub(crate) fn restore(
        &mut self,
        state: &JsonText,
        groups: &RestoreGroups<'_>,
    ) -> Result<(), serde_json::Error> {
        for (group, mut restored) in states::restore(state, groups, &[self.lambda.compiled()])? {
            if let Some(state) = restored.pop() {
                self.states.entry(group, || state);
            }
        }
        Ok(())
    }
}
