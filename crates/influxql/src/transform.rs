//! Machines that answer point by point (N-134).

use serde::{Deserialize, Serialize};

use crate::call::{Call, Options};
use crate::error::WrongType;
use crate::functions::cumulative_sum::CumulativeSum;
use crate::functions::difference::Difference;
use crate::functions::elapsed::Elapsed;
use crate::functions::moving_average::MovingAverage;
use crate::value::{FieldType, Sample, ValueRef};

/// The state of one group under a transform. On streams it lives as long as the group; at the start of each batch
/// [`reset`](Self::reset) it, or make one anew when the type may have changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transform(State);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum State {
    Elapsed(Elapsed),
    DifferenceFloat(Difference<f64>),
    DifferenceInt(Difference<i64>),
    MovingAverageFloat(Box<MovingAverage<f64>>),
    MovingAverageInt(Box<MovingAverage<i64>>),
    CumulativeSumFloat(CumulativeSum<f64>),
    CumulativeSumInt(CumulativeSum<i64>),
}

impl Transform {
    /// `None` when the call is no transform. The type was checked before.
    pub(crate) fn new(call: &Call, input: FieldType) -> Option<Self> {
        let float = input == FieldType::Float;
        Some(Self(match (call.function().name, call.options) {
            ("elapsed", Options::Unit(unit)) => State::Elapsed(Elapsed::new(input, unit)),
            ("difference", _) if float => State::DifferenceFloat(Difference::new()),
            ("difference", _) => State::DifferenceInt(Difference::new()),
            ("movingAverage", Options::Points(n)) if float => {
                State::MovingAverageFloat(Box::new(MovingAverage::new(n)))
            }
            ("movingAverage", Options::Points(n)) => State::MovingAverageInt(Box::new(MovingAverage::new(n))),
            ("cumulativeSum", _) if float => State::CumulativeSumFloat(CumulativeSum::new()),
            ("cumulativeSum", _) => State::CumulativeSumInt(CumulativeSum::new()),
            _ => return None,
        }))
    }

    /// The type it was made for.
    pub fn field_type(&self) -> FieldType {
        match &self.0 {
            State::Elapsed(state) => state.input,
            State::DifferenceFloat(_) | State::MovingAverageFloat(_) | State::CumulativeSumFloat(_) => {
                FieldType::Float
            }
            State::DifferenceInt(_) | State::MovingAverageInt(_) | State::CumulativeSumInt(_) => {
                FieldType::Int
            }
        }
    }

    /// Takes a point and gives its answer, if it has one already.
    ///
    /// # Errors
    /// The value has another type than the first one had. The state is unchanged then.
    pub fn push(&mut self, time: i64, value: ValueRef<'_>) -> Result<Option<Sample>, WrongType> {
        match value {
            ValueRef::Float(value) => self.push_float(time, value),
            ValueRef::Int(value) => self.push_int(time, value),
            other => match &mut self.0 {
                State::Elapsed(state) if state.input == other.field_type() => Ok(state.push(time)),
                _ => Err(self.wrong(other.field_type())),
            },
        }
    }

    /// [`push`](Self::push) for a float.
    #[inline]
    pub fn push_float(&mut self, time: i64, value: f64) -> Result<Option<Sample>, WrongType> {
        Ok(match &mut self.0 {
            State::MovingAverageFloat(state) => state.push(time, value),
            State::DifferenceFloat(state) => state.push(time, value),
            State::CumulativeSumFloat(state) => state.push(time, value),
            State::Elapsed(state) if state.input == FieldType::Float => state.push(time),
            _ => return Err(self.wrong(FieldType::Float)),
        })
    }

    /// [`push`](Self::push) for an integer.
    #[inline]
    pub fn push_int(&mut self, time: i64, value: i64) -> Result<Option<Sample>, WrongType> {
        Ok(match &mut self.0 {
            State::MovingAverageInt(state) => state.push(time, value),
            State::DifferenceInt(state) => state.push(time, value),
            State::CumulativeSumInt(state) => state.push(time, value),
            State::Elapsed(state) if state.input == FieldType::Int => state.push(time),
            _ => return Err(self.wrong(FieldType::Int)),
        })
    }

    /// The answer to the last good point once more, with that point's time.
    ///
    /// compat: Kapacitor emits this when a group that has its state already gets a point without the field or with
    /// another type; `difference` gives nothing there, since it has used up its previous value.
    pub fn again(&self) -> Option<Sample> {
        match &self.0 {
            State::Elapsed(state) => state.again(),
            State::DifferenceFloat(_) | State::DifferenceInt(_) => None,
            State::MovingAverageFloat(state) => state.again(),
            State::MovingAverageInt(state) => state.again(),
            State::CumulativeSumFloat(state) => state.again(),
            State::CumulativeSumInt(state) => state.again(),
        }
    }

    /// Forgets all points, keeps function, type and memory.
    pub fn reset(&mut self) {
        match &mut self.0 {
            State::Elapsed(state) => state.clear(),
            State::DifferenceFloat(state) => *state = Difference::new(),
            State::DifferenceInt(state) => *state = Difference::new(),
            State::MovingAverageFloat(state) => state.clear(),
            State::MovingAverageInt(state) => state.clear(),
            State::CumulativeSumFloat(state) => *state = CumulativeSum::new(),
            State::CumulativeSumInt(state) => *state = CumulativeSum::new(),
        }
    }

    #[cold]
    fn wrong(&self, got: FieldType) -> WrongType {
        WrongType {
            got,
            expected: self.field_type(),
        }
    }
}

#[cfg(test)]
mod tests;
