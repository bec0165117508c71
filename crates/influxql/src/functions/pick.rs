//! `first`, `last` (N-148), `min` and `max` (N-149): one of the points, found in constant memory.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::aggregate::Rows;
use crate::codec::{self, Stored};
use crate::function::{Function, Keeps, Shape, TypeSet};
use crate::value::{Emitted, Row, Value};

pub(crate) static FIRST: Function = Function {
    inputs: TypeSet::ALL,
    keeps: Keeps::Point,
    ..Function::row(
        "first",
        Shape::Selector,
        "The oldest point; of several, the one with the larger value.",
    )
};

pub(crate) static LAST: Function = Function {
    inputs: TypeSet::ALL,
    keeps: Keeps::Point,
    ..Function::row(
        "last",
        Shape::Selector,
        "The newest point; of several, the one with the larger value.",
    )
};

pub(crate) static MIN: Function = Function {
    keeps: Keeps::Point,
    ..Function::row(
        "min",
        Shape::Selector,
        "The point with the smallest value; of several, the oldest.",
    )
};

pub(crate) static MAX: Function = Function {
    keeps: Keeps::Point,
    ..Function::row(
        "max",
        Shape::Selector,
        "The point with the largest value; of several, the oldest.",
    )
};

/// Which point wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rule {
    First,
    Last,
    Min,
    Max,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Pick<T: Stored> {
    rule: Rule,
    best: Option<Best<T>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
struct Best<T: Stored> {
    #[serde(with = "codec::one")]
    value: T,
    time: i64,
    row: Row,
}

/// Whether a value beats the best so far. In doubt, NaN included, the one that was there first stays.
#[inline]
fn beats<V: PartialOrd + ?Sized>(rule: Rule, time: i64, value: &V, best_time: i64, best: &V) -> bool {
    match rule {
        Rule::First => time < best_time || (time == best_time && value > best),
        Rule::Last => time > best_time || (time == best_time && value > best),
        Rule::Min => value < best || (value == best && time < best_time),
        Rule::Max => value > best || (value == best && time < best_time),
    }
}

impl<T: Stored + PartialOrd> Pick<T> {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, best: None }
    }

    pub(crate) fn clear(&mut self) {
        self.best = None;
    }

    pub(crate) fn row_mut(&mut self) -> Option<&mut Row> {
        self.best.as_mut().map(|best| &mut best.row)
    }

    #[inline]
    pub(crate) fn push(&mut self, time: i64, value: T, row: Row) -> bool {
        self.push_as(self.rule, time, value, row)
    }

    #[inline]
    fn push_as(&mut self, rule: Rule, time: i64, value: T, row: Row) -> bool {
        let wins = self
            .best
            .as_ref()
            .is_none_or(|b| beats(rule, time, &value, b.time, &b.value));
        if wins {
            self.best = Some(Best { value, time, row });
        }
        wins
    }

    fn emitted(&self, value: impl Fn(&T) -> Value) -> Option<Emitted> {
        let best = self.best.as_ref()?;
        Some(Emitted {
            value: value(&best.value),
            time: Some(best.time),
            row: Some(best.row),
        })
    }
}

impl<T: Stored + PartialOrd + Copy> Pick<T> {
    pub(crate) fn push_slice(&mut self, times: &[i64], values: &[T], rows: Rows<'_>) {
        // One loop per rule, so that the rule is not asked for at each point.
        match self.rule {
            Rule::First => self.push_slice_as(Rule::First, times, values, rows),
            Rule::Last => self.push_slice_as(Rule::Last, times, values, rows),
            Rule::Min => self.push_slice_as(Rule::Min, times, values, rows),
            Rule::Max => self.push_slice_as(Rule::Max, times, values, rows),
        }
    }

    #[inline]
    fn push_slice_as(&mut self, rule: Rule, times: &[i64], values: &[T], rows: Rows<'_>) {
        for (index, (time, value)) in times.iter().zip(values).enumerate() {
            self.push_as(rule, *time, *value, rows.get(index));
        }
    }
}

impl Pick<f64> {
    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        out.extend(self.emitted(|v| Value::Float(*v)));
    }
}

impl Pick<i64> {
    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        out.extend(self.emitted(|v| Value::Int(*v)));
    }
}

impl Pick<bool> {
    /// Like [`push`](Self::push), but of several oldest points a false one wins: upstream's booleans differ from its
    /// numbers here.
    pub(crate) fn push_bool(&mut self, time: i64, value: bool, row: Row) -> bool {
        if self.rule != Rule::First {
            return self.push(time, value, row);
        }
        let wins = self
            .best
            .as_ref()
            .is_none_or(|b| time < b.time || (time == b.time && !value && b.value));
        if wins {
            self.best = Some(Best { value, time, row });
        }
        wins
    }

    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        out.extend(self.emitted(|v| Value::Bool(*v)));
    }
}

impl Pick<CompactString> {
    /// Copies the text only when it wins.
    pub(crate) fn push_str(&mut self, time: i64, value: &str, row: Row) -> bool {
        let wins = self
            .best
            .as_ref()
            .is_none_or(|b| beats(self.rule, time, value, b.time, b.value.as_str()));
        if wins {
            self.best = Some(Best {
                value: CompactString::from(value),
                time,
                row,
            });
        }
        wins
    }

    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        out.extend(self.emitted(|v| Value::String(v.clone())));
    }
}
