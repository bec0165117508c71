//! An immutable tag set, sorted by key.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Tags in one piece of text with the ends of each key and value, so that a series costs two small allocations
/// however many tags it has. Clones share.
#[derive(Clone, Default)]
pub struct Tags {
    inner: Option<Arc<Inner>>,
}

#[derive(PartialEq, Eq, Hash)]
struct Inner {
    /// Keys and values one after the other, without separators.
    text: Box<str>,
    /// End of the key and end of the value, per tag.
    ends: Box<[(u32, u32)]>,
}

impl Tags {
    /// The empty tag set.
    pub const EMPTY: Self = Self { inner: None };

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
        let mut text = String::new();
        let mut ends = Vec::with_capacity(pairs.size_hint().0);
        for (key, value) in pairs {
            text.push_str(key);
            let key_end = text.len() as u32;
            text.push_str(value);
            ends.push((key_end, text.len() as u32));
        }
        if ends.is_empty() {
            return Self::EMPTY;
        }
        Self {
            inner: Some(Arc::new(Inner {
                text: text.into(),
                ends: ends.into(),
            })),
        }
    }

    /// How many tags there are.
    pub fn len(&self) -> usize {
        self.inner.as_ref().map_or(0, |inner| inner.ends.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inner.is_none()
    }

    /// Key and value of every tag, sorted by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        let (text, ends) = match &self.inner {
            Some(inner) => (&*inner.text, &*inner.ends),
            None => ("", &[][..]),
        };
        ends.iter().enumerate().map(move |(i, &(key_end, value_end))| {
            let start = if i == 0 { 0 } else { ends[i - 1].1 };
            (
                &text[start as usize..key_end as usize],
                &text[key_end as usize..value_end as usize],
            )
        })
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

impl PartialEq for Tags {
    fn eq(&self, other: &Self) -> bool {
        match (&self.inner, &other.inner) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}

impl Eq for Tags {}

impl Hash for Tags {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.as_deref().hash(state);
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
    fn setting_and_removing_give_new_sets() {
        let tags = Tags::EMPTY.with("b", "2").with("a", "1").with("b", "3");
        assert_eq!(tags.get("b"), Some("3"));
        assert_eq!(tags.without("b").len(), 1);
        assert!(tags.without("a").without("b").is_empty());
    }
}
