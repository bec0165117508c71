//! Literals and names.

use capstan_gocompat::{Regexp, duration, strconv};

use super::{Parser, Tree};
use crate::ast::Kind;
use crate::error::SyntaxError;
use crate::token::TokenKind;

impl Parser<'_> {
    /// A node without children at a token.
    fn leaf(&mut self, token: usize, kind: Kind) -> Result<Tree, SyntaxError> {
        let above = self.claim(token);
        self.tree(token, kind, above, 0)
    }

    fn text(&self, token: usize) -> &str {
        &self.tokens[token].text
    }

    pub(super) fn identifier(&mut self) -> Result<Tree, SyntaxError> {
        let token = self.expect(TokenKind::Ident)?;
        let name = self.text(token).to_owned();
        self.leaf(token, Kind::Identifier(name))
    }

    pub(super) fn reference(&mut self) -> Result<Tree, SyntaxError> {
        let token = self.expect(TokenKind::Reference)?;
        let name = inner(self.text(token), 1).replace("\\\"", "\"");
        self.leaf(token, Kind::Reference(name))
    }

    pub(super) fn star(&mut self) -> Result<Tree, SyntaxError> {
        let token = self.expect(TokenKind::Star)?;
        self.leaf(token, Kind::Star)
    }

    pub(super) fn boolean(&mut self) -> Result<Tree, SyntaxError> {
        let value = self.peek() == TokenKind::True;
        let token = self.next();
        self.leaf(token, Kind::Bool(value))
    }

    pub(super) fn string(&mut self) -> Result<Tree, SyntaxError> {
        let token = self.expect(TokenKind::String)?;
        let text = self.text(token);
        let triple = text.len() >= 6 && text.starts_with("'''");
        let value = if triple {
            inner(text, 3).to_owned()
        } else {
            inner(text, 1).replace("\\'", "'")
        };
        self.leaf(token, Kind::String { value, triple })
    }

    /// A number: with a dot a float, with a leading zero octal, else decimal (T-05 … T-07).
    pub(super) fn number(&mut self) -> Result<Tree, SyntaxError> {
        let token = self.expect(TokenKind::Number)?;
        let text = self.text(token);
        let octal = text.len() > 1 && text.starts_with('0') && !text.contains('.');
        let kind = if text.contains('.') {
            strconv::parse_float(text).ok().map(Kind::Float)
        } else {
            let base = if octal { 8 } else { 10 };
            strconv::parse_int_base(text, base)
                .ok()
                .map(|value| Kind::Int { value, octal })
        };
        if let Some(kind) = kind {
            return self.leaf(token, kind);
        }
        let message = format!("illegal number syntax: {}", strconv::quote(text));
        let hint = octal.then_some("a leading 0 makes a number octal: leave it out");
        Err(self.bad_value(token, "bad-number", &message, hint))
    }

    pub(super) fn duration(&mut self) -> Result<Tree, SyntaxError> {
        let token = self.expect(TokenKind::Duration)?;
        let literal = self.text(token);
        match duration::parse_influx(literal) {
            Ok(nanos) => {
                let literal = literal.to_owned();
                self.leaf(token, Kind::Duration { nanos, literal })
            }
            Err(error) => Err(self.bad_value(
                token,
                "bad-duration",
                &error.to_string(),
                Some("a duration reaches at most 292 years"),
            )),
        }
    }

    /// A regular expression; it must compile (T-14).
    pub(super) fn regex(&mut self) -> Result<Tree, SyntaxError> {
        let token = self.expect(TokenKind::Regex)?;
        let text = self.text(token);
        let pattern = inner(text, 1).replace("\\/", "/");
        match Regexp::new(&pattern) {
            Ok(_) => self.leaf(token, Kind::Regex(pattern)),
            Err(error) => {
                let hint = text.starts_with("/*").then_some("comments begin with `//`");
                Err(self.bad_value(token, "bad-regex", &error.to_string(), hint))
            }
        }
    }
}

/// `text` without its quotes, `width` bytes at each end.
fn inner(text: &str, width: usize) -> &str {
    text.get(width..text.len().saturating_sub(width)).unwrap_or("")
}
