//! `stddev` (N-152).

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::function::{Function, Output, Shape};
use crate::value::{Emitted, Numeric, Value};

pub(crate) static STDDEV: Function = Function {
    output: Output::Float,
    ..Function::row(
        "stddev",
        Shape::Aggregate,
        "Sample standard deviation (n-1); of fewer than two values, NaN.",
    )
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Stddev<T: Numeric> {
    #[serde(with = "codec::list")]
    values: Vec<T>,
}

impl<T: Numeric> Stddev<T> {
    pub(crate) fn new() -> Self {
        Self { values: Vec::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
    }

    pub(crate) fn push(&mut self, value: T) {
        self.values.push(value);
    }

    pub(crate) fn push_slice(&mut self, values: &[T]) {
        self.values.extend_from_slice(values);
    }

    /// Two passes over the kept values give upstream's digits; a one-pass variance would differ in the last ones.
    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        if self.values.is_empty() {
            return;
        }
        out.push(Emitted::timeless(Value::Float(self.deviation())));
    }

    fn deviation(&self) -> f64 {
        if self.values.len() < 2 {
            return f64::NAN;
        }
        let known = || self.values.iter().map(|v| v.float()).filter(|v| !v.is_nan());
        let (mut mean, mut points) = (0.0, 0.0);
        for value in known() {
            points += 1.0;
            mean += (value - mean) / points;
        }
        let variance = known().fold(0.0, |sum, value| {
            let off = value - mean;
            sum + off * off
        });
        (variance / (points - 1.0)).sqrt()
    }
}
