//! `difference` (N-154).

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::function::{Function, Shape};
use crate::value::{Numeric, Sample};

pub(crate) static DIFFERENCE: Function = Function {
    ..Function::row(
        "difference",
        Shape::Transform,
        "Value minus the previous value, from the second on.",
    )
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Difference<T: Numeric> {
    current: Option<Current<T>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
struct Current<T: Numeric> {
    #[serde(with = "codec::one")]
    value: T,
    time: i64,
}

impl<T: Numeric> Difference<T> {
    pub(crate) fn new() -> Self {
        Self { current: None }
    }

    /// Of several points in a row with one time only the first counts.
    #[inline]
    pub(crate) fn push(&mut self, time: i64, value: T) -> Option<Sample> {
        if self.current.is_some_and(|current| current.time == time) {
            return None;
        }
        let previous = self.current.replace(Current { value, time })?;
        Some(Sample {
            time,
            value: value.minus(previous.value).number(),
        })
    }
}
