//! `median` (N-144).

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::function::{Function, Output, Shape};
use crate::value::{Emitted, Number, Numeric, Value};

pub(crate) static MEDIAN: Function = Function {
    output: Output::Float,
    ..Function::row(
        "median",
        Shape::Aggregate,
        "The middle value; of an even number, the mean of the two middle ones.",
    )
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Median<T: Numeric> {
    #[serde(with = "codec::list")]
    values: Vec<T>,
    /// Of the first value: the point time of a lone float.
    time: i64,
}

impl<T: Numeric> Median<T> {
    pub(crate) fn new() -> Self {
        Self {
            values: Vec::new(),
            time: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
    }

    pub(crate) fn push(&mut self, time: i64, value: T) {
        if self.values.is_empty() {
            self.time = time;
        }
        self.values.push(value);
    }

    pub(crate) fn push_slice(&mut self, times: &[i64], values: &[T]) {
        if let (true, Some(time)) = (self.values.is_empty(), times.first()) {
            self.time = *time;
        }
        self.values
            .extend_from_slice(&values[..times.len().min(values.len())]);
    }

    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        let middle = match self.values.as_slice() {
            [] => return,
            [lone] => {
                // A lone float is passed on as the point it is, with its time; a lone integer becomes a float without one.
                let time = matches!(lone.number(), Number::Float(_)).then_some(self.time);
                out.push(Emitted {
                    value: Value::Float(lone.float()),
                    time,
                    row: None,
                });
                return;
            }
            values => {
                let mut values = values.to_vec();
                let half = values.len() / 2;
                let even = values.len().is_multiple_of(2);
                let (lower, high, _) = values.select_nth_unstable_by(half, Numeric::order);
                match lower.iter().max_by(|a, b| a.order(b)) {
                    Some(low) if even => low.float() + high.minus(*low).float() / 2.0,
                    _ => high.float(),
                }
            }
        };
        out.push(Emitted::timeless(Value::Float(middle)));
    }
}
