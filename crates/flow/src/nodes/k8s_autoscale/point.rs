//! Points on their way to a decision.

use std::sync::Arc;

use capstan_expr::{Compiled, EvalError, State, Type, Value};
use capstan_hpa::record::Input;
use capstan_model::{Block, GroupId, ValueRef};

/// What is kept of a point: its place in time and the values the expression refers to.
#[derive(Debug)]
pub(super) struct Point {
    /// Measurement.
    pub(super) name: Arc<str>,
    pub(super) time: i64,
    pub(super) group: GroupId,
    pub(super) wanted: Wanted,
    /// By slot of the expression.
    values: Vec<Value>,
    /// How often a conflict sent it back.
    pub(super) tries: u8,
}

/// What the expression gives.
#[derive(Debug)]
pub(super) enum Wanted {
    Replicas(i64),
    /// No number, and why.
    Nothing(String),
    /// It needs to know what there is, so it is evaluated when the point's turn comes. The state is the one before the
    /// first evaluation, so that a second one does not count twice.
    Later(Option<State>),
}

impl Point {
    pub(super) fn new(
        expression: &Compiled,
        block: &Block,
        row: usize,
        group: GroupId,
        wanted: Option<Result<i64, EvalError>>,
    ) -> Self {
        let tags = block.tags(row);
        let mut both = None;
        let values = expression.references().iter().map(|name| {
            if **name == *"time" {
                return Value::Time(block.time[row]);
            }
            let tag = tags.get(name);
            let field = block.field(name, row);
            if field.is_some() && tag.is_some() {
                both = Some(EvalError::FieldAndTag {
                    name: name.to_string(),
                });
            }
            field.map_or_else(
                || tag.map_or(Value::Missing, |tag| Value::String(tag.into())),
                owned,
            )
        });
        let values = values.collect();
        let wanted = match (wanted, both) {
            (Some(Ok(replicas)), _) => Wanted::Replicas(replicas),
            (Some(Err(error)), _) | (None, Some(error)) => Wanted::Nothing(describe(&error)),
            (None, None) => Wanted::Later(None),
        };
        Self {
            name: Arc::clone(&block.name),
            time: block.time[row],
            group,
            wanted,
            values,
            tries: 0,
        }
    }

    /// The wanted replicas when there are `current`, which the expression knows by slot `slot`; or why there is no
    /// number. `state` is the group's.
    pub(super) fn evaluate(
        &mut self,
        expression: &Compiled,
        slot: Option<usize>,
        state: &mut State,
        current: i64,
    ) -> Result<i64, String> {
        let before = match &mut self.wanted {
            Wanted::Replicas(replicas) => return Ok(*replicas),
            Wanted::Nothing(error) => return Err(error.clone()),
            Wanted::Later(before) => before,
        };
        if let Some(value) = slot.and_then(|slot| self.values.get_mut(slot)) {
            *value = Value::Int(current);
        }
        let result = if let Some(before) = before {
            expression.eval_int(&mut before.clone(), &self.values)
        } else {
            *before = Some(state.clone());
            expression.eval_int(state, &self.values)
        };
        result.map_err(|error| describe(&error))
    }

    /// The numbers the decision was made from. Texts are no inputs; what is missing is named.
    pub(super) fn inputs(&self, expression: &Compiled, current: Option<usize>) -> Vec<Input> {
        let measured = |name: &Arc<str>, value| Input::measured(&**name, value, self.time, self.time);
        let input = |(slot, (name, value)): (usize, (&Arc<str>, &Value))| match value {
            _ if current == Some(slot) => None,
            Value::Float(value) => Some(measured(name, *value)),
            Value::Int(value) => Some(measured(name, *value as f64)),
            Value::Missing | Value::Null => Some(Input::missing(&**name)),
            _ => None,
        };
        expression
            .references()
            .iter()
            .zip(&self.values)
            .enumerate()
            .filter_map(input)
            .collect()
    }
}

/// Why there is no number, with a way out for the usual mistake.
fn describe(error: &EvalError) -> String {
    match error {
        EvalError::TypeGuard {
            found: Type::Float, ..
        } => {
            format!("{error}; a number of replicas is an int: wrap the expression in int(ceil(…))")
        }
        _ => error.to_string(),
    }
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Float(v) => Value::Float(v),
        ValueRef::Int(v) => Value::Int(v),
        ValueRef::Bool(v) => Value::Bool(v),
        ValueRef::Str(v) => Value::String(v.into()),
        ValueRef::Duration(v) => Value::Duration(v),
        ValueRef::Null => Value::Null,
    }
}
