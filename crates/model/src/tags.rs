//! An immutable tag set, sorted by key.

use std::fmt;
use std::sync::Arc;

/// Tags in one piece of text, so that a series costs one small allocation however many tags it has. Clones share.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Tags {
    /// How many tags there are, then the length and the text of each key and each value; [`put_number`] writes numbers.
    /// `None` when there are none.
    packed: Option<Arc<str>>,
}

/// Writes a number as ASCII: six bits a character, the lowest first, 64 added to all but the last.
fn put_number(text: &mut String, mut number: usize) {
    while number >= 64 {
        text.push(char::from(64 | (number & 63) as u8));
        number >>= 6;
    }
    text.push(char::from(number as u8));
}

/// Reads what [`put_number`] wrote; gives the number and what follows.
#[inline]
fn take_number(text: &str) -> (usize, &str) {
    let mut number = 0;
    for (at, byte) in text.bytes().enumerate() {
        number |= usize::from(byte & 63) << (6 * at);
        if byte < 64 {
            return (number, &text[at + 1..]);
        }
    }
    (0, "")
}

/// Tags of a packed text, one after the other.
#[derive(Debug, Clone)]
struct Iter<'a> {
    left: usize,
    rest: &'a str,
}

impl<'a> Iter<'a> {
    #[inline]
    fn text(&mut self) -> &'a str {
        let (len, rest) = take_number(self.rest);
        let (text, rest) = rest.split_at(len);
        self.rest = rest;
        text
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some((self.text(), self.text()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl Tags {
    /// The empty tag set.
    pub const EMPTY: Self = Self { packed: None };

    /// Tags of `pairs` in any order. Of a repeated key the last value stays.
    pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut pairs: Vec<(K, V)> = pairs.into_iter().collect();
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        let mut kept: Vec<&(K, V)> = Vec::with_capacity(pairs.len());
        for pair in &pairs {
            match kept.last_mut() {
                Some(last) if last.0.as_ref() == pair.0.as_ref() => *last = pair,
                _ => kept.push(pair),
            }
        }
        Self::from_sorted(kept.iter().map(|(key, value)| (key.as_ref(), value.as_ref())))
    }

    /// Tags of `pairs` that are sorted by key and have no key twice.
    pub fn from_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut count, mut text) = (0, String::new());
        for (key, value) in pairs {
            count += 1;
            for part in [key, value] {
                put_number(&mut text, part.len());
                text.push_str(part);
            }
        }
        if count == 0 {
            return Self::EMPTY;
        }
        let mut packed = String::with_capacity(text.len() + 2);
        put_number(&mut packed, count);
        packed.push_str(&text);
        Self {
            packed: Some(packed.into()),
        }
    }

    /// How many tags there are.
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.packed.is_none()
    }

    /// Bytes that these tags take up outside of their own size, shared with all clones.
    pub fn heap_bytes(&self) -> usize {
        self.packed
            .as_ref()
            .map_or(0, |packed| packed.len() + 2 * size_of::<usize>())
    }

    /// Key and value of every tag, sorted by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        let (left, rest) = self.packed.as_deref().map_or((0, ""), take_number);
        Iter { left, rest }
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// These tags with `key` set.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Self {
        Self::from_pairs(self.iter().chain([(key, value)]))
    }

    /// These tags without `key`.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        Self::from_sorted(self.iter().filter(|(k, _)| *k != key))
    }

    /// Only the tags whose key `keep` accepts.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self::from_sorted(self.iter().filter(|(key, _)| keep(key)))
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_sorted_and_equal_however_they_were_given() {
        let tags = Tags::from_pairs([("host", "a"), ("cpu", "0"), ("cpu", "1")]);
        assert_eq!(tags.iter().collect::<Vec<_>>(), [("cpu", "1"), ("host", "a")]);
        assert_eq!(tags, Tags::from_pairs([("cpu", "1"), ("host", "a")]));
        assert_ne!(Tags::from_pairs([("ab", "c")]), Tags::from_pairs([("a", "bc")]));
    }

    #[test]
    fn long_and_odd_texts_come_back_as_they_were() {
        let (long, longer) = ("x".repeat(64), "é".repeat(40_000));
        let pairs = [("", ""), ("a\u{40}", &*long), ("ключ", &*longer), ("z", "")];
        let tags = Tags::from_sorted(pairs.into_iter());
        assert_eq!(tags.iter().collect::<Vec<_>>(), pairs);
        assert_eq!(tags.len(), 4);
        assert_eq!(tags.get("ключ"), Some(&*longer));
        let many: Vec<String> = (0..200).map(|n| format!("{n:03}")).collect();
        let tags = Tags::from_sorted(many.iter().map(|n| (&**n, &**n)));
        assert_eq!(tags.len(), 200);
        assert_eq!(tags.get("199"), Some("199"));
    }

    #[test]
    fn setting_and_removing_give_new_sets() {
        let tags = Tags::EMPTY.with("b", "2").with("a", "1").with("b", "3");
        assert_eq!(tags.get("b"), Some("3"));
        assert_eq!(tags.without("b").len(), 1);
        assert!(tags.without("a").without("b").is_empty());
    }
}
