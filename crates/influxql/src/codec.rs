//! How the numbers of a state are written: floats as their bits, so that NaN, infinities and the sign of zero survive
//! any serde format, JSON included.

use compact_str::CompactString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that a state may hold.
pub(crate) trait Stored: Clone + PartialEq + std::fmt::Debug {
    /// What stands for it in a snapshot.
    type Wire: Serialize + DeserializeOwned;

    fn to_wire(&self) -> Self::Wire;
    fn from_wire(wire: Self::Wire) -> Self;
}

impl Stored for f64 {
    type Wire = u64;

    fn to_wire(&self) -> u64 {
        self.to_bits()
    }

    fn from_wire(wire: u64) -> Self {
        Self::from_bits(wire)
    }
}

impl Stored for i64 {
    type Wire = i64;

    fn to_wire(&self) -> i64 {
        *self
    }

    fn from_wire(wire: i64) -> Self {
        wire
    }
}

impl Stored for bool {
    type Wire = bool;

    fn to_wire(&self) -> bool {
        *self
    }

    fn from_wire(wire: bool) -> Self {
        wire
    }
}

impl Stored for CompactString {
    type Wire = Self;

    fn to_wire(&self) -> Self {
        self.clone()
    }

    fn from_wire(wire: Self) -> Self {
        wire
    }
}

/// For `#[serde(with)]` on one value.
pub(crate) mod one {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Stored};

    pub(crate) fn serialize<T: Stored, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        value.to_wire().serialize(to)
    }

    pub(crate) fn deserialize<'de, T: Stored, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        T::Wire::deserialize(from).map(T::from_wire)
    }
}

/// For `#[serde(with)]` on a list.
pub(crate) mod list {
    use super::{Deserialize, Deserializer, Serializer, Stored};

    pub(crate) fn serialize<T: Stored, S: Serializer>(values: &[T], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(Stored::to_wire))
    }

    pub(crate) fn deserialize<'de, T: Stored, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
        Ok(Vec::<T::Wire>::deserialize(from)?
            .into_iter()
            .map(T::from_wire)
            .collect())
    }
}
