//! Points as line protocol.

use std::fmt::Write;

use crate::tags::Tags;
use crate::value::ValueRef;

/// Appends a point and a line break; `time` is in the unit the reader is told. Floats that line protocol cannot hold and
/// null values are left out; `false`, and nothing appended, when no field is left. Tags without a value are left out.
pub fn append_point<'a>(
    out: &mut String,
    name: &str,
    tags: &Tags,
    fields: impl IntoIterator<Item = (&'a str, ValueRef<'a>)>,
    time: i64,
) -> bool {
    let begin = out.len();
    escaped(out, name, &[',', ' ']);
    for (key, value) in tags.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(',');
        escaped(out, key, &[',', ' ', '=']);
        out.push('=');
        escaped(out, value, &[',', ' ', '=']);
    }
    let mut separator = ' ';
    for (field, value) in fields {
        if matches!(value, ValueRef::Null) || matches!(value, ValueRef::Float(v) if !v.is_finite()) {
            continue;
        }
        out.push(separator);
        separator = ',';
        escaped(out, field, &[',', ' ', '=']);
        out.push('=');
        // Writing to a String cannot fail.
        let _ = match value {
            ValueRef::Float(v) => write!(out, "{v}"),
            ValueRef::Int(v) => write!(out, "{v}i"),
            ValueRef::Bool(v) => write!(out, "{v}"),
            // Line protocol has no durations: nanoseconds.
            ValueRef::Duration(v) => write!(out, "{v}i"),
            ValueRef::Str(v) => {
                out.push('"');
                escaped(out, v, &['"', '\\']);
                out.write_char('"')
            }
            ValueRef::Null => Ok(()),
        };
    }
    if separator == ' ' {
        out.truncate(begin);
        return false;
    }
    let _ = writeln!(out, " {time}");
    true
}

/// Text with a backslash before each of `special`. Line breaks would end the line: outside of quotes they become spaces,
/// escaped as those are.
fn escaped(out: &mut String, text: &str, special: &[char]) {
    let quoted = special.contains(&'"');
    for c in text.chars() {
        let c = if !quoted && matches!(c, '\n' | '\r') {
            ' '
        } else {
            c
        };
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line_protocol::{ParseOptions, SeriesIndex, parse};

    #[test]
    fn what_is_printed_reads_back() {
        let tags = Tags::from_pairs([("a b", "c,d=e"), ("empty", ""), ("x", "ü")]);
        let fields = [
            ("float", ValueRef::Float(1e21)),
            ("int, or", ValueRef::Int(-3)),
            ("nan", ValueRef::Float(f64::NAN)),
            ("null", ValueRef::Null),
            ("text", ValueRef::Str("a \"b\" \\ c\nd")),
            ("yes", ValueRef::Bool(true)),
        ];
        let mut out = String::new();
        assert!(append_point(&mut out, "my m,x", &tags, fields, 17));
        let mut index = SeriesIndex::new("db", "rp");
        let parsed = parse(&mut index, out.as_bytes(), &ParseOptions::default());
        assert!(
            parsed.outcome.rejected.is_empty(),
            "{out}: {:?}",
            parsed.outcome.rejected
        );
        let block = &parsed.batches[0].blocks[0];
        assert_eq!((&*block.name, block.time[0]), ("my m,x", 17));
        assert_eq!(block.tags(0), tags.without("empty"));
        let read: Vec<_> = block.fields(0).collect();
        assert_eq!(read, [fields[0], fields[1], fields[4], fields[5]]);
    }

    #[test]
    fn a_point_without_fields_is_nothing() {
        let mut out = String::from("before\n");
        assert!(!append_point(
            &mut out,
            "m",
            &Tags::EMPTY,
            [("x", ValueRef::Float(f64::INFINITY))],
            0
        ));
        assert_eq!(out, "before\n");
    }
}
