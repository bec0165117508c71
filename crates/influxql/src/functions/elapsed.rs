//! `elapsed` (N-153).

use serde::{Deserialize, Serialize};

use crate::function::{Function, Output, Shape, TypeSet, parameters};
use crate::value::{FieldType, Number, Sample};

pub(crate) static ELAPSED: Function = Function {
    parameters: parameters!("field": Field, "unit": Duration),
    inputs: TypeSet::ALL,
    output: Output::Int,
    ..Function::row(
        "elapsed",
        Shape::Transform,
        "Whole units of time since the previous point, from the second on.",
    )
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Elapsed {
    pub(crate) input: FieldType,
    unit: i64,
    previous: Option<i64>,
    current: Option<i64>,
}

impl Elapsed {
    /// `unit` in nanoseconds.
    pub(crate) fn new(input: FieldType, unit: i64) -> Self {
        Self {
            input,
            unit,
            previous: None,
            current: None,
        }
    }

    pub(crate) fn clear(&mut self) {
        (self.previous, self.current) = (None, None);
    }

    pub(crate) fn push(&mut self, time: i64) -> Option<Sample> {
        self.previous = self.current.replace(time);
        self.again()
    }

    pub(crate) fn again(&self) -> Option<Sample> {
        let (previous, current) = (self.previous?, self.current?);
        let units = current.wrapping_sub(previous).checked_div(self.unit)?;
        Some(Sample {
            time: current,
            value: Number::Int(units),
        })
    }
}
