//! Points as line protocol.

use std::fmt::Write;

use crate::tags::Tags;
use crate::value::ValueRef;

/// Appends a point and a line break; `time` is in the unit the reader is told. Floats that line protocol cannot hold and
/// null values are left out; `false`, and nothing appended, when no field is left. Tags without a value are left out.
/// Line protocol cannot hold a backslash at the end of a name, a tag or a field key, nor in a field key before a comma, a
/// blank or an equals sign: it is left out.
pub fn append_point<'a>(
    out: &mut String,
    name: &str,
    tags: &Tags,
    fields: impl IntoIterator<Item = (&'a str, ValueRef<'a>)>,
    time: i64,
) -> bool {
    let begin = out.len();
    escaped(out, name, &[',', ' '], &['=', '"']);
    for (key, value) in tags.iter().filter(|(_, value)| value.chars().any(|c| c != '\\')) {
        out.push(',');
        escaped(out, key, &[',', ' ', '='], &[]);
        out.push('=');
        escaped(out, value, &[',', ' ', '='], &[]);
    }
    let mut separator = ' ';
    for (field, value) in fields {
        if matches!(value, ValueRef::Null) || matches!(value, ValueRef::Float(v) if !v.is_finite()) {
            continue;
        }
        out.push(separator);
        separator = ',';
        field_key(out, field);
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
                for c in v.chars() {
                    if matches!(c, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
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

/// A field key. InfluxDB looks for its end twice, and the two readings of a backslash before a special character differ.
fn field_key(out: &mut String, text: &str) {
    const SPECIAL: [char; 5] = [',', ' ', '=', '\n', '\r'];
    let mut rest = text;
    while let Some(at) = rest.find(SPECIAL) {
        let (part, special) = rest.split_at(at);
        escaped(out, part, &[], &['"']);
        out.push('\\');
        let mut chars = special.chars();
        out.push(chars.next().filter(|c| !matches!(c, '\n' | '\r')).unwrap_or(' '));
        rest = chars.as_str();
    }
    escaped(out, rest, &[], &['"']);
}

/// Text with a backslash before each of `special`, and before each of `after_backslash` that follows a backslash: a reader
/// would take the two for an escape. Line breaks would end the line: they become spaces, escaped as those are.
fn escaped(out: &mut String, text: &str, special: &[char], after_backslash: &[char]) {
    let mut previous = None;
    // What stands behind the text is not to be escaped by it.
    for c in text.trim_end_matches('\\').chars() {
        let c = if matches!(c, '\n' | '\r') { ' ' } else { c };
        if special.contains(&c) || previous == Some('\\') && after_backslash.contains(&c) {
            out.push('\\');
        }
        out.push(c);
        previous = Some(c);
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
    fn a_backslash_changes_nothing_of_what_follows_it() {
        let tags = Tags::from_pairs([(r"k\=", r"\v\"), ("x", r"\\")]);
        let field = (r#"f\""#, ValueRef::Str("\\"));
        let mut out = String::new();
        assert!(append_point(&mut out, r#"m\="\""#, &tags, [field], 17));
        let mut index = SeriesIndex::new("db", "rp");
        let parsed = parse(&mut index, out.as_bytes(), &ParseOptions::default());
        assert_eq!(parsed.outcome.rejected, [], "{out}");
        let block = &parsed.batches[0].blocks[0];
        assert_eq!(&*block.name, r#"m\="\""#, "{out}");
        // No line can say a backslash at the end.
        assert_eq!(block.tags(0), Tags::from_pairs([(r"k\=", r"\v")]));
        assert_eq!(block.fields(0).collect::<Vec<_>>(), [field]);
    }

    #[test]
    fn a_field_key_leaves_out_what_cannot_be_said() {
        let fields = [
            (r"a\\,b\=c\ d=\", ValueRef::Str("d=1")),
            ("e\n,f", ValueRef::Int(1)),
        ];
        let mut out = String::new();
        assert!(append_point(&mut out, "m", &Tags::EMPTY, fields, 17));
        let mut index = SeriesIndex::new("db", "rp");
        let parsed = parse(&mut index, out.as_bytes(), &ParseOptions::default());
        assert_eq!(parsed.outcome.rejected, [], "{out}");
        let read: Vec<_> = parsed.batches[0].blocks[0].fields(0).collect();
        assert_eq!(read, [("a,b=c d=", fields[0].1), ("e ,f", fields[1].1)]);
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
