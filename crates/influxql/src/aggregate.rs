//! Machines that answer once for many points.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::call::{Call, Options};
use crate::error::{Error, WrongType};
use crate::functions::count::Count;
use crate::functions::distinct::Distincts;
use crate::functions::holt_winters::HoltWinters;
use crate::functions::mean::Mean;
use crate::functions::median::Median;
use crate::functions::mode::Mode;
use crate::functions::percentile::Percentile;
use crate::functions::pick::{Pick, Rule};
use crate::functions::rank::Rank;
use crate::functions::spread::Spread;
use crate::functions::stddev::Stddev;
use crate::functions::sum::Sum;
use crate::value::{Emitted, FieldType, Row, ValueRef};

/// The state of one group under an aggregate, a selector or a function of many rows: the points of one batch, or of
/// one time on a stream (N-132). Then [`emit`](Self::emit), and [`reset`](Self::reset) for the next ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Aggregate(State);

/// How the points of a slice are named.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// One after the other from this one.
    From(Row),
    /// Each on its own, as long as the values.
    Each(&'a [Row]),
}

impl Rows<'_> {
    #[inline]
    pub(crate) fn get(self, index: usize) -> Row {
        match self {
            Self::From(first) => Row(first.0.wrapping_add(index as u64)),
            Self::Each(rows) => rows.get(index).copied().unwrap_or_default(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum State {
    Count(Count),
    SumFloat(Sum<f64>),
    SumInt(Sum<i64>),
    MeanFloat(Mean<f64>),
    MeanInt(Mean<i64>),
    SpreadFloat(Spread<f64>),
    SpreadInt(Spread<i64>),
    PickFloat(Pick<f64>),
    PickInt(Pick<i64>),
    PickBool(Pick<bool>),
    PickString(Box<Pick<CompactString>>),
    PercentileFloat(Box<Percentile<f64>>),
    PercentileInt(Box<Percentile<i64>>),
    MedianFloat(Box<Median<f64>>),
    MedianInt(Box<Median<i64>>),
    ModeFloat(Box<Mode<f64>>),
    ModeInt(Box<Mode<i64>>),
    StddevFloat(Stddev<f64>),
    StddevInt(Stddev<i64>),
    DistinctFloat(Box<Distincts<f64>>),
    DistinctInt(Box<Distincts<i64>>),
    DistinctBool(Box<Distincts<bool>>),
    DistinctString(Box<Distincts<CompactString>>),
    RankFloat(Box<Rank<f64>>),
    RankInt(Box<Rank<i64>>),
    HoltWinters(Box<HoltWinters>),
}

use FieldType as T;
use State as S;

impl Aggregate {
    /// `None` when the call is a transform. The type was checked before.
    pub(crate) fn new(call: &Call, input: FieldType) -> Option<Self> {
        let pick = |rule| match input {
            T::Float => S::PickFloat(Pick::new(rule)),
            T::Bool => S::PickBool(Pick::new(rule)),
            T::String => S::PickString(Box::new(Pick::new(rule))),
            T::Int | T::Duration => S::PickInt(Pick::new(rule)),
        };
        let float = input == T::Float;
        Some(Self(match (call.function().name, call.options) {
            ("count", _) => S::Count(Count::new(input)),
            ("sum", _) if float => S::SumFloat(Sum::new()),
            ("sum", _) => S::SumInt(Sum::new()),
            ("mean", _) if float => S::MeanFloat(Mean::new()),
            ("mean", _) => S::MeanInt(Mean::new()),
            ("spread", _) if float => S::SpreadFloat(Spread::new()),
            ("spread", _) => S::SpreadInt(Spread::new()),
            ("first", _) => pick(Rule::First),
            ("last", _) => pick(Rule::Last),
            ("min", _) => pick(Rule::Min),
            ("max", _) => pick(Rule::Max),
            ("percentile", Options::Percentile(p)) if float => {
                S::PercentileFloat(Box::new(Percentile::new(p)))
            }
            ("percentile", Options::Percentile(p)) => S::PercentileInt(Box::new(Percentile::new(p))),
            ("median", _) if float => S::MedianFloat(Box::new(Median::new())),
            ("median", _) => S::MedianInt(Box::new(Median::new())),
            ("mode", _) if float => S::ModeFloat(Box::new(Mode::new())),
            ("mode", _) => S::ModeInt(Box::new(Mode::new())),
            ("stddev", _) if float => S::StddevFloat(Stddev::new()),
            ("stddev", _) => S::StddevInt(Stddev::new()),
            ("distinct", _) => match input {
                T::Float => S::DistinctFloat(Box::new(Distincts::new())),
                T::Bool => S::DistinctBool(Box::new(Distincts::new())),
                T::String => S::DistinctString(Box::new(Distincts::new())),
                T::Int | T::Duration => S::DistinctInt(Box::new(Distincts::new())),
            },
            (name @ ("top" | "bottom"), Options::Points(n)) if float => {
                S::RankFloat(Box::new(Rank::new(name == "top", n)))
            }
            (name @ ("top" | "bottom"), Options::Points(n)) => {
                S::RankInt(Box::new(Rank::new(name == "top", n)))
            }
            (_, Options::Forecast(forecast)) => S::HoltWinters(Box::new(HoltWinters::new(input, forecast))),
            _ => return None,
        }))
    }

    /// The type it was made for.
    pub fn field_type(&self) -> FieldType {
        match &self.0 {
            S::Count(state) => state.input,
            S::HoltWinters(state) => state.input,
            S::SumFloat(_)
            | S::MeanFloat(_)
            | S::SpreadFloat(_)
            | S::PickFloat(_)
            | S::PercentileFloat(_)
            | S::MedianFloat(_)
            | S::ModeFloat(_)
            | S::StddevFloat(_)
            | S::DistinctFloat(_)
            | S::RankFloat(_) => T::Float,
            S::SumInt(_)
            | S::MeanInt(_)
            | S::SpreadInt(_)
            | S::PickInt(_)
            | S::PercentileInt(_)
            | S::MedianInt(_)
            | S::ModeInt(_)
            | S::StddevInt(_)
            | S::DistinctInt(_)
            | S::RankInt(_) => T::Int,
            S::PickBool(_) | S::DistinctBool(_) => T::Bool,
            S::PickString(_) | S::DistinctString(_) => T::String,
        }
    }

    /// Takes a point. Gives whether the point may become part of the answer as a whole, so that the caller must keep
    /// its tags and fields under `row`; always false for functions that keep nothing of a point.
    ///
    /// # Errors
    /// The value has another type than the aggregate was made for (N-137). The state is unchanged then.
    pub fn push(&mut self, time: i64, value: ValueRef<'_>, row: Row) -> Result<bool, WrongType> {
        match value {
            ValueRef::Float(value) => self.push_float(time, value, row),
            ValueRef::Int(value) => self.push_int(time, value, row),
            ValueRef::Bool(value) => self.push_bool(time, value, row),
            ValueRef::String(value) => self.push_str(time, value, row),
            ValueRef::Duration(_) => Err(self.wrong(T::Duration)),
        }
    }

    /// [`push`](Self::push) for a float, if the function looks at the value alone and keeps nothing of a point. False if
    /// it does not; the state is unchanged then.
    #[inline]
    pub fn add_float(&mut self, value: f64) -> bool {
        match &mut self.0 {
            S::SumFloat(state) => state.push(value),
            S::MeanFloat(state) => state.push(value),
            S::Count(state) if state.input == T::Float => state.push_many(1),
            _ => return false,
        }
        true
    }

    /// [`add_float`](Self::add_float) for an integer.
    #[inline]
    pub fn add_int(&mut self, value: i64) -> bool {
        match &mut self.0 {
            S::SumInt(state) => state.push(value),
            S::MeanInt(state) => state.push(value),
            S::Count(state) if state.input == T::Int => state.push_many(1),
            _ => return false,
        }
        true
    }

    /// [`push`](Self::push) for a float.
    #[inline]
    pub fn push_float(&mut self, time: i64, value: f64, row: Row) -> Result<bool, WrongType> {
        match &mut self.0 {
            S::SumFloat(state) => state.push(value),
            S::MeanFloat(state) => state.push(value),
            S::PickFloat(state) => return Ok(state.push(time, value, row)),
            S::Count(state) if state.input == T::Float => state.push_many(1),
            S::SpreadFloat(state) => state.push(value),
            S::PercentileFloat(state) => {
                state.push(time, value, row);
                return Ok(true);
            }
            S::MedianFloat(state) => state.push(time, value),
            S::ModeFloat(state) => state.push(time, value),
            S::StddevFloat(state) => state.push(value),
            S::DistinctFloat(state) => state.push(time, value),
            S::RankFloat(state) => return Ok(state.push(time, value, row)),
            S::HoltWinters(state) if state.input == T::Float => state.push(time, value),
            _ => return Err(self.wrong(T::Float)),
        }
        Ok(false)
    }

    /// [`push`](Self::push) for an integer.
    #[inline]
    pub fn push_int(&mut self, time: i64, value: i64, row: Row) -> Result<bool, WrongType> {
        match &mut self.0 {
            S::SumInt(state) => state.push(value),
            S::MeanInt(state) => state.push(value),
            S::PickInt(state) => return Ok(state.push(time, value, row)),
            S::Count(state) if state.input == T::Int => state.push_many(1),
            S::SpreadInt(state) => state.push(value),
            S::PercentileInt(state) => {
                state.push(time, value, row);
                return Ok(true);
            }
            S::MedianInt(state) => state.push(time, value),
            S::ModeInt(state) => state.push(time, value),
            S::StddevInt(state) => state.push(value),
            S::DistinctInt(state) => state.push(time, value),
            S::RankInt(state) => return Ok(state.push(time, value, row)),
            S::HoltWinters(state) if state.input == T::Int => state.push(time, value as f64),
            _ => return Err(self.wrong(T::Int)),
        }
        Ok(false)
    }

    /// [`push`](Self::push) for a boolean.
    pub fn push_bool(&mut self, time: i64, value: bool, row: Row) -> Result<bool, WrongType> {
        match &mut self.0 {
            S::Count(state) if state.input == T::Bool => state.push_many(1),
            S::PickBool(state) => return Ok(state.push_bool(time, value, row)),
            S::DistinctBool(state) => state.push(time, value),
            _ => return Err(self.wrong(T::Bool)),
        }
        Ok(false)
    }

    /// [`push`](Self::push) for text.
    pub fn push_str(&mut self, time: i64, value: &str, row: Row) -> Result<bool, WrongType> {
        match &mut self.0 {
            S::Count(state) if state.input == T::String => state.push_many(1),
            S::PickString(state) => return Ok(state.push_str(time, value, row)),
            S::DistinctString(state) => state.push_str(time, value),
            _ => return Err(self.wrong(T::String)),
        }
        Ok(false)
    }

    /// Takes many points; the same as pushing them one by one. `times` and `values` have one length, else the longer
    /// one's tail is ignored. Which points are kept, [`for_rows`](Self::for_rows) tells afterwards.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_floats(&mut self, times: &[i64], values: &[f64], rows: Rows<'_>) -> Result<(), WrongType> {
        let points = times.len().min(values.len());
        let (times, values) = (&times[..points], &values[..points]);
        match &mut self.0 {
            S::SumFloat(state) => state.push_slice(values),
            S::MeanFloat(state) => state.push_slice(values),
            S::PickFloat(state) => state.push_slice(times, values, rows),
            S::Count(state) if state.input == T::Float => state.push_many(points),
            S::SpreadFloat(state) => state.push_slice(values),
            S::PercentileFloat(state) => state.push_slice(times, values, rows),
            S::MedianFloat(state) => state.push_slice(times, values),
            S::ModeFloat(state) => state.push_slice(times, values),
            S::StddevFloat(state) => state.push_slice(values),
            S::RankFloat(state) => state.push_slice(times, values, rows),
            S::DistinctFloat(state) => times.iter().zip(values).for_each(|(t, v)| state.push(*t, *v)),
            S::HoltWinters(state) if state.input == T::Float => {
                times.iter().zip(values).for_each(|(t, v)| state.push(*t, *v));
            }
            _ => return Err(self.wrong(T::Float)),
        }
        Ok(())
    }

    /// [`push_floats`](Self::push_floats) for integers.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_ints(&mut self, times: &[i64], values: &[i64], rows: Rows<'_>) -> Result<(), WrongType> {
        let points = times.len().min(values.len());
        let (times, values) = (&times[..points], &values[..points]);
        match &mut self.0 {
            S::SumInt(state) => state.push_slice(values),
            S::MeanInt(state) => state.push_slice(values),
            S::PickInt(state) => state.push_slice(times, values, rows),
            S::Count(state) if state.input == T::Int => state.push_many(points),
            S::SpreadInt(state) => state.push_slice(values),
            S::PercentileInt(state) => state.push_slice(times, values, rows),
            S::MedianInt(state) => state.push_slice(times, values),
            S::ModeInt(state) => state.push_slice(times, values),
            S::StddevInt(state) => state.push_slice(values),
            S::RankInt(state) => state.push_slice(times, values, rows),
            S::DistinctInt(state) => times.iter().zip(values).for_each(|(t, v)| state.push(*t, *v)),
            S::HoltWinters(state) if state.input == T::Int => {
                times
                    .iter()
                    .zip(values)
                    .for_each(|(t, v)| state.push(*t, *v as f64));
            }
            _ => return Err(self.wrong(T::Int)),
        }
        Ok(())
    }

    /// Appends the answer to `out`: nothing, one value or, for functions of many rows, any number in their order.
    /// The state stays; more points may follow.
    ///
    /// # Errors
    /// Only for forecasts: the points span too many intervals.
    pub fn emit(&self, out: &mut Vec<Emitted>) -> Result<(), Error> {
        match &self.0 {
            S::Count(state) => state.emit(out),
            S::SumFloat(state) => state.emit(out),
            S::SumInt(state) => state.emit(out),
            S::MeanFloat(state) => state.emit(out),
            S::MeanInt(state) => state.emit(out),
            S::SpreadFloat(state) => state.emit(out),
            S::SpreadInt(state) => state.emit(out),
            S::PickFloat(state) => state.emit(out),
            S::PickInt(state) => state.emit(out),
            S::PickBool(state) => state.emit(out),
            S::PickString(state) => state.emit(out),
            S::PercentileFloat(state) => state.emit(out),
            S::PercentileInt(state) => state.emit(out),
            S::MedianFloat(state) => state.emit(out),
            S::MedianInt(state) => state.emit(out),
            S::ModeFloat(state) => state.emit(out),
            S::ModeInt(state) => state.emit(out),
            S::StddevFloat(state) => state.emit(out),
            S::StddevInt(state) => state.emit(out),
            S::DistinctFloat(state) => state.emit(out),
            S::DistinctInt(state) => state.emit(out),
            S::DistinctBool(state) => state.emit(out),
            S::DistinctString(state) => state.emit(out),
            S::RankFloat(state) => state.emit(out),
            S::RankInt(state) => state.emit(out),
            S::HoltWinters(state) => return state.emit(out),
        }
        Ok(())
    }

    /// Forgets all points, keeps function, type and memory.
    pub fn reset(&mut self) {
        match &mut self.0 {
            S::Count(state) => *state = Count::new(state.input),
            S::SumFloat(state) => *state = Sum::new(),
            S::SumInt(state) => *state = Sum::new(),
            S::MeanFloat(state) => *state = Mean::new(),
            S::MeanInt(state) => *state = Mean::new(),
            S::SpreadFloat(state) => *state = Spread::new(),
            S::SpreadInt(state) => *state = Spread::new(),
            S::PickFloat(state) => state.clear(),
            S::PickInt(state) => state.clear(),
            S::PickBool(state) => state.clear(),
            S::PickString(state) => state.clear(),
            S::PercentileFloat(state) => state.clear(),
            S::PercentileInt(state) => state.clear(),
            S::MedianFloat(state) => state.clear(),
            S::MedianInt(state) => state.clear(),
            S::ModeFloat(state) => state.clear(),
            S::ModeInt(state) => state.clear(),
            S::StddevFloat(state) => state.clear(),
            S::StddevInt(state) => state.clear(),
            S::DistinctFloat(state) => state.clear(),
            S::DistinctInt(state) => state.clear(),
            S::DistinctBool(state) => state.clear(),
            S::DistinctString(state) => state.clear(),
            S::RankFloat(state) => state.clear(),
            S::RankInt(state) => state.clear(),
            S::HoltWinters(state) => state.clear(),
        }
    }

    /// Visits the rows that may still be in the answer, in no particular order. The caller may drop the points of all
    /// others, and may rename rows on the way, as it must when it restores a snapshot with points of its own numbering.
    pub fn for_rows(&mut self, mut each: impl FnMut(&mut Row)) {
        match &mut self.0 {
            S::PickFloat(state) => state.row_mut().into_iter().for_each(each),
            S::PickInt(state) => state.row_mut().into_iter().for_each(each),
            S::PickBool(state) => state.row_mut().into_iter().for_each(each),
            S::PickString(state) => state.row_mut().into_iter().for_each(each),
            S::PercentileFloat(state) => state.rows_mut().iter_mut().for_each(each),
            S::PercentileInt(state) => state.rows_mut().iter_mut().for_each(each),
            S::RankFloat(state) => state.for_rows(&mut each),
            S::RankInt(state) => state.for_rows(&mut each),
            _ => {}
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
