//! Scripts: what a slash means, and values as JavaScript.

use super::context::JsCtx;
use crate::fmt::sprint;
use crate::json;
use crate::value::{ContentKind, Value};

/// Words that an expression may follow.
const BEFORE_REGEXP: [&[u8]; 14] = [
    b"break",
    b"case",
    b"continue",
    b"delete",
    b"do",
    b"else",
    b"finally",
    b"in",
    b"instanceof",
    b"return",
    b"throw",
    b"try",
    b"typeof",
    b"void",
];

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'$' || byte == b'_'
}

/// What a slash after these tokens begins.
pub(super) fn next_context(text: &[u8], before: JsCtx) -> JsCtx {
    let text = trim_end(text);
    let Some(&last) = text.last() else {
        return before;
    };
    let count = text.len();
    match last {
        b'+' | b'-' => {
            let run = text.iter().rev().take_while(|byte| **byte == last).count();
            if run % 2 == 1 { JsCtx::Regexp } else { JsCtx::DivOp }
        }
        b'.' if count > 1 && text[count - 2].is_ascii_digit() => JsCtx::DivOp,
        b'.' | b',' | b'<' | b'>' | b'=' | b'*' | b'%' | b'&' | b'|' | b'^' | b'?' | b'!' | b'~' | b'('
        | b'[' | b':' | b';' | b'{' | b'}' => JsCtx::Regexp,
        _ => {
            let start = text
                .iter()
                .rposition(|byte| !is_name_byte(*byte))
                .map_or(0, |at| at + 1);
            if BEFORE_REGEXP.contains(&&text[start..]) {
                JsCtx::Regexp
            } else {
                JsCtx::DivOp
            }
        }
    }
}

/// Drops spaces and line terminators.
fn trim_end(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [rest @ .., b'\t' | b'\n' | 0x0c | b'\r' | b' '] | [rest @ .., 0xe2, 0x80, 0xa8 | 0xa9] => rest,
            _ => return text,
        };
    }
}

/// Whether a script element of this MIME type holds JavaScript.
pub(super) fn is_js_type(mime_type: &str) -> bool {
    let name = mime_type.split(';').next().unwrap_or("").trim().to_lowercase();
    matches!(
        name.as_str(),
        "application/ecmascript"
            | "application/javascript"
            | "application/json"
            | "application/ld+json"
            | "application/x-ecmascript"
            | "application/x-javascript"
            | "module"
            | "text/ecmascript"
            | "text/javascript"
            | "text/javascript1.0"
            | "text/javascript1.1"
            | "text/javascript1.2"
            | "text/javascript1.3"
            | "text/javascript1.4"
            | "text/javascript1.5"
            | "text/jscript"
            | "text/livescript"
            | "text/x-ecmascript"
            | "text/x-javascript"
    )
}

/// The values as one JavaScript expression without side effects.
pub(super) fn value(values: &[Value]) -> String {
    let shown = match values {
        [Value::Content(ContentKind::Js, text)] => return text.to_string(),
        [Value::Content(ContentKind::JsStr, text)] => return format!("\"{text}\""),
        // Times know how to be JSON; other types with a String method are strings.
        [value @ Value::Time(_)] => value.clone(),
        [value] => value.stringer().map_or_else(|| value.clone(), Value::from),
        values => Value::from(sprint(values)),
    };
    let text = match json::marshal(&shown) {
        Ok(text) => text,
        Err(message) => return format!(" /* {} */null ", message.replace("*/", "* /")),
    };
    let name = |byte: Option<&u8>| byte.is_some_and(|byte| is_name_byte(*byte));
    if name(text.as_bytes().first()) || name(text.as_bytes().last()) {
        format!(" {text} ")
    } else {
        text
    }
}

/// Where a string is put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoted {
    /// Between quotes.
    String,
    /// Between quotes; it has escapes already.
    Escaped,
    /// In a regular expression.
    Regexp,
}

/// Escapes a string for a script, so that it can also stand in HTML.
pub(super) fn escape(text: &str, place: Quoted) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\x0c' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '`' if place == Quoted::Regexp => out.push('`'),
            '\0'..='\x1f' | '"' | '&' | '\'' | '`' | '+' | '<' | '>' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            '/' => out.push_str("\\/"),
            '\\' if place != Quoted::Escaped => out.push_str("\\\\"),
            '$' | '(' | ')' | '*' | '-' | '.' | '?' | '[' | ']' | '^' | '{' | '|' | '}'
                if place == Quoted::Regexp =>
            {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
