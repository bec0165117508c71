//! `mode` (N-145).

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::function::{Function, Shape};
use crate::value::{Emitted, Numeric};

pub(crate) static MODE: Function = Function {
    ..Function::row(
        "mode",
        Shape::Aggregate,
        "The most frequent value; of several that repeat, the one seen first; if none repeats, the smallest.",
    )
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Mode<T: Numeric> {
    #[serde(with = "codec::list")]
    values: Vec<T>,
    times: Vec<i64>,
}

impl<T: Numeric> Mode<T> {
    pub(crate) fn new() -> Self {
        Self {
            values: Vec::new(),
            times: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.times.clear();
    }

    pub(crate) fn push(&mut self, time: i64, value: T) {
        self.values.push(value);
        self.times.push(time);
    }

    pub(crate) fn push_slice(&mut self, times: &[i64], values: &[T]) {
        let points = times.len().min(values.len());
        self.values.extend_from_slice(&values[..points]);
        self.times.extend_from_slice(&times[..points]);
    }

    /// Walks the values in order, as upstream does, because its tie rule is a by-product of that walk: a run beats the
    /// best run so far when it is longer, or as long and its first point is not newer than the last point counted for
    /// the best; a run of one never beats anything.
    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        let mut points: Vec<(T, i64)> = self
            .values
            .iter()
            .copied()
            .zip(self.times.iter().copied())
            .collect();
        let Some(&(lone, time)) = points.first() else {
            return;
        };
        if points.len() == 1 {
            out.push(Emitted {
                value: lone.number().into(),
                time: Some(time),
                row: None,
            });
            return;
        }
        points.sort_by(|a, b| a.0.order(&b.0));
        let (mut run, mut run_time) = points[0];
        let mut length = 0_u64;
        let (mut best, mut best_time) = points[0];
        let mut best_length = 0_u64;
        for (value, time) in points {
            if value != run {
                (run, run_time, length) = (value, time, 1);
                continue;
            }
            length += 1;
            if best_length > length || (best_length == length && run_time > best_time) {
                continue;
            }
            (best, best_time, best_length) = (value, time, length);
        }
        out.push(Emitted::timeless(best.number().into()));
    }
}
