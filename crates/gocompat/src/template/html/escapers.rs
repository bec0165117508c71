//! The functions that escaping puts behind pipelines: values as text fit for their context.

use super::context::{Context, Delim, HtmlElement, State};
use super::{attribute, css, script, transition, url};
use crate::fmt::sprint;
use crate::value::{ContentKind, Value};

/// What stands in place of an unsafe value.
pub(super) const FAILSAFE: &str = "ZgotmplZ";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::template) enum Escaper {
    Attr,
    Comment,
    Css,
    CssValue,
    HtmlName,
    Html,
    JsRegexp,
    JsString,
    JsValue,
    NoSpace,
    Rcdata,
    Srcset,
    Url,
    UrlFilter,
    UrlNormalizer,
    EvalArgs,
}

impl Escaper {
    pub(in crate::template) fn named(name: &str) -> Option<Self> {
        if name == "_eval_args_" {
            return Some(Self::EvalArgs);
        }
        Some(match name.strip_prefix("_html_template_")? {
            "attrescaper" => Self::Attr,
            "commentescaper" => Self::Comment,
            "cssescaper" => Self::Css,
            "cssvaluefilter" => Self::CssValue,
            "htmlnamefilter" => Self::HtmlName,
            "htmlescaper" => Self::Html,
            "jsregexpescaper" => Self::JsRegexp,
            "jsstrescaper" => Self::JsString,
            "jsvalescaper" => Self::JsValue,
            "nospaceescaper" => Self::NoSpace,
            "rcdataescaper" => Self::Rcdata,
            "srcsetescaper" => Self::Srcset,
            "urlescaper" => Self::Url,
            "urlfilter" => Self::UrlFilter,
            "urlnormalizer" => Self::UrlNormalizer,
            _ => return None,
        })
    }

    pub(in crate::template) fn apply(self, values: &[Value]) -> String {
        if self == Self::JsValue {
            return script::value(values);
        }
        if self == Self::EvalArgs {
            return match values {
                [Value::String(text)] => text.to_string(),
                values => sprint(values),
            };
        }
        let (text, kind) = text_and_kind(values);
        let is = |wanted: ContentKind| kind == Some(wanted);
        match self {
            Self::Attr if is(ContentKind::Html) => replace(&strip_tags(&text), Place::Quoted, true),
            Self::Rcdata if is(ContentKind::Html) => replace(&text, Place::Quoted, true),
            Self::Html if is(ContentKind::Html) => text,
            Self::Attr | Self::Rcdata | Self::Html => replace(&text, Place::Quoted, false),
            Self::NoSpace if is(ContentKind::Html) => replace(&strip_tags(&text), Place::Unquoted, true),
            Self::NoSpace => replace(&text, Place::Unquoted, false),
            Self::Comment => String::new(),
            Self::Css => css::escape(&text),
            Self::CssValue if is(ContentKind::Css) => text,
            Self::CssValue => css::filter(&text),
            Self::HtmlName if is(ContentKind::HtmlAttr) => text,
            Self::HtmlName => filter_name(&text),
            Self::JsString if is(ContentKind::JsStr) => script::escape(&text, script::Quoted::Escaped),
            Self::JsString => script::escape(&text, script::Quoted::String),
            Self::JsRegexp if text.is_empty() => "(?:)".to_owned(),
            Self::JsRegexp => script::escape(&text, script::Quoted::Regexp),
            Self::Srcset if is(ContentKind::Srcset) => text,
            Self::Srcset if is(ContentKind::Url) => url::encode(&text, true).replace(',', "%2c"),
            Self::Srcset => url::filter_srcset(&text),
            Self::Url => url::encode(&text, is(ContentKind::Url)),
            Self::UrlFilter if is(ContentKind::Url) || url::is_safe(&text) => text,
            Self::UrlFilter => format!("#{FAILSAFE}"),
            Self::UrlNormalizer => url::encode(&text, true),
            Self::JsValue | Self::EvalArgs => text,
        }
    }
}

/// The values as text, and the kind of trusted content if there is one value of such a type. Nils print nothing here.
fn text_and_kind(values: &[Value]) -> (String, Option<ContentKind>) {
    match values {
        [Value::String(text)] => (text.to_string(), None),
        [Value::Content(kind, text)] => (text.to_string(), Some(*kind)),
        values => {
            let shown: Vec<Value> = values
                .iter()
                .filter(|value| !matches!(value, Value::Nil))
                .cloned()
                .collect();
            (sprint(&shown), None)
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Text, or between quotes.
    Quoted,
    /// An attribute value without quotes.
    Unquoted,
}

/// Replaces what HTML reads as markup; `normalize` leaves character references alone.
fn replace(text: &str, place: Place, normalize: bool) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    let unquoted = place == Place::Unquoted;
    for c in text.chars() {
        match c {
            '\0' if unquoted => out.push_str("&#xfffd;"),
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '&' if !normalize => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '+' => out.push_str("&#43;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ' | '=' | '`' if unquoted => {
                // Writing to a String cannot fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}' if unquoted => {
                let _ = write!(out, "&#x{:x};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Lets through names of attributes and tags that mean nothing special.
fn filter_name(name: &str) -> String {
    let lower = name.to_lowercase();
    let plain = !lower.is_empty()
        && lower
            .chars()
            .all(|c| c.is_ascii_digit() || c.is_ascii_lowercase())
        && attribute::content(&lower) == attribute::Content::Plain;
    if plain { lower } else { FAILSAFE.to_owned() }
}

/// The text of a piece of HTML, its character references kept.
fn strip_tags(html: &str) -> String {
    let bytes = html.as_bytes();
    let mut out = Vec::new();
    let (mut context, mut at, mut only_text) = (Context::default(), 0, true);
    while at < bytes.len() {
        if context.delim != Delim::None {
            let ends = context.delim.ends();
            let Some(end) = bytes[at..].iter().position(|byte| ends.contains(byte)) else {
                break;
            };
            at += end + usize::from(context.delim != Delim::SpaceOrTagEnd);
            context = Context {
                state: State::Tag,
                element: context.element,
                ..Context::default()
            };
            continue;
        }
        let mut state = context.state;
        // Scripts and styles are skipped without being understood.
        if context.element != HtmlElement::None && !state.is_in_tag() {
            state = State::Rcdata;
        }
        let before = context.state;
        let (next, read) = transition::step_as(state, context.clone(), &bytes[at..]);
        let end = at + read;
        if matches!(before, State::Text | State::Rcdata) {
            let mut text_end = end;
            if next.state != before
                && let Some(tag) = bytes[at..end].iter().rposition(|byte| *byte == b'<')
            {
                text_end = at + tag;
            }
            out.extend_from_slice(&bytes[at..text_end]);
        } else {
            only_text = false;
        }
        if read == 0 && next == context {
            break;
        }
        context = next;
        at = end;
    }
    if only_text {
        return html.to_owned();
    }
    if matches!(context.state, State::Text | State::Rcdata) {
        out.extend_from_slice(&bytes[at..]);
    }
    String::from_utf8_lossy(&out).into_owned()
}
