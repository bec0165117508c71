//! Where in HTML, a script, a style or a URL a piece of a template stands.

use std::fmt;

use crate::template::node::TreeSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum State {
    /// Text outside any tag.
    #[default]
    Text,
    /// In a tag, before an attribute or the end.
    Tag,
    AttrName,
    AfterName,
    /// After the `=` of an attribute.
    BeforeValue,
    HtmlComment,
    /// In `<textarea>` or `<title>`.
    Rcdata,
    /// In an attribute of plain text.
    Attr,
    Url,
    Srcset,
    Js,
    JsDqStr,
    JsSqStr,
    JsBqStr,
    JsRegexp,
    JsBlockComment,
    JsLineComment,
    Css,
    CssDqStr,
    CssSqStr,
    CssDqUrl,
    CssSqUrl,
    CssUrl,
    CssBlockComment,
    CssLineComment,
    Error,
    /// Unreachable, after a break or continue.
    Dead,
}

impl State {
    pub(super) fn is_comment(self) -> bool {
        matches!(
            self,
            Self::HtmlComment
                | Self::JsBlockComment
                | Self::JsLineComment
                | Self::CssBlockComment
                | Self::CssLineComment
        )
    }

    pub(super) fn is_in_tag(self) -> bool {
        matches!(
            self,
            Self::Tag | Self::AttrName | Self::AfterName | Self::BeforeValue | Self::Attr
        )
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "stateText",
            Self::Tag => "stateTag",
            Self::AttrName => "stateAttrName",
            Self::AfterName => "stateAfterName",
            Self::BeforeValue => "stateBeforeValue",
            Self::HtmlComment => "stateHTMLCmt",
            Self::Rcdata => "stateRCDATA",
            Self::Attr => "stateAttr",
            Self::Url => "stateURL",
            Self::Srcset => "stateSrcset",
            Self::Js => "stateJS",
            Self::JsDqStr => "stateJSDqStr",
            Self::JsSqStr => "stateJSSqStr",
            Self::JsBqStr => "stateJSBqStr",
            Self::JsRegexp => "stateJSRegexp",
            Self::JsBlockComment => "stateJSBlockCmt",
            Self::JsLineComment => "stateJSLineCmt",
            Self::Css => "stateCSS",
            Self::CssDqStr => "stateCSSDqStr",
            Self::CssSqStr => "stateCSSSqStr",
            Self::CssDqUrl => "stateCSSDqURL",
            Self::CssSqUrl => "stateCSSSqURL",
            Self::CssUrl => "stateCSSURL",
            Self::CssBlockComment => "stateCSSBlockCmt",
            Self::CssLineComment => "stateCSSLineCmt",
            Self::Error => "stateError",
            Self::Dead => "stateDead",
        }
    }
}

/// What ends the current attribute value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Delim {
    #[default]
    None,
    DoubleQuote,
    SingleQuote,
    SpaceOrTagEnd,
}

impl Delim {
    fn name(self) -> &'static str {
        match self {
            Self::None => "delimNone",
            Self::DoubleQuote => "delimDoubleQuote",
            Self::SingleQuote => "delimSingleQuote",
            Self::SpaceOrTagEnd => "delimSpaceOrTagEnd",
        }
    }

    /// The bytes that end the value.
    pub(super) fn ends(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::DoubleQuote => b"\"",
            Self::SingleQuote => b"'",
            Self::SpaceOrTagEnd => b" \t\n\x0c\r>",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum UrlPart {
    #[default]
    None,
    PreQuery,
    QueryOrFrag,
    /// Branches ended before and after the query.
    Unknown,
}

impl UrlPart {
    fn name(self) -> &'static str {
        match self {
            Self::None => "urlPartNone",
            Self::PreQuery => "urlPartPreQuery",
            Self::QueryOrFrag => "urlPartQueryOrFrag",
            Self::Unknown => "urlPartUnknown",
        }
    }
}

/// What a `/` would begin in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum JsCtx {
    #[default]
    Regexp,
    DivOp,
    Unknown,
}

