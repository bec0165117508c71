//! `mean` (N-143).

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::function::{Function, Output, Shape};
use crate::value::{Emitted, Numeric, Value};

pub(crate) static MEAN: Function = Function {
    output: Output::Float,
    ..Function::row("mean", Shape::Aggregate, "Arithmetic mean of the values.")
};

/// Integers are summed as integers, so that their mean is exact as long as the sum fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Mean<T: Numeric> {
    #[serde(with = "codec::one")]
    sum: T,
    points: u64,
}

impl<T: Numeric> Mean<T> {
    pub(crate) fn new() -> Self {
        Self {
            sum: T::ZERO,
            points: 0,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        self.sum = self.sum.plus(value);
        self.points += 1;
    }

    pub(crate) fn push_slice(&mut self, values: &[T]) {
        self.sum = values.iter().fold(self.sum, |sum, value| sum.plus(*value));
        self.points += values.len() as u64;
    }

    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        if self.points > 0 {
            out.push(Emitted::timeless(Value::Float(
                self.sum.float() / self.points as f64,
            )));
        }
    }
}
