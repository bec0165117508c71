//! `sum` (N-147).

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::function::{Empty, Function, Shape};
use crate::value::{Emitted, Numeric};

pub(crate) static SUM: Function = Function {
    empty: Empty::Float0,
    ..Function::row("sum", Shape::Aggregate, "Sum of the values.")
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Sum<T: Numeric> {
    #[serde(with = "codec::one")]
    sum: T,
}

impl<T: Numeric> Sum<T> {
    pub(crate) fn new() -> Self {
        Self { sum: T::ZERO }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        self.sum = self.sum.plus(value);
    }

    /// One addition after the other: another order would give other last digits than pushing one by one.
    pub(crate) fn push_slice(&mut self, values: &[T]) {
        self.sum = values.iter().fold(self.sum, |sum, value| sum.plus(*value));
    }

    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        // compat: the point time of a sum is the epoch, since upstream's accumulator starts as a point at 0 (N-131).
        out.push(Emitted {
            value: self.sum.number().into(),
            time: Some(0),
            row: None,
        });
    }
}
