//! `count` (N-141).

use serde::{Deserialize, Serialize};

use crate::function::{Empty, Function, Output, Shape, TypeSet};
use crate::value::{Emitted, FieldType, Value};

pub(crate) static COUNT: Function = Function {
    inputs: TypeSet::ALL,
    output: Output::Int,
    empty: Empty::Int0,
    ..Function::row("count", Shape::Aggregate, "Number of points that have the field.")
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) input: FieldType,
    points: u64,
}

impl Count {
    pub(crate) fn new(input: FieldType) -> Self {
        Self { input, points: 0 }
    }

    pub(crate) fn push_many(&mut self, points: usize) {
        self.points += points as u64;
    }

    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        if self.points == 0 {
            out.extend(COUNT.empty());
        } else {
            out.push(Emitted::timeless(Value::Int(
                i64::try_from(self.points).unwrap_or(i64::MAX),
            )));
        }
    }
}