impl JsCtx {
    fn name(self) -> &'static str {
        match self {
            Self::Regexp => "jsCtxRegexp",
            Self::DivOp => "jsCtxDivOp",
            Self::Unknown => "jsCtxUnknown",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Attr {
    #[default]
    None,
    Script,
    /// `type` of a `<script>`.
    ScriptType,
    Style,
    Url,
    Srcset,
}

impl Attr {
    fn name(self) -> &'static str {
        match self {
            Self::None => "attrNone",
            Self::Script => "attrScript",
            Self::ScriptType => "attrScriptType",
            Self::Style => "attrStyle",
            Self::Url => "attrURL",
            Self::Srcset => "attrSrcset",
        }
    }

    /// The state at the start of the attribute's value.
    pub(super) fn start_state(self) -> State {
        match self {
            Self::None | Self::ScriptType => State::Attr,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Url => State::Url,
            Self::Srcset => State::Srcset,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum HtmlElement {
    #[default]
    None,
    Script,
    Style,
    Textarea,
    Title,
}

impl HtmlElement {
    fn name(self) -> &'static str {
        match self {
            Self::None => "elementNone",
            Self::Script => "elementScript",
            Self::Style => "elementStyle",
            Self::Textarea => "elementTextarea",
            Self::Title => "elementTitle",
        }
    }

    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Script => "script",
            Self::Style => "style",
            Self::Textarea => "textarea",
            Self::Title => "title",
        }
    }

    /// The state of the element's content.
    pub(super) fn content_state(self) -> State {
        match self {
            Self::None => State::Text,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Textarea | Self::Title => State::Rcdata,
        }
    }
}

/// Why a template cannot be escaped.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct EscapeError {
    /// Byte position of the node it is about.
    pub(super) position: Option<usize>,
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) description: String,
}

impl EscapeError {
    pub(super) fn text(&self, trees: &TreeSet) -> String {
        let description = &self.description;
        if let Some(position) = self.position {
            return format!("html/template:{}: {description}", trees.location(position));
        }
        match (self.line, self.name.as_str()) {
            (0, "") => format!("html/template: {description}"),
            (0, name) => format!("html/template:{name}: {description}"),
            (line, name) => format!("html/template:{name}:{line}: {description}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Context {
    pub(super) state: State,
    pub(super) delim: Delim,
    pub(super) url_part: UrlPart,
    pub(super) js_ctx: JsCtx,
    pub(super) attr: Attr,
    pub(super) element: HtmlElement,
    pub(super) error: Option<Box<EscapeError>>,
}

impl Context {
    pub(super) fn in_state(state: State) -> Self {
        Self {
            state,
            ..Self::default()
        }
    }

    /// The error context.
    pub(super) fn error(position: Option<usize>, description: impl Into<String>) -> Self {
        Self {
            state: State::Error,
            error: Some(Box::new(EscapeError {
                position,
                description: description.into(),
                ..EscapeError::default()
            })),
            ..Self::default()
        }
    }

    /// The name of a template that begins in this context.
    pub(super) fn mangle(&self, name: &str) -> String {
        if self.state == State::Text {
            return name.to_owned();
        }
        let mut mangled = format!("{name}$htmltemplate_{}", self.state.name());
        let parts = [
            (self.delim != Delim::None).then(|| self.delim.name()),
            (self.url_part != UrlPart::None).then(|| self.url_part.name()),
            (self.js_ctx != JsCtx::Regexp).then(|| self.js_ctx.name()),
            (self.attr != Attr::None).then(|| self.attr.name()),
            (self.element != HtmlElement::None).then(|| self.element.name()),
        ];
        for part in parts.into_iter().flatten() {
            mangled.push('_');
            mangled.push_str(part);
        }
        mangled
    }

    /// The context after the empty transitions that the first character of a value would make.
    pub(super) fn nudge(mut self) -> Self {
        match self.state {
            State::Tag => self.state = State::AttrName,
            State::BeforeValue => {
                self.state = self.attr.start_state();
                self.delim = Delim::SpaceOrTagEnd;
                self.attr = Attr::None;
            }
            State::AfterName => {
                self.state = State::AttrName;
                self.attr = Attr::None;
            }
            _ => {}
        }
        self
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{{} {} {} {} {} {} ",
            self.state.name(),
            self.delim.name(),
            self.url_part.name(),
            self.js_ctx.name(),
            self.attr.name(),
            self.element.name()
        )?;
        match &self.error {
            Some(error) => write!(f, "{}}}", error.description),
            None => f.write_str("<nil>}"),
        }
    }
}
