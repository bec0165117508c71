//! `cumulativeSum` (N-156).

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::function::{Function, Shape};
use crate::value::{Numeric, Sample};

pub(crate) static CUMULATIVE_SUM: Function = Function {
    ..Function::row("cumulativeSum", Shape::Transform, "Running total of the values.")
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct CumulativeSum<T: Numeric> {
    #[serde(with = "codec::one")]
    sum: T,
    time: Option<i64>,
}

impl<T: Numeric> CumulativeSum<T> {
    pub(crate) fn new() -> Self {
        Self {
            sum: T::ZERO,
            time: None,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, time: i64, value: T) -> Option<Sample> {
        self.sum = self.sum.plus(value);
        self.time = Some(time);
        self.again()
    }

    pub(crate) fn again(&self) -> Option<Sample> {
        Some(Sample {
            time: self.time?,
            value: self.sum.number(),
        })
    }
}
