//! `spread` (N-146).

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::function::{Function, Shape};
use crate::value::{Emitted, Numeric};

pub(crate) static SPREAD: Function = Function {
    ..Function::row("spread", Shape::Aggregate, "Largest value minus smallest value.")
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Spread<T: Numeric> {
    bounds: Option<Bounds<T>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
struct Bounds<T: Numeric> {
    #[serde(with = "codec::one")]
    min: T,
    #[serde(with = "codec::one")]
    max: T,
}

impl<T: Numeric> Spread<T> {
    pub(crate) fn new() -> Self {
        Self { bounds: None }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        match &mut self.bounds {
            None => {
                self.bounds = Some(Bounds {
                    min: value,
                    max: value,
                });
            }
            Some(bounds) => {
                // A NaN makes both bounds NaN for good, as Go's math.Min and math.Max do.
                if value < bounds.min || is_nan(value) {
                    bounds.min = value;
                }
                if value > bounds.max || is_nan(value) {
                    bounds.max = value;
                }
            }
        }
    }

    pub(crate) fn push_slice(&mut self, values: &[T]) {
        for value in values {
            self.push(*value);
        }
    }

    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        if let Some(bounds) = &self.bounds {
            out.push(Emitted::timeless(bounds.max.minus(bounds.min).number().into()));
        }
    }
}

fn is_nan<T: PartialOrd>(value: T) -> bool {
    value.partial_cmp(&value).is_none()
}
