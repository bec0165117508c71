//! Text to tokens (T-01 … T-22).
//!
//! What `/`, `*`, `-` and `!` mean depends on what stands before them, so the lexer knows two states: at the start of an operand,
//! and behind one. Two differences from Kapacitor, both of which only accept more: a comment does not end because its next line
//! begins with a single slash (T-18), and behind a comment an operator may follow.

use std::borrow::Cow;

use capstan_gocompat::strconv::quote_char;
use capstan_gocompat::unicode::{is_digit, is_letter, is_space};

use crate::ast::BinaryOperator;
use crate::token::{Token, TokenKind};

/// All tokens of a script; the last is `Eof`, or `Error` with the message as its text.
pub fn lex(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        source,
        start: 0,
        at: 0,
        tokens: Vec::with_capacity(source.len() / 4 + 1),
    };
    let mut state = State::Operand;
    loop {
        state = match state {
            State::Operand => lexer.operand(),
            State::Operator => lexer.operator(),
            State::Done => return lexer.tokens,
        };
    }
}

#[derive(Clone, Copy)]
enum State {
    /// An operand, a bracket or a statement may start here.
    Operand,
    /// Behind an operand: an operator may follow.
    Operator,
    /// The end, or an error.
    Done,
}

struct Lexer<'s> {
    source: &'s str,
    /// Where the current token starts.
    start: usize,
    at: usize,
    tokens: Vec<Token<'s>>,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.source[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.next();
        }
        self.start = self.at;
    }

    fn emit(&mut self, kind: TokenKind) {
        let text = Cow::Borrowed(&self.source[self.start..self.at]);
        self.tokens.push(Token {
            kind,
            start: self.start,
            text,
        });
        self.start = self.at;
    }

    fn then(&mut self, kind: TokenKind, state: State) -> State {
        self.emit(kind);
        state
    }

    fn error(&mut self, message: impl Into<Cow<'static, str>>) -> State {
        self.tokens.push(Token {
            kind: TokenKind::Error,
            start: self.start,
            text: message.into(),
        });
        State::Done
    }

    fn operand(&mut self) -> State {
        self.skip_space();
        let Some(c) = self.next() else {
            return self.then(TokenKind::Eof, State::Done);
        };
        match c {
            '-' => self.then(TokenKind::Operator(BinaryOperator::Subtract), State::Operand),
            '!' => self.then(TokenKind::Not, State::Operand),
            '.' if !self.peek().is_some_and(is_digit) => self.then(TokenKind::Dot, State::Operand),
            '"' => self.reference(),
            '\'' => self.string(),
            '(' => self.then(TokenKind::LParen, State::Operand),
            ')' => self.then(TokenKind::RParen, State::Operator),
            '[' => self.then(TokenKind::LSBracket, State::Operand),
            ']' => self.then(TokenKind::RSBracket, State::Operand),
            '|' => self.then(TokenKind::Pipe, State::Operand),
            '@' => self.then(TokenKind::At, State::Operand),
            ',' => self.then(TokenKind::Comma, State::Operand),
            '*' => self.then(TokenKind::Star, State::Operand),
            '/' if self.peek() == Some('/') => self.comment(State::Operand),
            '/' => self.regex(),
            c if c == '.' || is_digit(c) => self.number(c == '.'),
            c if is_letter(c) => self.word(),
            c => self.error(format!("unknown state, last char: {}", quote_char(c))),
        }
    }

    fn operator(&mut self) -> State {
        self.skip_space();
        let Some(c) = self.next() else {
            return State::Operand;
        };
        let operator = match c {
            '+' => BinaryOperator::Add,
            '-' => BinaryOperator::Subtract,
            '*' => BinaryOperator::Multiply,
            '%' => BinaryOperator::Modulo,
            '/' if self.peek() == Some('/') => return self.comment(State::Operator),
            '/' => BinaryOperator::Divide,
            '!' if self.accept('=') => BinaryOperator::NotEqual,
            '!' if self.accept('~') => BinaryOperator::RegexNoMatch,
            '!' => return self.then(TokenKind::Not, State::Operand),
            '>' if self.accept('=') => BinaryOperator::GreaterEqual,
            '>' => BinaryOperator::Greater,
            '<' if self.accept('=') => BinaryOperator::LessEqual,
            '<' => BinaryOperator::Less,
            '=' if self.accept('~') => BinaryOperator::RegexMatch,
            '=' if self.accept('=') => BinaryOperator::Equal,
            '=' => return self.then(TokenKind::Asgn, State::Operand),
            c => {
                self.at -= c.len_utf8();
                return State::Operand;
            }
        };
        self.then(TokenKind::Operator(operator), State::Operand)
    }

    /// An identifier or a keyword; its first letter is read.
    fn word(&mut self) -> State {
        while self
            .peek()
            .is_some_and(|c| is_letter(c) || is_digit(c) || c == '_')
        {
            self.next();
        }
        let kind = match &self.source[self.start..self.at] {
            "AND" => TokenKind::Operator(BinaryOperator::And),
            "OR" => TokenKind::Operator(BinaryOperator::Or),
            "TRUE" => TokenKind::True,
            "FALSE" => TokenKind::False,
            "var" => TokenKind::Var,
            "dbrp" => TokenKind::Dbrp,
            // `lambda` alone is an identifier (T-04).
            "lambda" if self.accept(':') => TokenKind::Lambda,
            _ => TokenKind::Ident,
        };
        self.then(kind, State::Operator)
    }

    /// A number or a duration; its first character is read.
    fn number(&mut self, mut decimal: bool) -> State {
        loop {
            match self.peek() {
                Some('.') if decimal => {
                    return self.error("multiple decimals in number");
                }
                Some('.') => {
                    decimal = true;
                    self.next();
                }
                Some(c) if is_digit(c) => {
                    self.next();
                }
                Some(c @ ('u' | '\u{b5}' | 's' | 'm' | 'h' | 'd' | 'w')) if !decimal => {
                    self.next();
                    if c == 'm' {
                        self.accept('s');
                    }
                    return self.then(TokenKind::Duration, State::Operator);
                }
                _ => return self.then(TokenKind::Number, State::Operator),
            }
        }
    }

    /// A field reference; its opening quote is read.
    fn reference(&mut self) -> State {
        loop {
            match self.next() {
                None => return self.error("unterminated field reference"),
                Some('\\') => {
                    self.accept('"');
                }
                Some('"') => return self.then(TokenKind::Reference, State::Operator),
                Some(_) => {}
            }
        }
    }

    /// A string; its first quote is read.
    fn string(&mut self) -> State {
        let rest = &self.source[self.at..];
        if let Some(body) = rest.strip_prefix("''") {
            return match body.find("'''") {
                Some(end) => {
                    self.at += 2 + end + 3;
                    self.then(TokenKind::String, State::Operator)
                }
                None => self.error("unterminated string"),
            };
        }
        loop {
            match self.next() {
                None => return self.error("unterminated string"),
                Some('\\') => {
                    self.accept('\'');
                }
                Some('\'') => return self.then(TokenKind::String, State::Operator),
                Some(_) => {}
            }
        }
    }

    /// A regular expression; its opening slash is read.
    fn regex(&mut self) -> State {
        loop {
            match self.next() {
                None => return self.error("unterminated regex"),
                Some('\\') => {
                    self.accept('/');
                }
                Some('/') => return self.then(TokenKind::Regex, State::Operand),
                Some(_) => {}
            }
        }
    }

    /// A run of comment lines; the first slash is read.
    fn comment(&mut self, state: State) -> State {
        loop {
            let rest = &self.source[self.at..];
            let Some(line_end) = rest.find('\n') else {
                self.at = self.source.len();
                return self.then(TokenKind::Comment, state);
            };
            self.at += line_end + 1;
            // The blanks before the next line belong to the token, as in Kapacitor.
            while self.peek().is_some_and(|c| c != '\n' && is_space(c)) {
                self.next();
            }
            if !self.source[self.at..].starts_with("//") {
                return self.then(TokenKind::Comment, state);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> String {
        let tokens = lex(source);
        let words: Vec<String> = tokens
            .iter()
            .map(|token| format!("{}:{}", token.kind.name(), token.text))
            .collect();
        words.join(" ")
    }

    #[test]
    fn slash_and_star_depend_on_what_stands_before_them() {
        assert_eq!(names("a / b"), "Ident:a Div:/ Ident:b EOF:");
        assert_eq!(names("a =~ /b\\/c/"), "Ident:a RegexEqual:=~ Regex:/b\\/c/ EOF:");
        assert_eq!(
            names("f(/x/, *)"),
            "Ident:f LParen:( Regex:/x/ Comma:, Star:* RParen:) EOF:"
        );
        assert_eq!(names("f() * 2"), "Ident:f LParen:( RParen:) Mult:* Number:2 EOF:");
        assert_eq!(names("5 --3"), "Number:5 Minus:- Minus:- Number:3 EOF:");
    }

    #[test]
    fn numbers_durations_and_words_end_where_kapacitor_ends_them() {
        assert_eq!(names("1h30m"), "Duration:1h Duration:30m EOF:");
        assert_eq!(names("1.5s"), "Number:1.5 Ident:s EOF:");
        assert_eq!(names("10ms 10us"), "Duration:10ms Duration:10u Ident:s EOF:");
        assert_eq!(names("1."), "Number:1. EOF:");
        assert_eq!(
            names("lambda :"),
            "Ident:lambda Error:unknown state, last char: ':'"
        );
        assert_eq!(names("1.2.3"), "Error:multiple decimals in number");
        assert_eq!(names("_a"), "Error:unknown state, last char: '_'");
    }

    #[test]
    fn strings_end_where_kapacitor_ends_them() {
        assert_eq!(names(r"'a\\'' b"), r"String:'a\\'' Ident:b EOF:");
        assert_eq!(names("'' ''''''"), "String:'' String:'''''' EOF:");
        assert_eq!(names("'''a'b''c''' d"), "String:'''a'b''c''' Ident:d EOF:");
        assert_eq!(names("'''''"), "Error:unterminated string");
        assert_eq!(names("'a\\'"), "Error:unterminated string");
        assert_eq!(names("\"a"), "Error:unterminated field reference");
        assert_eq!(names("/a"), "Error:unterminated regex");
    }

    #[test]
    fn comments_run_over_lines_that_start_with_two_slashes() {
        assert_eq!(names("// a\n  // b\nx"), "Comment:// a\n  // b\n Ident:x EOF:");
        assert_eq!(names("// a\n/b/"), "Comment:// a\n Regex:/b/ EOF:");
        assert_eq!(names("// a\n\n// b"), "Comment:// a\n Comment:// b EOF:");
        assert_eq!(
            names("a // c\n + b"),
            "Ident:a Comment:// c\n  Plus:+ Ident:b EOF:"
        );
        assert_eq!(
            names("x = // c\n 5"),
            "Ident:x Asgn:= Comment:// c\n  Number:5 EOF:"
        );
    }
}
