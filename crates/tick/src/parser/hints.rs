//! The rich form of an unexpected token: what was found, what could stand there, and what people usually meant.

use super::Parser;
use crate::ast::{BinaryOperator, Position};
use crate::diagnostic::Diagnostic;
use crate::token::TokenKind;

pub(super) fn diagnose(parser: &Parser<'_>, position: Position, expected: &[TokenKind]) -> Diagnostic {
    let token = &parser.tokens[parser.at];
    let mut diagnostic = match token.kind {
        TokenKind::Error => match &*token.text {
            "unterminated string" => {
                Diagnostic::error("unterminated-string", position, "the string that begins here does not end")
                    .hint("a backslash keeps the quote behind it inside; write a text that ends in a backslash as '''…'''")
            }
            "unterminated regex" => {
                Diagnostic::error("unterminated-regex", position, "the regular expression that begins here does not end")
                    .hint("write a slash inside of it as `\\/`")
            }
            "unterminated field reference" => {
                Diagnostic::error("unterminated-reference", position, "the field name that begins here does not end")
            }
            "multiple decimals in number" => {
                Diagnostic::error("bad-number", position, "a number has at most one decimal point")
            }
            _ => unknown_character(parser, position),
        },
        TokenKind::Eof => {
            Diagnostic::error("unexpected-end", position, format!("the script ends, but {} should follow", list(expected)))
        }
        _ => Diagnostic::error(
            "unexpected-token",
            position,
            format!("found `{}`, but {} should stand here", token.text, list(expected)),
        )
        .until(token.end()),
    };
    if diagnostic.hint.is_none() {
        diagnostic.hint = usual_meaning(parser, expected).map(str::to_owned);
    }
    diagnostic
}

fn unknown_character(parser: &Parser<'_>, position: Position) -> Diagnostic {
    let rest = &parser.source[position.byte..];
    let first = rest.chars().next().unwrap_or(' ');
    let previous = parser.at.checked_sub(1).map(|at| &*parser.tokens[at].text);
    let hint = match first {
        '_' => Some("a name begins with a letter"),
        ';' => Some("statements need no separator"),
        '#' => Some("comments begin with `//`"),
        '&' => Some("write `AND`"),
        '`' => Some("strings stand in single quotes"),
        ':' if previous == Some("lambda") => Some("write `lambda:` without a blank"),
        '=' if previous == Some("=") => Some("write `==` without a blank"),
        '{' | '}' => Some("lists stand in square brackets"),
        _ => None,
    };
    let mut diagnostic = Diagnostic::error(
        "unknown-character",
        position,
        format!("`{first}` has no meaning here"),
    )
    .until(position.byte + first.len_utf8());
    diagnostic.hint = hint.map(str::to_owned);
    diagnostic
}

fn usual_meaning(parser: &Parser<'_>, expected: &[TokenKind]) -> Option<&'static str> {
    let token = &parser.tokens[parser.at];
    let previous = parser.at.checked_sub(1).map(|at| &parser.tokens[at]);
    match (token.kind, &*token.text) {
        (TokenKind::Ident, "and" | "And") => Some("write `AND` in upper case"),
        (TokenKind::Ident, "or" | "Or") => Some("write `OR` in upper case"),
        (TokenKind::Ident, "not" | "NOT") => Some("write `!`"),
        (TokenKind::Pipe, _) if previous.is_some_and(|previous| previous.kind == TokenKind::Pipe) => {
            Some("write `OR`")
        }
        (TokenKind::Asgn, _) => Some("comparison is written `==`"),
        (TokenKind::Duration | TokenKind::Ident, _)
            if previous.is_some_and(|previous| previous.kind == TokenKind::Duration) =>
        {
            Some("a duration has one unit of u, ms, s, m, h, d, w: write 90m, not 1h30m")
        }
        (TokenKind::Reference, _) if expected.contains(&TokenKind::String) => {
            Some("strings stand in single quotes; double quotes name a field or a tag")
        }
        (TokenKind::String, _) if expected == [TokenKind::Reference] => {
            Some("database and retention policy stand in double quotes: dbrp \"db\".\"rp\"")
        }
        (TokenKind::Number | TokenKind::Duration, _) if expected.contains(&TokenKind::Star) => {
            Some("a list holds only strings, names and `*`")
        }
        (TokenKind::Lambda, _) => {
            Some("`lambda:` stands at the beginning of an argument or of a variable's value")
        }
        _ => None,
    }
}

/// `a, b or c`, without the kinds that only Kapacitor's line names.
fn list(expected: &[TokenKind]) -> String {
    let names: Vec<String> = expected
        .iter()
        // An expression never begins with `==`; the compatible line says so all the same.
        .filter(|kind| **kind != TokenKind::Operator(BinaryOperator::Equal))
        .map(|kind| match kind {
            TokenKind::Number | TokenKind::String | TokenKind::Duration | TokenKind::Reference => {
                format!("a {}", kind.describe())
            }
            TokenKind::Ident => "a name".to_owned(),
            TokenKind::Eof => "the end".to_owned(),
            kind => format!("`{}`", kind.describe()),
        })
        .collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}
