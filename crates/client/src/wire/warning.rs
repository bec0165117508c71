//! What the server has to say about a script it took.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The header that carries one [`ScriptWarning`]. The bodies of answers are Kapacitor's, so there is no room in them; clients
/// that do not know the header do not see it.
pub const WARNING_HEADER: &str = "x-capstan-warning";
/// Most warnings of an answer.
pub const MAX_WARNINGS: usize = 20;
/// Longest header value. A name in a script can be of any length.
const MAX_BYTES: usize = 2_000;

/// A trap in a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptWarning {
    /// The name of the rule.
    pub rule: String,
    /// From 1.
    pub line: usize,
    /// Byte in the line, from 1.
    pub char: usize,
    pub message: String,
    /// How to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl ScriptWarning {
    /// The value of the header: JSON in ASCII; `None` when it is too long for one.
    pub fn to_header(&self) -> Option<String> {
        let json = serde_json::to_string(self).ok()?;
        let mut out = String::with_capacity(json.len());
        let mut units = [0; 2];
        for c in json.chars() {
            // A tilde is the last character that is printed; beyond ASCII stands only inside of strings.
            if (' '..='~').contains(&c) {
                out.push(c);
            } else {
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
        (out.len() <= MAX_BYTES).then_some(out)
    }

    /// The warning in a header's value.
    pub fn from_header(value: &str) -> Option<Self> {
        serde_json::from_str(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_goes_through_a_header() {
        let mut warning = ScriptWarning {
            rule: "unknown-field".to_owned(),
            line: 3,
            char: 7,
            message: "no point has the field `é\n😀\u{7f}` here".to_owned(),
            hint: Some("fields here: …".to_owned()),
        };
        let header = warning.to_header().expect("short enough");
        assert!(
            header.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{header}"
        );
        assert_eq!(ScriptWarning::from_header(&header), Some(warning.clone()));
        warning.message = "é".repeat(MAX_BYTES);
        assert_eq!(warning.to_header(), None);
    }
}
