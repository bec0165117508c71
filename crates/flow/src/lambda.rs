//! Lambda expressions over blocks: references bound to columns and tags once per block, whole columns where types are
//! dense, rows where they are not.

use std::sync::Arc;

use capstan_base::{Symbol, Symbols};
use capstan_expr::{
    ColumnRef, Compiled, Environment, EvalError, Scope, ScopeValue, State, TextColumn, Value,
};
use capstan_model::{Block, Column, KeyTable, ValueRef, Values};
use capstan_tick::ast;

use crate::ports::Ports;

/// Environment of a task's lambdas.
pub fn environment(ports: &Ports) -> Arc<Environment> {
    Arc::new(Environment::with_zone(
        Arc::clone(&ports.clock),
        ports.zone.clone(),
    ))
}

/// A compiled lambda with what it learned about tags.
#[derive(Debug)]
pub struct Lambda {
    compiled: Compiled,
    /// By slot; `None` for `time`.
    tags: Vec<Option<TagLookup>>,
}

/// One tag by row key. A reference may be a field or a tag, and it must be known that it is not both (E-04), so every
/// reference is looked up among the tags; tables where no key has the tag cost nothing per row.
#[derive(Debug)]
struct TagLookup {
    name: Arc<str>,
    values: Symbols,
    tables: Vec<TagTable>,
}

#[derive(Debug)]
struct TagTable {
    id: u32,
    /// Keys below this were looked at.
    seen: usize,
    /// By key; empty as long as no key has the tag.
    symbols: Vec<Option<Symbol>>,
}

const MAX_TABLES: usize = 8;

impl TagLookup {
    fn new(name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            values: Symbols::default(),
            tables: Vec::new(),
        }
    }

    /// Looks at the keys that the table gave out since the last time.
    fn update(&mut self, keys: &KeyTable) {
        let at = self
            .tables
            .iter()
            .position(|table| table.id == keys.id())
            .unwrap_or_else(|| {
                if self.tables.len() == MAX_TABLES {
                    self.tables.remove(0);
                }
                self.tables.push(TagTable {
                    id: keys.id(),
                    seen: 0,
                    symbols: Vec::new(),
                });
                self.tables.len() - 1
            });
        let table = &mut self.tables[at];
        let len = keys.len();
        for key in table.seen..len {
            if let Some(value) = keys.tags(key as u32).get(&self.name) {
                table.symbols.resize(key, None);
                table.symbols.push(Some(self.values.intern(value)));
            }
        }
        table.seen = len;
    }

    fn table(&self, keys: &KeyTable) -> &[Option<Symbol>] {
        self.tables
            .iter()
            .find(|table| table.id == keys.id())
            .map_or(&[], |table| &table.symbols)
    }
}

/// A reference in one block.
#[derive(Debug)]
enum Slot<'a> {
    Time,
    Point {
        field: Option<&'a Column>,
        /// The tag by row key; empty when no key of the table has it.
        tag: &'a [Option<Symbol>],
        values: &'a Symbols,
    },
}

/// Results of earlier expressions of the same node, which shadow fields and tags (E-08).
pub type Shadow<'a> = Option<ScopeValue<'a>>;

/// A lambda bound to a block.
#[derive(Debug)]
pub struct Bound<'a> {
    compiled: &'a Compiled,
    block: &'a Block,
    slots: Vec<Slot<'a>>,
}

impl Lambda {
    /// Compiles the body of a lambda.
    pub fn compile(body: &ast::Node, environment: &Arc<Environment>) -> Result<Self, String> {
        let compiled =
            Compiled::with_environment(body, Arc::clone(environment)).map_err(|error| error.to_string())?;
        let tags = compiled
            .references()
            .iter()
            .map(|name| (**name != *"time").then(|| TagLookup::new(name)))
            .collect();
        Ok(Self { compiled, tags })
    }

    /// A fresh state for a group.
    pub fn state(&self) -> State {
        self.compiled.state()
    }

    /// The expression.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Binds references to the columns and tags of a block.
    pub fn bind<'a>(&'a mut self, block: &'a Block) -> Bound<'a> {
        for lookup in self.tags.iter_mut().flatten() {
            lookup.update(&block.keys);
        }
        let slot = |(name, lookup): (&Arc<str>, &'a Option<TagLookup>)| match lookup {
            None => Slot::Time,
            Some(lookup) => Slot::Point {
                field: block.column(name),
                tag: lookup.table(&block.keys),
                values: &lookup.values,
            },
        };
        let slots = self
            .compiled
            .references()
            .iter()
            .zip(&self.tags)
            .map(slot)
            .collect();
        Bound {
            compiled: &self.compiled,
            block,
            slots,
        }
    }
}

/// A tag as a column of texts.
#[derive(Debug)]
struct TagColumn<'a> {
    keys: &'a [u32],
    tag: &'a [Option<Symbol>],
    values: &'a Symbols,
}

impl TextColumn for TagColumn<'_> {
    fn text(&self, row: usize) -> &str {
        let symbol = self
            .keys
            .get(row)
            .and_then(|&key| self.tag.get(key as usize).copied().flatten());
        symbol.map_or("", |symbol| self.values.text(symbol))
    }
}

