//! Tokens and their names.

use std::borrow::Cow;

use crate::ast::BinaryOperator;

/// A piece of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'s> {
    pub kind: TokenKind,
    /// Byte offset of the first character.
    pub start: usize,
    /// As written; empty for the end; the message for an error.
    pub text: Cow<'s, str>,
}

impl Token<'_> {
    /// Byte offset behind the last character; for an error the place where it begins.
    pub fn end(&self) -> usize {
        if self.kind == TokenKind::Error {
            self.start
        } else {
            self.start + self.text.len()
        }
    }
}

/// What a token is. Names and order follow Kapacitor's `ast.TokenType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    Error,
    Eof,
    Var,
    Dbrp,
    Asgn,
    Dot,
    Pipe,
    At,
    Ident,
    Reference,
    Lambda,
    Number,
    String,
    Duration,
    LParen,
    RParen,
    LSBracket,
    RSBracket,
    Comma,
    Not,
    True,
    False,
    Regex,
    Comment,
    Star,
    /// An operator between two operands.
    Operator(BinaryOperator),
}

impl TokenKind {
    /// Kapacitor's name without its `Token` prefix: `Ident`, `EOF`, `Plus`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::Eof => "EOF",
            Self::Var => "Var",
            Self::Dbrp => "DBRP",
            Self::Asgn => "Asgn",
            Self::Dot => "Dot",
            Self::Pipe => "Pipe",
            Self::At => "At",
            Self::Ident => "Ident",
            Self::Reference => "Reference",
            Self::Lambda => "Lambda",
            Self::Number => "Number",
            Self::String => "String",
            Self::Duration => "Duration",
            Self::LParen => "LParen",
            Self::RParen => "RParen",
            Self::LSBracket => "LSBracket",
            Self::RSBracket => "RSBracket",
            Self::Comma => "Comma",
            Self::Not => "Not",
            Self::True => "True",
            Self::False => "False",
            Self::Regex => "Regex",
            Self::Comment => "Comment",
            Self::Star => "Star",
            Self::Operator(operator) => match operator {
                BinaryOperator::Add => "Plus",
                BinaryOperator::Subtract => "Minus",
                BinaryOperator::Multiply => "Mult",
                BinaryOperator::Divide => "Div",
                BinaryOperator::Modulo => "Mod",
                BinaryOperator::And => "And",
                BinaryOperator::Or => "Or",
                BinaryOperator::Equal => "Equal",
                BinaryOperator::NotEqual => "NotEqual",
                BinaryOperator::Less => "Less",
                BinaryOperator::LessEqual => "LessEqual",
                BinaryOperator::Greater => "Greater",
                BinaryOperator::GreaterEqual => "GreaterEqual",
                BinaryOperator::RegexMatch => "RegexEqual",
                BinaryOperator::RegexNoMatch => "RegexNotEqual",
            },
        }
    }

    /// As error messages say it: `identifier`, `EOF`, `+`.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Error => "ERR",
            Self::Eof => "EOF",
            Self::Var => "var",
            Self::Dbrp => "dbrp",
            Self::Asgn => "=",
            Self::Dot => ".",
            Self::Pipe => "|",
            Self::At => "@",
            Self::Ident => "identifier",
            Self::Reference => "reference",
            Self::Lambda => "lambda",
            Self::Number => "number",
            Self::String => "string",
            Self::Duration => "duration",
            Self::LParen => "(",
            Self::RParen => ")",
            Self::LSBracket => "[",
            Self::RSBracket => "]",
            Self::Comma => ",",
            Self::Not => "!",
            Self::True => "TRUE",
            Self::False => "FALSE",
            Self::Regex => "regex",
            Self::Comment => "//",
            Self::Star => "*",
            Self::Operator(operator) => operator.as_str(),
        }
    }
}
