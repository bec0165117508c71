//! The result as Go's `encoding/json` writes it: compact, `<`, `>` and `&` escaped, empty parts left out.

use std::borrow::Borrow;
use std::fmt::Write;

use capstan_gocompat::{strconv, time_layout};
use capstan_model::Value;

use super::series::Series;

/// `{"series":[…]}`, `{"series":null}` before any data, as Go writes a list that was never made.
pub(crate) fn result<S: Borrow<Series>>(series: impl Iterator<Item = S>) -> String {
    let mut text = String::from("{\"series\":");
    let mut any = false;
    for series in series {
        text.push(if any { ',' } else { '[' });
        any = true;
        one(&mut text, series.borrow());
    }
    text.push_str(if any { "]}" } else { "null}" });
    text
}

fn one(text: &mut String, series: &Series) {
    text.push('{');
    let mut parts = Parts { first: true };
    if !series.name.is_empty() {
        parts.key(text, "name");
        string(text, &series.name);
    }
    if !series.tags.is_empty() {
        parts.key(text, "tags");
        for (at, (key, value)) in series.tags.iter().enumerate() {
            text.push(if at == 0 { '{' } else { ',' });
            string(text, key);
            text.push(':');
            string(text, value);
        }
        text.push('}');
    }
    if !series.rows.is_empty() {
        parts.key(text, "columns");
        text.push_str("[\"time\"");
        for column in &series.columns {
            text.push(',');
            string(text, column);
        }
        text.push(']');
        parts.key(text, "values");
        for (at, (time, values)) in series.rows.iter().enumerate() {
            text.push_str(if at == 0 { "[[" } else { ",[" });
            let _ = write!(text, "\"{}\"", time_layout::format_rfc3339_nano(*time));
            for value in values {
                text.push(',');
                self::value(text, value.as_ref());
            }
            text.push(']');
        }
        text.push(']');
    }
    text.push('}');
}

/// Commas between the members of an object.
struct Parts {
    first: bool,
}

impl Parts {
    fn key(&mut self, text: &mut String, key: &str) {
        if !self.first {
            text.push(',');
        }
        self.first = false;
        let _ = write!(text, "\"{key}\":");
    }
}

fn value(text: &mut String, value: Option<&Value>) {
    match value {
        // NaN and infinities, for which Kapacitor's endpoint fails as a whole, are null too.
        Some(Value::Float(v)) => text.push_str(strconv::format_float_json(*v).as_deref().unwrap_or("null")),
        Some(Value::Int(v) | Value::Duration(v)) => {
            let _ = write!(text, "{v}");
        }
        Some(Value::Bool(v)) => text.push_str(if *v { "true" } else { "false" }),
        Some(Value::Str(v)) => string(text, v),
        Some(Value::Null) | None => text.push_str("null"),
    }
}

fn string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(text, "\\u{:04x}", c as u32);
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use capstan_model::Tags;

    use super::*;

    #[test]
    fn empty_parts_are_left_out_and_html_is_escaped() {
        let series = Series {
            name: Arc::from("m"),
            tags: Tags::from_pairs([("a", "<b>")]),
            columns: vec![Arc::from("f"), Arc::from("g")],
            rows: vec![(0, vec![Some(Value::Float(1e21)), None])],
        };
        assert_eq!(
            result([&series].into_iter()),
            "{\"series\":[{\"name\":\"m\",\"tags\":{\"a\":\"\\u003cb\\u003e\"},\"columns\":[\"time\",\"f\",\"g\"],\
             \"values\":[[\"1970-01-01T00:00:00Z\",1e+21,null]]}]}"
        );
        let empty = Series {
            rows: Vec::new(),
            columns: Vec::new(),
            tags: Tags::EMPTY,
            name: Arc::from("m"),
        };
        assert_eq!(result([&empty].into_iter()), "{\"series\":[{\"name\":\"m\"}]}");
        assert_eq!(result(std::iter::empty::<Series>()), "{\"series\":null}");
    }
}
