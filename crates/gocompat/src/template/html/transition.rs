//! The state machine: which context follows a piece of text, and how much of the text the step took.

use super::attribute::{self, Content};
use super::context::{Attr, Context, Delim, HtmlElement, JsCtx, State, UrlPart};
use super::{css, script};
use crate::strconv;

/// One step from `context` on `text`.
pub(super) fn step(context: Context, text: &[u8]) -> (Context, usize) {
    step_as(context.state, context, text)
}

/// One step by the rules of another state than the context's own.
pub(super) fn step_as(state: State, context: Context, text: &[u8]) -> (Context, usize) {
    match state {
        State::Text => in_text(context, text),
        State::Tag => in_tag(context, text),
        State::AttrName => attribute_name(context, text),
        State::AfterName => after_name(context, text),
        State::BeforeValue => before_value(context, text),
        State::HtmlComment => match find(text, b"-->") {
            Some(at) => (Context::default(), at + 3),
            None => (context, text.len()),
        },
        State::Rcdata => special_tag_end(context, text),
        State::Attr | State::Error | State::Dead => (context, text.len()),
        State::Url | State::Srcset => (in_url(context, text), text.len()),
        State::Js => in_script(context, text),
        State::JsDqStr | State::JsSqStr | State::JsBqStr | State::JsRegexp => script_literal(context, text),
        State::JsBlockComment => block_comment(context, text, State::Js),
        State::CssBlockComment => block_comment(context, text, State::Css),
        State::JsLineComment => {
            let end = [&b"\n"[..], b"\r", "\u{2028}".as_bytes(), "\u{2029}".as_bytes()];
            line_comment(context, text, &end, State::Js)
        }
        State::CssLineComment => line_comment(context, text, &[b"\n", b"\x0c", b"\r"], State::Css),
        State::Css => in_style(context, text),
        State::CssDqStr | State::CssSqStr | State::CssDqUrl | State::CssSqUrl | State::CssUrl => {
            style_string(context, text)
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn find_any(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.iter().position(|byte| wanted.contains(byte))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0c | b'\r')
}

fn skip_space(text: &[u8]) -> usize {
    text.iter()
        .position(|byte| !is_space(*byte))
        .unwrap_or(text.len())
}

/// The text quoted as `%q`, or as `%.32q` when cut.
fn quoted(text: &[u8], limit: Option<usize>) -> String {
    let text = String::from_utf8_lossy(text);
    match limit {
        Some(limit) => strconv::quote(&text.chars().take(limit).collect::<String>()),
        None => strconv::quote(&text),
    }
}

fn in_text(context: Context, text: &[u8]) -> (Context, usize) {
    let mut from = 0;
    loop {
        let Some(mut at) = text[from..]
            .iter()
            .position(|byte| *byte == b'<')
            .map(|at| at + from)
        else {
            return (context, text.len());
        };
        if at + 1 == text.len() {
            return (context, text.len());
        }
        if text[at..].starts_with(b"<!--") {
            return (Context::in_state(State::HtmlComment), at + 4);
        }
        at += 1;
        let closes = text[at] == b'/';
        if closes {
            if at + 1 == text.len() {
                return (context, text.len());
            }
            at += 1;
        }
        let (end, element) = tag_name(text, at);
        if end != at {
            let element = if closes { HtmlElement::None } else { element };
            let next = Context {
                state: State::Tag,
                element,
                ..Context::default()
            };
            return (next, end);
        }
        from = end;
    }
}

/// The end of a tag's name, and which special element it is.
fn tag_name(text: &[u8], start: usize) -> (usize, HtmlElement) {
    if !text.get(start).is_some_and(u8::is_ascii_alphabetic) {
        return (start, HtmlElement::None);
    }
    let mut end = start + 1;
    while let Some(byte) = text.get(end) {
        if byte.is_ascii_alphanumeric() {
            end += 1;
        } else if matches!(byte, b':' | b'-') && text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric) {
            end += 2;
        } else {
            break;
        }
    }
    let special = [
        HtmlElement::Script,
        HtmlElement::Style,
        HtmlElement::Textarea,
        HtmlElement::Title,
    ];
    let element = special
        .into_iter()
        .find(|element| text[start..end].eq_ignore_ascii_case(element.tag().as_bytes()));
    (end, element.unwrap_or_default())
}

fn in_tag(context: Context, text: &[u8]) -> (Context, usize) {
    let start = skip_space(text);
    if start == text.len() {
        return (context, text.len());
    }
    if text[start] == b'>' {
        let next = Context {
            state: context.element.content_state(),
            element: context.element,
            ..Context::default()
        };
        return (next, start + 1);
    }
    let end = match attribute_name_end(text, start) {
        Ok(end) => end,
        Err(error) => return (error, text.len()),
    };
    if end == start {
        let message = format!(
            "expected space, attr name, or end of tag, but got {}",
            quoted(&text[start..], None)
        );
        return (Context::error(None, message), text.len());
    }
    let name = String::from_utf8_lossy(&text[start..end]).to_lowercase();
    let attr = if context.element == HtmlElement::Script && name == "type" {
        Attr::ScriptType
    } else {
        match attribute::content(&name) {
            Content::Url => Attr::Url,
            Content::Css => Attr::Style,
            Content::Js => Attr::Script,
            Content::Srcset => Attr::Srcset,
            _ => Attr::None,
        }
    };
    let state = if end == text.len() {
        State::AttrName
    } else {
        State::AfterName
    };
    let next = Context {
        state,
        element: context.element,
        attr,
        ..Context::default()
    };
    (next, end)
}

fn attribute_name_end(text: &[u8], start: usize) -> Result<usize, Context> {
    for (index, byte) in text.iter().enumerate().skip(start) {
        match byte {
            b' ' | b'\t' | b'\n' | 0x0c | b'\r' | b'=' | b'>' => return Ok(index),
            b'\'' | b'"' | b'<' => {
                let message = format!(
                    "{} in attribute name: {}",
                    quoted(&[*byte], None),
                    quoted(text, Some(32))
                );
                return Err(Context::error(None, message));
            }
            _ => {}
        }
    }
    Ok(text.len())
}

fn attribute_name(mut context: Context, text: &[u8]) -> (Context, usize) {
    match attribute_name_end(text, 0) {
        Err(error) => (error, text.len()),
        Ok(end) => {
            if end != text.len() {
                context.state = State::AfterName;
            }
            (context, end)
        }
    }
}

fn after_name(mut context: Context, text: &[u8]) -> (Context, usize) {
    let start = skip_space(text);
    if start == text.len() {
        return (context, text.len());
    }
    if text[start] != b'=' {
        // An attribute without a value.
        context.state = State::Tag;
        return (context, start);
    }
    context.state = State::BeforeValue;
    (context, start + 1)
}

fn before_value(mut context: Context, text: &[u8]) -> (Context, usize) {
    let start = skip_space(text);
    if start == text.len() {
        return (context, text.len());
    }
    let (delim, length) = match text[start] {
        b'\'' => (Delim::SingleQuote, 1),
        b'"' => (Delim::DoubleQuote, 1),
        _ => (Delim::SpaceOrTagEnd, 0),
    };
    context.state = context.attr.start_state();
    context.delim = delim;
    (context, start + length)
}

/// Looks for the end tag of a script, style, textarea or title.
pub(super) fn special_tag_end(context: Context, text: &[u8]) -> (Context, usize) {
    if context.element != HtmlElement::None
        && let Some(at) = end_tag(text, context.element.tag().as_bytes())
    {
        return (Context::default(), at);
    }
    (context, text.len())
}

fn end_tag(text: &[u8], tag: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + find(text.get(from..)?, b"</")?;
        let name = at + 2;
        let end = name + tag.len();
        let named = text
            .get(name..end)
            .is_some_and(|found| found.eq_ignore_ascii_case(tag));
        if named && text.get(end).is_some_and(|byte| b"> \t\n\x0c/".contains(byte)) {
            return Some(at);
        }
        from = if named { end } else { name };
    }
}

