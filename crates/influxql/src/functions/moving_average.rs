//! `movingAverage` (N-155).

use serde::{Deserialize, Serialize};

use super::ring::Ring;
use crate::codec;
use crate::function::{Function, Output, Shape, parameters};
use crate::value::{Number, Numeric, Sample};

pub(crate) static MOVING_AVERAGE: Function = Function {
    parameters: parameters!("field": Field, "window": Int),
    output: Output::Float,
    ..Function::row(
        "movingAverage",
        Shape::Transform,
        "Mean of the last n points, from the n-th on.",
    )
};

/// A running sum over a ring. The oldest value is subtracted before the newest is added, which gives upstream's
/// digits; and as upstream's, a sum that met a NaN or an infinity never recovers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct MovingAverage<T: Numeric> {
    window: u32,
    position: u32,
    #[serde(with = "codec::one")]
    sum: T,
    time: i64,
    ring: Ring<T>,
}

impl<T: Numeric> MovingAverage<T> {
    pub(crate) fn new(window: usize) -> Self {
        Self {
            // No stream fills a longer one.
            window: u32::try_from(window).unwrap_or(u32::MAX),
            position: 0,
            sum: T::ZERO,
            time: 0,
            ring: Ring::default(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.ring.clear();
        (self.position, self.sum, self.time) = (0, T::ZERO, 0);
    }

    #[inline]
    pub(crate) fn push(&mut self, time: i64, value: T) -> Option<Sample> {
        if self.ring.len() < self.window as usize {
            self.ring.push(value, self.window as usize);
        } else if let Some(oldest) = self.ring.replace(self.position as usize, value) {
            self.sum = self.sum.minus(oldest);
        }
        self.sum = self.sum.plus(value);
        self.time = time;
        self.position += 1;
        if self.position >= self.window {
            self.position = 0;
        }
        self.again()
    }

    #[inline]
    pub(crate) fn again(&self) -> Option<Sample> {
        if self.ring.len() < self.window as usize {
            return None;
        }
        Some(Sample {
            time: self.time,
            value: Number::Float(self.sum.float() / self.ring.len() as f64),
        })
    }
}
