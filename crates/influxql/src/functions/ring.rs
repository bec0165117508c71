//! The last values of a window, in as few bytes as they can be had back from exactly.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::value::Numeric;

/// Values, each in one or two bytes as long as all are small whole numbers (counts and rates usually are), in four as
/// long as those hold every digit, else in eight. What comes out is what went in, bit by bit. A task may keep a hundred
/// thousand of these: at 60 values, two bytes each are 36 MB less than eight.
#[derive(Debug, Clone)]
pub(crate) enum Ring<T> {
    Byte(Vec<i8>),
    Short(Vec<i16>),
    Half(Vec<u32>),
    Full(Vec<T>),
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self::Byte(Vec::new())
    }
}

impl<T: Numeric> Ring<T> {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Byte(values) => values.len(),
            Self::Short(values) => values.len(),
            Self::Half(values) => values.len(),
            Self::Full(values) => values.len(),
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds a value; there will be `window` of them in the end.
    #[inline]
    pub(crate) fn push(&mut self, value: T, window: usize) {
        match self {
            Self::Byte(values) if let Some(value) = byte(value) => push(values, value, window),
            Self::Short(values) if let Some(value) = value.short() => push(values, value, window),
            Self::Half(values) if let Some(value) = value.half() => push(values, value, window),
            Self::Full(values) => push(values, value, window),
            _ => {
                self.widen(value);
                self.push(value, window);
            }
        }
    }

    /// Puts a value in the place of another one and gives that.
    #[inline]
    pub(crate) fn replace(&mut self, at: usize, value: T) -> Option<T> {
        match self {
            Self::Byte(values) if let Some(value) = byte(value) => {
                let old = std::mem::replace(values.get_mut(at)?, value);
                Some(T::from_short(i16::from(old)))
            }
            Self::Short(values) if let Some(value) = value.short() => {
                let old = std::mem::replace(values.get_mut(at)?, value);
                Some(T::from_short(old))
            }
            Self::Half(values) if let Some(value) = value.half() => {
                let old = std::mem::replace(values.get_mut(at)?, value);
                Some(T::from_half(old))
            }
            Self::Full(values) => Some(std::mem::replace(values.get_mut(at)?, value)),
            _ => {
                self.widen(value);
                self.replace(at, value)
            }
        }
    }

    /// Makes room for a value that needs more bytes than those so far.
    #[cold]
    fn widen(&mut self, value: T) {
        let all = self.iter().chain([value]);
        let len = self.len();
        let shorts: Option<Vec<i16>> = all.clone().map(Numeric::short).collect();
        let halves = || all.clone().map(Numeric::half).collect::<Option<Vec<u32>>>();
        let wider = if let Some(mut shorts) = shorts {
            shorts.truncate(len);
            Self::Short(shorts)
        } else if let Some(mut halves) = halves() {
            halves.truncate(len);
            Self::Half(halves)
        } else {
            Self::Full(self.iter().collect())
        };
        drop(all);
        *self = wider;
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = T> + Clone {
        let get = move |at| match self {
            Self::Byte(values) => T::from_short(i16::from(values[at])),
            Self::Short(values) => T::from_short(values[at]),
            Self::Half(values) => T::from_half(values[at]),
            Self::Full(values) => values[at],
        };
        (0..self.len()).map(get)
    }
}

#[inline]
fn byte<T: Numeric>(value: T) -> Option<i8> {
    i8::try_from(value.short()?).ok()
}

/// Grows by doubling, but never beyond what the window takes.
#[inline]
fn push<V>(values: &mut Vec<V>, value: V, window: usize) {
    if values.len() == values.capacity() {
        let more = values.len().max(4).min(window.saturating_sub(values.len()));
        values.reserve_exact(more.max(1));
    }
    values.push(value);
}

/// However they are kept, the same values are the same.
impl<T: Numeric> PartialEq for Ring<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Numeric> Serialize for Ring<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(|value| value.to_wire()))
    }
}

impl<'de, T: Numeric> Deserialize<'de> for Ring<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let values = Vec::<T::Wire>::deserialize(from)?;
        let window = values.len();
        let mut ring = Self::default();
        for value in values {
            ring.push(T::from_wire(value), window);
        }
        Ok(ring)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn floats() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-200_i32..200).prop_map(f64::from),
            (-40_000_i32..40_000).prop_map(f64::from),
            any::<f32>().prop_map(f64::from),
            any::<u64>().prop_map(f64::from_bits),
            Just(-0.0),
        ]
    }

    proptest! {
        #[test]
        fn values_come_back_bit_by_bit(values in prop::collection::vec(floats(), 1..40), at in any::<prop::sample::Index>()) {
            let mut ring = Ring::default();
            for &value in &values {
                ring.push(value, values.len());
            }
            let bits = |ring: &Ring<f64>| ring.iter().map(f64::to_bits).collect::<Vec<_>>();
            let mut wanted: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
            prop_assert_eq!(bits(&ring), wanted.clone());
            let at = at.index(values.len());
            let old = ring.replace(at, 0.1);
            prop_assert_eq!(old.map(f64::to_bits), Some(wanted[at]));
            wanted[at] = 0.1_f64.to_bits();
            prop_assert_eq!(bits(&ring), wanted);
        }

        #[test]
        fn whole_numbers_come_back(values in prop::collection::vec(prop_oneof![
            -200_i64..200, -40_000_i64..40_000, any::<i32>().prop_map(i64::from), any::<i64>(),
        ], 0..40)) {
            let mut ring = Ring::default();
            for &value in &values {
                ring.push(value, values.len());
            }
            prop_assert_eq!(ring.iter().collect::<Vec<_>>(), values);
        }
    }

    #[test]
    fn small_numbers_take_few_bytes_and_only_as_many_as_the_window_has() {
        let mut ring = Ring::default();
        (0..60).for_each(|n| ring.push(f64::from(n), 60));
        assert!(matches!(&ring, Ring::Byte(values) if values.capacity() == 60));
        ring.replace(0, 200.0);
        assert!(matches!(&ring, Ring::Short(values) if values.len() == 60));
        ring.replace(0, 0.5);
        assert!(matches!(ring, Ring::Half(_)));
        ring.replace(0, 0.1);
        assert!(matches!(ring, Ring::Full(_)));
    }
}
