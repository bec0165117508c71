//! Labels, kept small: there are as many as there are pods.

use capstan_kubeapi::{Selector, meta};
use serde_json::{Map, Value};

/// The labels of an object, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Labels(Box<[Pair]>);

/// A label and its value, as what objects are found by.
pub(crate) type Pair = (Box<str>, Box<str>);

impl Labels {
    /// Those of a whole object.
    pub(crate) fn of_object(object: &Value) -> Self {
        meta::labels(object).map(Self::of).unwrap_or_default()
    }

    /// Of `metadata.labels`. A value that is no text is none.
    pub(crate) fn of(map: &Map<String, Value>) -> Self {
        let pair = |(label, value): (&String, &Value)| Some((label.as_str().into(), value.as_str()?.into()));
        Self(map.iter().filter_map(pair).collect())
    }

    /// All of them.
    pub(crate) fn pairs(&self) -> &[Pair] {
        &self.0
    }

    /// Whether a selector selects an object with these.
    pub(crate) fn are_selected_by(&self, selector: &Selector) -> bool {
        selector.matches_by(|label| {
            let found = self.0.iter().find(|(known, _)| **known == *label);
            found.map(|(_, value)| &**value)
        })
    }
}

/// What a selector is indexed by, if it asks for one value of a label.
pub(crate) fn exact(selector: &Selector) -> Option<Pair> {
    let (label, value) = selector.exact()?;
    Some((label.into(), value.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_is_selected_as_of_the_object() {
        let objects = [
            json!({"metadata": {"labels": {"app": "web", "tier": "a", "n": "3"}}}),
            json!({"metadata": {"labels": {"app": "db"}}}),
            json!({"metadata": {"labels": {}}}),
            json!({"metadata": {}}),
        ];
        for text in [
            "app=web",
            "app in (web,db)",
            "app!=web",
            "tier",
            "!tier",
            "n>2",
            "app=web,tier=b",
            "",
        ] {
            let selector = Selector::parse(text).unwrap();
            for object in &objects {
                let labels = Labels::of_object(object);
                let selected = labels.are_selected_by(&selector);
                assert_eq!(selected, selector.matches_object(object), "{text} {object}");
            }
        }
        assert_eq!(
            exact(&Selector::parse("a=b").unwrap()),
            Some(("a".into(), "b".into()))
        );
    }
}