/// Notes whether the query of the URL has begun.
fn in_url(mut context: Context, text: &[u8]) -> Context {
    if find_any(text, b"#?").is_some() {
        context.url_part = UrlPart::QueryOrFrag;
    } else if skip_space(text) != text.len() && context.url_part == UrlPart::None {
        context.url_part = UrlPart::PreQuery;
    }
    context
}

fn in_script(mut context: Context, text: &[u8]) -> (Context, usize) {
    let Some(mut at) = find_any(text, b"\"`'/") else {
        context.js_ctx = script::next_context(text, context.js_ctx);
        return (context, text.len());
    };
    context.js_ctx = script::next_context(&text[..at], context.js_ctx);
    let next = text.get(at + 1);
    let mut enter = |state| {
        context.state = state;
        context.js_ctx = JsCtx::Regexp;
    };
    match text[at] {
        b'"' => enter(State::JsDqStr),
        b'\'' => enter(State::JsSqStr),
        b'`' => enter(State::JsBqStr),
        _ if next == Some(&b'/') => {
            context.state = State::JsLineComment;
            at += 1;
        }
        _ if next == Some(&b'*') => {
            context.state = State::JsBlockComment;
            at += 1;
        }
        _ => match context.js_ctx {
            JsCtx::Regexp => context.state = State::JsRegexp,
            JsCtx::DivOp => context.js_ctx = JsCtx::Regexp,
            JsCtx::Unknown => {
                let message = format!(
                    "'/' could start a division or regexp: {}",
                    quoted(&text[at..], Some(32))
                );
                return (Context::error(None, message), text.len());
            }
        },
    }
    (context, at + 1)
}

