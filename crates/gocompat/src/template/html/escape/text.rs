//! Follows the text between actions through the state machine.

use super::Escaper;
use crate::strconv;
use crate::template::html::context::{Attr, Context, Delim, HtmlElement, State};
use crate::template::html::{attribute, script, transition};

impl Escaper {
    /// Follows the text; comments are dropped from it and stray `<` escaped.
    pub(super) fn text(&mut self, mut context: Context, id: u32, text: &str) -> Context {
        let bytes = text.as_bytes();
        let (mut at, mut written) = (0, 0);
        let mut out: Vec<u8> = Vec::new();
        while at != bytes.len() {
            let (next, read) = after_text(context.clone(), &bytes[at..]);
            let end = at + read;
            if matches!(context.state, State::Text | State::Rcdata) {
                let mut text_end = end;
                if next.state != context.state
                    && let Some(tag) = bytes[at..end].iter().rposition(|byte| *byte == b'<')
                {
                    text_end = at + tag;
                }
                for index in at..text_end {
                    if bytes[index] == b'<' && !is_doctype(&bytes[index..]) {
                        out.extend_from_slice(&bytes[written..index]);
                        out.extend_from_slice(b"&lt;");
                        written = index + 1;
                    }
                }
            } else if context.state.is_comment() && context.delim == Delim::None {
                match context.state {
                    // A comment with a line break counts as one.
                    State::JsBlockComment => {
                        let dropped = String::from_utf8_lossy(&bytes[written..end]);
                        let breaks = dropped.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
                        out.push(if breaks { b'\n' } else { b' ' });
                    }
                    State::CssBlockComment => out.push(b' '),
                    _ => {}
                }
                written = end;
            }
            if context.state != next.state && next.state.is_comment() && next.delim == Delim::None {
                let opening = if next.state == State::HtmlComment { 4 } else { 2 };
                out.extend_from_slice(bytes.get(written..end.saturating_sub(opening)).unwrap_or(&[]));
                written = end;
            }
            if read == 0 && context == next {
                return Context::error(None, "template is too complex");
            }
            context = next;
            at = end;
        }
        if written != 0 && context.state != State::Error {
            if !context.state.is_comment() || context.delim != Delim::None {
                out.extend_from_slice(&bytes[written..]);
            }
            self.edits
                .texts
                .insert(id, String::from_utf8_lossy(&out).into_owned());
        }
        context
    }
}

fn is_doctype(text: &[u8]) -> bool {
    text.get(..9)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"<!DOCTYPE"))
}

/// The context after some of the text, and how much of it that was.
fn after_text(context: Context, text: &[u8]) -> (Context, usize) {
    if context.delim == Delim::None {
        let (ended, end) = transition::special_tag_end(context.clone(), text);
        if end == 0 {
            return (ended, 0);
        }
        return transition::step(context, &text[..end]);
    }
    let ends = context.delim.ends();
    let end = text
        .iter()
        .position(|byte| ends.contains(byte))
        .unwrap_or(text.len());
    if context.delim == Delim::SpaceOrTagEnd
        && let Some(bad) = text[..end].iter().find(|byte| b"\"'<=`".contains(byte))
    {
        let message = format!(
            "{} in unquoted attr: {}",
            strconv::quote(&char::from(*bad).to_string()),
            strconv::quote(&String::from_utf8_lossy(&text[..end]))
        );
        return (Context::error(None, message), text.len());
    }
    if end == text.len() {
        let decoded = attribute::unescape(text);
        let (mut context, mut rest) = (context, decoded.as_slice());
        while !rest.is_empty() {
            let (next, read) = transition::step(context.clone(), rest);
            if read == 0 && next == context {
                break;
            }
            context = next;
            rest = &rest[read..];
        }
        return (context, text.len());
    }
    let mut element = context.element;
    let decides_type =
        context.state == State::Attr && element == HtmlElement::Script && context.attr == Attr::ScriptType;
    if decides_type && !script::is_js_type(&String::from_utf8_lossy(&text[..end])) {
        element = HtmlElement::None;
    }
    let next = Context {
        state: State::Tag,
        element,
        ..Context::default()
    };
    (next, end + usize::from(context.delim != Delim::SpaceOrTagEnd))
}