/// What stands in for a reference in the columnar form.
enum Whole<'a> {
    Ready(ColumnRef<'a>),
    Tag(TagColumn<'a>),
}

impl<'a> Bound<'a> {
    /// Evaluates all rows at once. `None`: evaluate row by row instead. `shadow` gives results of earlier expressions
    /// by name.
    pub fn columns(&self, shadow: &dyn Fn(&str) -> Option<&'a Values>) -> Option<Values> {
        if self.compiled.is_stateful() {
            return None;
        }
        let mut whole = Vec::with_capacity(self.slots.len());
        for (slot, name) in self.slots.iter().zip(self.compiled.references()) {
            whole.push(match (shadow(name), slot) {
                (Some(values), _) => Whole::Ready(column_ref(values)?),
                (None, Slot::Time) => Whole::Ready(ColumnRef::Time(&self.block.time)),
                (
                    None,
                    Slot::Point {
                        field: Some(column),
                        tag,
                        ..
                    },
                ) => {
                    if self.any_row_has(tag) {
                        return None;
                    }
                    Whole::Ready(ColumnRef::of(column)?)
                }
                (
                    None,
                    Slot::Point {
                        field: None,
                        tag,
                        values,
                    },
                ) => {
                    if !self.every_row_has(tag) {
                        return None;
                    }
                    Whole::Tag(TagColumn {
                        keys: &self.block.key,
                        tag,
                        values,
                    })
                }
            });
        }
        let columns: Vec<ColumnRef<'_>> = whole
            .iter()
            .map(|whole| match whole {
                Whole::Ready(column) => *column,
                Whole::Tag(tag) => ColumnRef::Text(tag),
            })
            .collect();
        self.compiled.eval_columns(self.block.len(), &columns)
    }

    /// Evaluates a condition for all rows at once; `None`: evaluate row by row instead.
    pub fn bool_columns(&self) -> Option<Vec<bool>> {
        match self.columns(&|_| None)? {
            Values::Bool(values) => Some(values),
            _ => None,
        }
    }

    fn any_row_has(&self, tag: &[Option<Symbol>]) -> bool {
        !tag.is_empty()
            && self
                .block
                .key
                .iter()
                .any(|&key| tag.get(key as usize).is_some_and(Option::is_some))
    }

    fn every_row_has(&self, tag: &[Option<Symbol>]) -> bool {
        self.block
            .key
            .iter()
            .all(|&key| tag.get(key as usize).is_some_and(Option::is_some))
    }

    /// The values of one row. `shadows` is by slot; missing ones shadow nothing.
    ///
    /// # Errors
    /// A field and a tag have the same name (E-04).
    pub fn row<'b>(&'b self, row: usize, shadows: &'b [Shadow<'b>]) -> Result<RowScope<'b>, EvalError> {
        let scope = RowScope {
            block: self.block,
            slots: &self.slots,
            row,
            shadows,
        };
        for (at, slot) in self.slots.iter().enumerate() {
            if let Slot::Point {
                field: Some(column), ..
            } = slot
                && shadows.get(at).is_none_or(Option::is_none)
                && has_tag(slot, self.block.key[row])
                && column.get(row).is_some()
            {
                return Err(EvalError::FieldAndTag {
                    name: self.compiled.references()[at].to_string(),
                });
            }
        }
        Ok(scope)
    }

    /// Evaluates one row as a condition (E-12).
    pub fn predicate(&self, state: &mut State, row: usize) -> Result<bool, EvalError> {
        self.compiled.eval_predicate(state, &self.row(row, &[])?)
    }

    /// Evaluates one row.
    pub fn eval(&self, state: &mut State, row: usize, shadows: &[Shadow<'_>]) -> Result<Value, EvalError> {
        self.compiled.eval(state, &self.row(row, shadows)?)
    }

    /// The expression.
    pub fn compiled(&self) -> &Compiled {
        self.compiled
    }
}

/// One row of a block as the row interpreter sees it.
#[derive(Debug)]
pub struct RowScope<'a> {
    block: &'a Block,
    slots: &'a [Slot<'a>],
    row: usize,
    shadows: &'a [Shadow<'a>],
}

/// Whether a row has the tag of a reference.
fn has_tag(slot: &Slot<'_>, key: u32) -> bool {
    matches!(slot, Slot::Point { tag, .. } if tag.get(key as usize).is_some_and(Option::is_some))
}

impl Scope for RowScope<'_> {
    fn get(&self, slot: usize) -> ScopeValue<'_> {
        if let Some(Some(value)) = self.shadows.get(slot) {
            return *value;
        }
        match self.slots.get(slot) {
            None => ScopeValue::Undefined,
            Some(Slot::Time) => ScopeValue::Time(self.block.time[self.row]),
            Some(Slot::Point { field, tag, values }) => {
                if let Some(value) = field.and_then(|column| column.get(self.row)) {
                    return value.into();
                }
                let symbol = tag.get(self.block.key[self.row] as usize).copied().flatten();
                symbol.map_or(ScopeValue::Missing, |symbol| {
                    ScopeValue::String(values.text(symbol))
                })
            }
        }
    }
}

fn column_ref(values: &Values) -> Option<ColumnRef<'_>> {
    Some(match values {
        Values::Float(v) => ColumnRef::Float(v),
        Values::Int(v) => ColumnRef::Int(v),
        Values::Bool(v) => ColumnRef::Bool(v),
        Values::Duration(v) => ColumnRef::Duration(v),
        Values::Str(v) => ColumnRef::Text(v),
        Values::Mixed(_) => return None,
    })
}

/// A result as a field value; `None` for what no field can hold.
pub fn field_value(value: &Value) -> Option<ValueRef<'_>> {
    Some(match value {
        Value::Float(v) => ValueRef::Float(*v),
        Value::Int(v) => ValueRef::Int(*v),
        Value::Bool(v) => ValueRef::Bool(*v),
        Value::String(v) => ValueRef::Str(v),
        Value::Duration(v) => ValueRef::Duration(*v),
        Value::Null => ValueRef::Null,
        Value::Regex(_) | Value::Time(_) | Value::Missing => return None,
    })
}