fn script_literal(mut context: Context, text: &[u8]) -> (Context, usize) {
    let special: &[u8] = match context.state {
        State::JsSqStr => b"\\'",
        State::JsBqStr => b"`\\",
        State::JsRegexp => b"\\/[]",
        _ => b"\\\"",
    };
    let (mut from, mut in_set) = (0, false);
    while let Some(at) = find_any(&text[from..], special).map(|at| at + from) {
        from = at + 1;
        match text[at] {
            b'\\' => {
                from += 1;
                if from > text.len() {
                    let message = format!("unfinished escape sequence in JS string: {}", quoted(text, None));
                    return (Context::error(None, message), text.len());
                }
            }
            b'[' => in_set = true,
            b']' => in_set = false,
            _ if !in_set => {
                context.state = State::Js;
                context.js_ctx = JsCtx::DivOp;
                return (context, at + 1);
            }
            _ => {}
        }
    }
    if in_set {
        let message = format!("unfinished JS regexp charset: {}", quoted(text, None));
        return (Context::error(None, message), text.len());
    }
    (context, text.len())
}

fn block_comment(mut context: Context, text: &[u8], after: State) -> (Context, usize) {
    match find(text, b"*/") {
        Some(at) => {
            context.state = after;
            (context, at + 2)
        }
        None => (context, text.len()),
    }
}

fn line_comment(mut context: Context, text: &[u8], ends: &[&[u8]], after: State) -> (Context, usize) {
    match ends.iter().filter_map(|end| find(text, end)).min() {
        Some(at) => {
            // The end of the line is not part of the comment.
            context.state = after;
            (context, at)
        }
        None => (context, text.len()),
    }
}

fn in_style(mut context: Context, text: &[u8]) -> (Context, usize) {
    let mut from = 0;
    while let Some(at) = find_any(&text[from..], b"(\"'/").map(|at| at + from) {
        match (text[at], text.get(at + 1)) {
            (b'(', _) => {
                let before = text[..at].trim_ascii_end();
                if css::ends_with_keyword(before, "url") {
                    let value = at + 1 + skip_space(&text[at + 1..]);
                    let (state, length) = match text.get(value) {
                        Some(b'"') => (State::CssDqUrl, 1),
                        Some(b'\'') => (State::CssSqUrl, 1),
                        _ => (State::CssUrl, 0),
                    };
                    context.state = state;
                    return (context, value + length);
                }
            }
            (b'/', Some(b'/')) => {
                context.state = State::CssLineComment;
                return (context, at + 2);
            }
            (b'/', Some(b'*')) => {
                context.state = State::CssBlockComment;
                return (context, at + 2);
            }
            (b'"', _) => {
                context.state = State::CssDqStr;
                return (context, at + 1);
            }
            (b'\'', _) => {
                context.state = State::CssSqStr;
                return (context, at + 1);
            }
            _ => {}
        }
        from = at + 1;
    }
    (context, text.len())
}

fn style_string(mut context: Context, text: &[u8]) -> (Context, usize) {
    let ends: &[u8] = match context.state {
        State::CssDqStr | State::CssDqUrl => b"\\\"",
        State::CssSqStr | State::CssSqUrl => b"\\'",
        _ => b"\\\t\n\x0c\r )",
    };
    let mut from = 0;
    while let Some(mut at) = find_any(&text[from..], ends).map(|at| at + from) {
        if text[at] != b'\\' {
            context.state = State::Css;
            return (context, at + 1);
        }
        at += 1;
        if at == text.len() {
            let message = format!("unfinished escape sequence in CSS string: {}", quoted(text, None));
            return (Context::error(None, message), text.len());
        }
        context = in_url(context, &css::decode(&text[..=at]));
        from = at + 1;
    }
    (in_url(context, &css::decode(&text[from..])), text.len())
}
