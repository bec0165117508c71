//! `percentile` (N-150): nearest rank, so the answer is one of the points.

use serde::{Deserialize, Serialize};

use crate::aggregate::Rows;
use crate::codec;
use crate::function::{Function, Keeps, Shape, parameters};
use crate::value::{Emitted, Numeric, Row};

pub(crate) static PERCENTILE: Function = Function {
    parameters: parameters!("field": Field, "percentile": Float),
    keeps: Keeps::Point,
    ..Function::row(
        "percentile",
        Shape::Selector,
        "The point of nearest rank: floor(n*p/100 + 0.5) counted from 1; nothing if there is no such rank.",
    )
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Percentile<T: Numeric> {
    #[serde(with = "codec::one")]
    percent: f64,
    #[serde(with = "codec::list")]
    values: Vec<T>,
    times: Vec<i64>,
    rows: Vec<Row>,
}

impl<T: Numeric> Percentile<T> {
    pub(crate) fn new(percent: f64) -> Self {
        Self {
            percent,
            values: Vec::new(),
            times: Vec::new(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.times.clear();
        self.rows.clear();
    }

    pub(crate) fn rows_mut(&mut self) -> &mut [Row] {
        &mut self.rows
    }

    pub(crate) fn push(&mut self, time: i64, value: T, row: Row) {
        self.values.push(value);
        self.times.push(time);
        self.rows.push(row);
    }

    pub(crate) fn push_slice(&mut self, times: &[i64], values: &[T], rows: Rows<'_>) {
        let points = times.len().min(values.len());
        self.values.extend_from_slice(&values[..points]);
        self.times.extend_from_slice(&times[..points]);
        self.rows.extend((0..points).map(|index| rows.get(index)));
    }

    /// Of equal values the one pushed earlier comes first. (Upstream's sort says nothing about them from 13 points on.)
    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        let points = self.values.len().min(self.times.len()).min(self.rows.len());
        let rank = (points as f64 * self.percent / 100.0 + 0.5).floor() as i64;
        let Some(index) = usize::try_from(rank)
            .ok()
            .and_then(|r| r.checked_sub(1))
            .filter(|i| *i < points)
        else {
            return;
        };
        let mut order: Vec<usize> = (0..points).collect();
        let (_, chosen, _) = order.select_nth_unstable_by(index, |a, b| {
            self.values[*a].order(&self.values[*b]).then(a.cmp(b))
        });
        out.push(Emitted {
            value: self.values[*chosen].number().into(),
            time: Some(self.times[*chosen]),
            row: Some(self.rows[*chosen]),
        });
    }
}
