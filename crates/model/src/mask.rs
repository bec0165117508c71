//! One bit per row.

/// A growable set of row numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    words: Vec<u64>,
    len: usize,
}

impl Mask {
    /// `len` rows, none of them set.
    pub fn unset(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(64)],
            len,
        }
    }

    /// `len` rows, all of them set.
    pub fn set_all(len: usize) -> Self {
        let mut mask = Self {
            words: vec![!0; len.div_ceil(64)],
            len,
        };
        if let (Some(last), rest) = (mask.words.last_mut(), len % 64)
            && rest != 0
        {
            *last = (1 << rest) - 1;
        }
        mask
    }

    /// A mask with the rows set for which `bit` says so.
    pub fn from_fn(len: usize, mut bit: impl FnMut(usize) -> bool) -> Self {
        let mut mask = Self::unset(len);
        for row in 0..len {
            if bit(row) {
                mask.set(row);
            }
        }
        mask
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `row` is set; rows beyond the end are not.
    pub fn get(&self, row: usize) -> bool {
        row < self.len && self.words[row / 64] & (1 << (row % 64)) != 0
    }

    /// Sets `row`, which must exist.
    pub fn set(&mut self, row: usize) {
        debug_assert!(row < self.len);
        self.words[row / 64] |= 1 << (row % 64);
    }

    /// Unsets `row`, which must exist.
    pub fn unset_row(&mut self, row: usize) {
        debug_assert!(row < self.len);
        self.words[row / 64] &= !(1 << (row % 64));
    }

    /// Adds a row at the end.
    pub fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        self.len += 1;
        if bit {
            self.set(self.len - 1);
        }
    }

    /// How many rows are set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether any row is set.
    pub fn any(&self) -> bool {
        self.words.iter().any(|&word| word != 0)
    }

    /// The rows that are set, ascending.
    pub fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            std::iter::successors((word != 0).then_some(word), |w| {
                let rest = w & (w - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |w| index * 64 + w.trailing_zeros() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_kept_across_word_borders() {
        let mut mask = Mask::default();
        for row in 0..130 {
            mask.push(row % 3 == 0);
        }
        assert_eq!(mask.count(), 44);
        assert_eq!(
            mask.rows().collect::<Vec<_>>(),
            (0..130).filter(|r| r % 3 == 0).collect::<Vec<_>>()
        );
        assert_eq!(Mask::set_all(70).count(), 70);
        assert!(!Mask::unset(70).any());
        assert!(!mask.get(1_000));
    }
}
