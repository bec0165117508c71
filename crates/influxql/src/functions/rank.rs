//! `top` and `bottom` (N-151).

use serde::{Deserialize, Serialize};

use crate::aggregate::Rows;
use crate::codec;
use crate::function::{Function, Keeps, Shape, parameters};
use crate::value::{Emitted, Numeric, Row};

pub(crate) static TOP: Function = Function {
    parameters: parameters!("n": Int, "field": Field),
    rest: Some("fieldsAndTags"),
    keeps: Keeps::Tags,
    ..Function::row(
        "top",
        Shape::MultiRow,
        "The n points with the largest values, largest first; ties by earlier time.",
    )
};

pub(crate) static BOTTOM: Function = Function {
    parameters: parameters!("n": Int, "field": Field),
    rest: Some("fieldsAndTags"),
    keeps: Keeps::Tags,
    ..Function::row(
        "bottom",
        Shape::MultiRow,
        "The n points with the smallest values, smallest first; ties by earlier time.",
    )
};

/// A heap of the n best points, the worst of them at its root. It is laid out as Go's `container/heap` lays it out,
/// since the order of points that tie in value and time follows from that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Rank<T: Numeric> {
    largest: bool,
    limit: usize,
    heap: Vec<Entry<T>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
struct Entry<T: Numeric> {
    #[serde(with = "codec::one")]
    value: T,
    time: i64,
    row: Row,
}

impl<T: Numeric> Rank<T> {
    pub(crate) fn new(largest: bool, limit: usize) -> Self {
        Self {
            largest,
            limit,
            heap: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.heap.clear();
    }

    pub(crate) fn for_rows(&mut self, each: &mut dyn FnMut(&mut Row)) {
        for entry in &mut self.heap {
            each(&mut entry.row);
        }
    }

    /// Whether `a` is worse than `b`.
    fn worse(&self, a: &Entry<T>, b: &Entry<T>) -> bool {
        if a.value != b.value {
            return if self.largest {
                a.value < b.value
            } else {
                a.value > b.value
            };
        }
        a.time > b.time
    }

    /// Whether the point is among the best so far.
    #[inline]
    pub(crate) fn push(&mut self, time: i64, value: T, row: Row) -> bool {
        let entry = Entry { value, time, row };
        if self.heap.len() < self.limit {
            self.heap.push(entry);
            self.up(self.heap.len() - 1);
            return true;
        }
        let Some(root) = self.heap.first() else {
            return false;
        };
        if !self.worse(root, &entry) {
            return false;
        }
        self.heap[0] = entry;
        self.down();
        true
    }

    pub(crate) fn push_slice(&mut self, times: &[i64], values: &[T], rows: Rows<'_>) {
        for (index, (time, value)) in times.iter().zip(values).enumerate() {
            self.push(*time, *value, rows.get(index));
        }
    }

    fn up(&mut self, mut child: usize) {
        while child > 0 {
            let parent = (child - 1) / 2;
            if !self.worse(&self.heap[child], &self.heap[parent]) {
                return;
            }
            self.heap.swap(child, parent);
            child = parent;
        }
    }

    fn down(&mut self) {
        let mut parent = 0;
        loop {
            let left = 2 * parent + 1;
            if left >= self.heap.len() {
                return;
            }
            let right = left + 1;
            let child = if right < self.heap.len() && self.worse(&self.heap[right], &self.heap[left]) {
                right
            } else {
                left
            };
            if !self.worse(&self.heap[child], &self.heap[parent]) {
                return;
            }
            self.heap.swap(child, parent);
            parent = child;
        }
    }

    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        let mut best: Vec<&Entry<T>> = self.heap.iter().collect();
        best.sort_by(|a, b| {
            let by_value = a.value.order(&b.value);
            let by_value = if self.largest {
                by_value.reverse()
            } else {
                by_value
            };
            by_value.then_with(|| a.time.cmp(&b.time))
        });
        out.extend(best.into_iter().map(|entry| Emitted {
            value: entry.value.number().into(),
            time: Some(entry.time),
            row: Some(entry.row),
        }));
    }
}
