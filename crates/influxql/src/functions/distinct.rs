//! `distinct` (N-142).

use compact_str::CompactString;
use hashbrown::HashSet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::Stored;
use crate::function::{Function, Shape, TypeSet};
use crate::value::{Emitted, Value};

pub(crate) static DISTINCT: Function = Function {
    inputs: TypeSet::ALL,
    ..Function::row(
        "distinct",
        Shape::MultiRow,
        "One point for each distinct value, at the time it was first pushed.",
    )
};

/// What equality of two values means for a function, which for floats is not equality of bits.
pub(crate) trait Distinct: Stored + PartialOrd {
    type Key: Eq + std::hash::Hash + Clone + std::fmt::Debug;

    /// `None` for a value that equals nothing, itself included.
    fn key(&self) -> Option<Self::Key>;
    fn value(&self) -> Value;
}

impl Distinct for f64 {
    type Key = u64;

    fn key(&self) -> Option<u64> {
        // Adding zero turns -0 into 0.
        (!self.is_nan()).then(|| (self + 0.0).to_bits())
    }

    fn value(&self) -> Value {
        Value::Float(*self)
    }
}

impl Distinct for i64 {
    type Key = Self;

    fn key(&self) -> Option<Self> {
        Some(*self)
    }

    fn value(&self) -> Value {
        Value::Int(*self)
    }
}

impl Distinct for bool {
    type Key = Self;

    fn key(&self) -> Option<Self> {
        Some(*self)
    }

    fn value(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Distinct for CompactString {
    type Key = Self;

    fn key(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn value(&self) -> Value {
        Value::String(self.clone())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Distincts<T: Distinct> {
    seen: HashSet<T::Key>,
    points: Vec<(i64, T)>,
}

impl<T: Distinct> Distincts<T> {
    pub(crate) fn new() -> Self {
        Self {
            seen: HashSet::new(),
            points: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.seen.clear();
        self.points.clear();
    }

    pub(crate) fn push(&mut self, time: i64, value: T) {
        if value.key().is_none_or(|key| self.seen.insert(key)) {
            self.points.push((time, value));
        }
    }

    /// In order of time, then of value.
    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) {
        let mut order: Vec<&(i64, T)> = self.points.iter().collect();
        // NaNs compare with nothing and go last among their time, which keeps the order total.
        let key = |v: &T| v.key().is_none();
        order.sort_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| key(&a.1).cmp(&key(&b.1)))
                .then_with(|| a.1.partial_cmp(&b.1).unwrap_or(std::cmp::Ordering::Equal))
        });
        out.extend(order.into_iter().map(|(time, value)| Emitted {
            value: value.value(),
            time: Some(*time),
            row: None,
        }));
    }
}

impl Distincts<CompactString> {
    /// Copies the text only when it is new.
    pub(crate) fn push_str(&mut self, time: i64, value: &str) {
        if !self.seen.contains(value) {
            self.push(time, CompactString::from(value));
        }
    }
}

impl<T: Distinct> PartialEq for Distincts<T> {
    fn eq(&self, other: &Self) -> bool {
        self.points == other.points
    }
}

impl<T: Distinct> Serialize for Distincts<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.points.iter().map(|(time, value)| (*time, value.to_wire())))
    }
}

impl<'de, T: Distinct> Deserialize<'de> for Distincts<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut restored = Self::new();
        for (time, wire) in Vec::<(i64, T::Wire)>::deserialize(from)? {
            restored.push(time, T::from_wire(wire));
        }
        Ok(restored)
    }
}
