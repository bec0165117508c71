//! Strings interned to a `u32`. Measurement names, tag keys and field names repeat in every point; comparing
//! and hashing them as integers is what makes grouping cheap.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// An interned string; only meaningful together with the [`Symbols`] that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub u32);

/// A set of interned strings. Symbols are dense and are never removed.
#[derive(Debug, Default)]
pub struct Symbols {
    strings: Vec<Box<str>>,
    index: HashTable<u32>,
}

const HASHER: FixedState = FixedState::with_seed(0x00c0_ffee);

impl Symbols {
    /// The symbol of `text`, made on first sight.
    pub fn intern(&mut self, text: &str) -> Symbol {
        let hash = HASHER.hash_one(text);
        let strings = &self.strings;
        if let Some(&found) = self.index.find(hash, |&id| &*strings[id as usize] == text) {
            return Symbol(found);
        }
        let id = u32::try_from(self.strings.len()).expect("fewer than 2^32 distinct strings");
        self.strings.push(text.into());
        let strings = &self.strings;
        self.index
            .insert_unique(hash, id, |&id| HASHER.hash_one(&*strings[id as usize]));
        Symbol(id)
    }

    /// The symbol of `text` if it was interned before.
    pub fn get(&self, text: &str) -> Option<Symbol> {
        let hash = HASHER.hash_one(text);
        self.index
            .find(hash, |&id| &*self.strings[id as usize] == text)
            .map(|&id| Symbol(id))
    }

    /// The text of a symbol of this set; empty for a symbol of another set that is out of range.
    pub fn text(&self, symbol: Symbol) -> &str {
        self.strings.get(symbol.0 as usize).map_or("", |text| text)
    }

    /// How many distinct strings there are.
    pub fn len(&self) -> usize {
        self.strings.len()
    }

    /// Whether nothing was interned yet.
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_are_one_symbol() {
        let mut symbols = Symbols::default();
        let host = symbols.intern("host");
        assert_ne!(host, symbols.intern("cpu"));
        assert_eq!(host, symbols.intern("host"));
        assert_eq!(symbols.text(host), "host");
        assert_eq!(symbols.get("absent"), None);
        assert_eq!(symbols.len(), 2);
    }
}
