//! Query parameters that several lists share (H-09).

use crate::error::Refusal;

/// The parameters of one request; a name may occur several times.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads the part of the URI behind `?`.
    pub(crate) fn of(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default();
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
        Self {
            pairs: pairs.collect(),
        }
    }

    /// The first value, or nothing.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.pairs
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    /// Every value.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A number that may be missing.
    pub(crate) fn number(&self, name: &str, default: i64) -> Result<i64, Refusal> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(default);
        }
        capstan_gocompat::strconv::parse_int(text).map_err(|error| {
            let text = capstan_gocompat::strconv::quote(text);
            Refusal::bad_request(format!(
                "invalid {name} parameter {text} must be an integer: {error}"
            ))
        })
    }

    /// One of several words; missing means the first.
    pub(crate) fn word(&self, name: &str, words: &[&'static str]) -> Result<&'static str, Refusal> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(words.first().copied().unwrap_or_default());
        }
        words.iter().copied().find(|word| *word == text).ok_or_else(|| {
            Refusal::bad_request(format!(
                "invalid {name} parameter {}",
                capstan_gocompat::strconv::quote(text)
            ))
        })
    }
}

/// Percent-decodes; `+` is a space. Bytes that are no UTF-8 are replaced.
pub(crate) fn decoded(text: &str) -> String {
    capstan_client::percent_decoded(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_may_repeat() {
        let query = Query::of(Some("fields=type&fields=status&pattern=a%2A+b&offset=x&limit="));
        assert_eq!(query.all("fields").collect::<Vec<_>>(), ["type", "status"]);
        assert_eq!(query.get("pattern"), "a* b");
        assert_eq!(query.number("limit", 100), Ok(100));
        assert_eq!(
            query.number("offset", 0).unwrap_err().message,
            "invalid offset parameter \"x\" must be an integer: strconv.ParseInt: parsing \"x\": invalid syntax"
        );
    }

    #[test]
    fn words_outside_the_list_are_refused() {
        assert_eq!(
            Query::of(None).word("dot-view", &["attributes", "labels"]),
            Ok("attributes")
        );
        let refusal = Query::of(Some("dot-view=x"))
            .word("dot-view", &["attributes", "labels"])
            .unwrap_err();
        assert_eq!(refusal.message, "invalid dot-view parameter \"x\"");
    }
}
