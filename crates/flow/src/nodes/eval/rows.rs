//! Rows one by one.

use std::sync::Arc;

use capstan_expr::{ScopeValue, State, Value};
use capstan_model::{Block, Column, ColumnBuilder, RowKey};

use super::exec::{Keep, Settings};
use crate::lambda::{Bound, Shadow, field_value};
use crate::rows::OwnKeys;

/// Evaluates all expressions for a row, each with the results of those before it in scope.
pub(super) fn evaluate(
    bound: &[Bound<'_>],
    states: &mut [State],
    names: &[Arc<str>],
    row: usize,
) -> Result<Vec<Value>, String> {
    let mut results: Vec<Value> = Vec::with_capacity(bound.len());
    for (bound, state) in bound.iter().zip(states) {
        let shadow = |reference: &Arc<str>| -> Shadow<'_> {
            let at = names[..results.len()]
                .iter()
                .rposition(|name| name == reference)?;
            Some(results[at].as_scope_value())
        };
        let shadows: Vec<Option<ScopeValue<'_>>> = bound.compiled().references().iter().map(shadow).collect();
        let value = bound
            .eval(state, row, &shadows)
            .map_err(|error| error.to_string())?;
        drop(shadows);
        results.push(value);
    }
    Ok(results)
}

/// The rows that succeeded.
pub(super) struct Output<'a> {
    block: &'a Block,
    settings: &'a Settings,
    kept: Vec<u32>,
    keys: Vec<RowKey>,
    /// Made fields: results, and what `keep` takes from elsewhere.
    made: Vec<ColumnBuilder>,
}

impl<'a> Output<'a> {
    pub(super) fn new(block: &'a Block, settings: &'a Settings) -> Self {
        let names: Vec<&Arc<str>> = match &settings.keep {
            Keep::Results => settings
                .names
                .iter()
                .zip(&settings.is_tag)
                .filter(|(_, tag)| !**tag)
                .map(|(name, _)| name)
                .collect(),
            Keep::All => settings.names.iter().collect(),
            Keep::These(fields) => fields.iter().collect(),
        };
        let mut made: Vec<ColumnBuilder> = Vec::with_capacity(names.len());
        for name in names {
            if !made.iter().any(|column| column.name() == name) {
                made.push(ColumnBuilder::new(Arc::clone(name)));
            }
        }
        Self {
            block,
            settings,
            kept: Vec::new(),
            keys: Vec::new(),
            made,
        }
    }

    /// Adds a row with its results; nothing is changed when that fails.
    pub(super) fn push(
        &mut self,
        row: usize,
        results: &[Value],
        bound: &[Bound<'_>],
        keys: &mut OwnKeys,
    ) -> Result<(), String> {
        let result = |name: &Arc<str>| {
            let at = self.settings.names.iter().rposition(|known| known == name)?;
            results.get(at)
        };
        let mut tags = None;
        for (name, _) in self
            .settings
            .names
            .iter()
            .zip(&self.settings.is_tag)
            .filter(|(_, tag)| **tag)
        {
            match result(name) {
                Some(Value::String(text)) => {
                    tags = Some(tags.unwrap_or_else(|| self.block.tags(row)).with(name, text));
                }
                other => {
                    let found = other.map_or("<nil>", |value| value.type_of().as_str());
                    return Err(format!(
                        "result of a tag expression must be of type string, got {found}"
                    ));
                }
            }
        }
        let at = self.kept.len();
        if let Keep::These(fields) = &self.settings.keep {
            for field in fields {
                let referenced = || {
                    bound
                        .iter()
                        .any(|bound| bound.compiled().references().contains(field))
                };
                let known = result(field).is_some()
                    || self.block.field(field, row).is_some()
                    || (referenced() && self.block.tags(row).get(field).is_some());
                if !known {
                    return Err(format!("cannot keep field {field:?}, field does not exist"));
                }
            }
        }
        for column in &mut self.made {
            let name = Arc::clone(column.name());
            let value = result(&name);
            if let Some(value) = value {
                if let Some(value) = field_value(value) {
                    column.set(at, value);
                }
            } else if let Some(value) = self.block.field(&name, row) {
                column.set(at, value);
            } else if let Some(text) = self.block.tags(row).get(&name) {
                column.set(at, capstan_model::ValueRef::Str(text));
            }
        }
        self.kept.push(row as u32);
        if self.settings.is_tag.contains(&true) {
            self.keys.push(match &tags {
                Some(tags) => keys.of_tags(tags),
                None => keys.of_row(self.block, row),
            });
        }
        Ok(())
    }

    /// The block of the rows that succeeded, and which they were.
    pub(super) fn finish(self, keys: &OwnKeys) -> (Block, Vec<u32>) {
        let mut out = self.block.gather(&self.kept);
        if !matches!(self.settings.keep, Keep::All) {
            out.columns.clear();
        }
        let len = self.kept.len();
        let made: Vec<Column> = self
            .made
            .into_iter()
            .filter_map(|column| column.finish(len))
            .collect();
        out = made.into_iter().fold(out, Block::with_column);
        if self.settings.is_tag.contains(&true) {
            out.keys = Arc::clone(keys.table());
            out.key = Arc::new(self.keys);
        }
        (out, self.kept)
    }
}
