//! The data of an event as Kapacitor's JSON has it.

use std::fmt::Write;
use std::sync::Arc;

use capstan_gocompat::{strconv, time_layout};
use capstan_model::{Tags, Value};

/// Rows of one measurement and tag set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    pub name: Arc<str>,
    pub tags: Tags,
    /// Without `time`, sorted.
    pub columns: Vec<Arc<str>>,
    /// Time and values by column; `None` where a row has nothing.
    pub rows: Vec<(i64, Vec<Option<Value>>)>,
}

/// `{"series":[…]}` as Go writes it: `<`, `>` and `&` escaped, empty parts left out.
pub(crate) fn result(text: &mut String, series: &[Series]) {
    if series.is_empty() {
        text.push_str("{\"series\":null}");
        return;
    }
    text.push_str("{\"series\":[");
    for (at, series) in series.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        one(text, series);
    }
    text.push_str("]}");
}

fn one(text: &mut String, series: &Series) {
    let mut separator = '{';
    let mut key = |text: &mut String, key: &str| {
        let _ = write!(text, "{separator}\"{key}\":");
        separator = ',';
    };
    if !series.name.is_empty() {
        key(text, "name");
        string(text, &series.name);
    }
    if !series.tags.is_empty() {
        key(text, "tags");
        for (at, (tag, value)) in series.tags.iter().enumerate() {
            text.push(if at == 0 { '{' } else { ',' });
            string(text, tag);
            text.push(':');
            string(text, value);
        }
        text.push('}');
    }
    if !series.rows.is_empty() {
        key(text, "columns");
        text.push_str("[\"time\"");
        for column in &series.columns {
            text.push(',');
            string(text, column);
        }
        text.push(']');
        key(text, "values");
        for (at, (time, values)) in series.rows.iter().enumerate() {
            text.push_str(if at == 0 { "[[" } else { ",[" });
            let _ = write!(text, "\"{}\"", time_layout::format_rfc3339_nano(*time));
            for value in values {
                text.push(',');
                field(text, value.as_ref());
            }
            text.push(']');
        }
        text.push(']');
    }
    text.push_str(if separator == '{' { "{}" } else { "}" });
}

fn field(text: &mut String, value: Option<&Value>) {
    match value {
        // NaN and infinities, with which Kapacitor loses the whole event, are null.
        Some(Value::Float(v)) => text.push_str(strconv::format_float_json(*v).as_deref().unwrap_or("null")),
        Some(Value::Int(v) | Value::Duration(v)) => {
            let _ = write!(text, "{v}");
        }
        Some(Value::Bool(v)) => text.push_str(if *v { "true" } else { "false" }),
        Some(Value::Str(v)) => string(text, v),
        Some(Value::Null) | None => text.push_str("null"),
    }
}

/// A JSON string with Go's escapes.
pub(crate) fn string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(text, "\\u{:04x}", c as u32);
            }
            c => text.push(c),
        }
    }
    text.push('"');
}
