//! Splits a template text into items, with Go's line counting and messages.

use std::fmt;

use crate::strconv;
use crate::unicode::{is_digit, is_letter, is_print};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Kind {
    fn is_keyword(self) -> bool {
        matches!(
            self,
            Self::Block
                | Self::Break
                | Self::Continue
                | Self::Dot
                | Self::Define
                | Self::Else
                | Self::End
                | Self::If
                | Self::Nil
                | Self::Range
                | Self::Template
                | Self::With
        )
    }
}

fn keyword(word: &str) -> Option<Kind> {
    Some(match word {
        "block" => Kind::Block,
        "break" => Kind::Break,
        "continue" => Kind::Continue,
        "define" => Kind::Define,
        "else" => Kind::Else,
        "end" => Kind::End,
        "if" => Kind::If,
        "range" => Kind::Range,
        "nil" => Kind::Nil,
        "template" => Kind::Template,
        "with" => Kind::With,
        _ => return None,
    })
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) position: usize,
    pub(super) text: String,
    pub(super) line: usize,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Eof => f.write_str("EOF"),
            Kind::Error => f.write_str(&self.text),
            kind if kind.is_keyword() => write!(f, "<{}>", self.text),
            // Go measures bytes and cuts characters.
            _ if self.text.len() > 10 => {
                let cut: String = self.text.chars().take(10).collect();
                write!(f, "{}...", strconv::quote(&cut))
            }
            _ => f.write_str(&strconv::quote(&self.text)),
        }
    }
}

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_space(c: char) -> bool {
    SPACES.contains(&c)
}

fn is_word(c: char) -> bool {
    c == '_' || is_letter(c) || is_digit(c)
}

fn has_left_trim(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('-') && chars.next().is_some_and(is_space)
}

fn has_right_trim(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_space) && chars.next() == Some('-')
}

/// What to scan next.
enum State {
    Text,
    LeftDelim,
    RightDelim,
    Inside,
    Done,
}

struct Lexer<'a> {
    input: &'a str,
    at: usize,
    start: usize,
    line: usize,
    start_line: usize,
    parens: i64,
    break_is_keyword: bool,
    continue_is_keyword: bool,
    items: Vec<Item>,
}

/// All items of a text; the last one is an end or an error.
pub(super) fn lex(input: &str, break_is_keyword: bool, continue_is_keyword: bool) -> Vec<Item> {
    let mut lexer = Lexer {
        input,
        at: 0,
        start: 0,
        line: 1,
        start_line: 1,
        parens: 0,
        break_is_keyword,
        continue_is_keyword,
        items: Vec::new(),
    };
    let mut state = State::Text;
    loop {
        state = match state {
            State::Text => lexer.text(),
            State::LeftDelim => lexer.left_delim(),
            State::RightDelim => lexer.right_delim(),
            State::Inside => lexer.inside(),
            State::Done => break,
        };
    }
    lexer.items
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.input.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn accept(&mut self, valid: &str) -> bool {
        let found = self.peek().is_some_and(|c| valid.contains(c));
        if found {
            self.next();
        }
        found
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    fn pending(&self) -> &str {
        self.input.get(self.start..self.at).unwrap_or("")
    }

    fn count_lines(&mut self) {
        self.line += self.pending().bytes().filter(|byte| *byte == b'\n').count();
    }

    fn emit(&mut self, kind: Kind) {
        self.items.push(Item {
            kind,
            position: self.start,
            text: self.pending().to_owned(),
            line: self.start_line,
        });
        self.start = self.at;
        self.start_line = self.line;
    }

    fn ignore(&mut self) {
        self.count_lines();
        self.start = self.at;
        self.start_line = self.line;
    }

    fn error(&mut self, message: impl Into<String>) -> State {
        self.items.push(Item {
            kind: Kind::Error,
            position: self.start,
            text: message.into(),
            line: self.start_line,
        });
        State::Done
    }

    fn text(&mut self) -> State {
        let Some(found) = self.rest().find(LEFT) else {
            self.at = self.input.len();
            if self.at > self.start {
                self.count_lines();
                self.emit(Kind::Text);
            }
            self.emit(Kind::Eof);
            return State::Done;
        };
        self.at += found;
        let trim = if has_left_trim(&self.input[self.at + LEFT.len()..]) {
            let text = self.pending();
            text.len() - text.trim_end_matches(SPACES).len()
        } else {
            0
        };
        self.at -= trim;
        if self.at > self.start {
            self.count_lines();
            self.emit(Kind::Text);
        }
        self.at += trim;
        self.ignore();
        State::LeftDelim
    }

    fn left_delim(&mut self) -> State {
        self.at += LEFT.len();
        let marker = if has_left_trim(self.rest()) { 2 } else { 0 };
        if self.input[self.at + marker..].starts_with("/*") {
            self.at += marker;
            self.ignore();
            return self.comment();
        }
        self.emit(Kind::LeftDelim);
        self.at += marker;
        self.ignore();
        self.parens = 0;
        State::Inside
    }

    /// Whether the right delimiter is here, and whether it trims.
    fn at_right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_trim(rest) && rest[2..].starts_with(RIGHT) {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn comment(&mut self) -> State {
        self.at += 2;
        let Some(end) = self.rest().find("*/") else {
            return self.error("unclosed comment");
        };
        self.at += end + 2;
        let Some(trims) = self.at_right_delim() else {
            return self.error("comment ends before closing delimiter");
        };
        self.at += RIGHT.len() + if trims { 2 } else { 0 };
        if trims {
            self.skip_spaces();
        }
        self.ignore();
        State::Text
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(SPACES).len();
    }

    fn right_delim(&mut self) -> State {
        let trims = has_right_trim(self.rest());
        if trims {
            self.at += 2;
            self.ignore();
        }
        self.at += RIGHT.len();
        self.emit(Kind::RightDelim);
        if trims {
            self.skip_spaces();
            self.ignore();
        }
        State::Text
    }

    fn inside(&mut self) -> State {
        if self.at_right_delim().is_some() {
            if self.parens == 0 {
                return State::RightDelim;
            }
            return self.error("unclosed left paren");
        }
        let Some(c) = self.peek() else {
            return self.error("unclosed action");
        };
        if is_space(c) {
            return self.space();
        }
        let digit_follows = || self.rest()[1..].starts_with(|c: char| c.is_ascii_digit());
        match c {
            '+' | '-' | '0'..='9' => return self.number(),
            '.' if self.at + 1 >= self.input.len() || digit_follows() => return self.number(),
            c if is_word(c) => return self.identifier(),
            _ => {}
        }
        self.next();
        match c {
            '=' => self.emit(Kind::Assign),
            ':' => {
                if self.next() != Some('=') {
                    return self.error("expected :=");
                }
                self.emit(Kind::Declare);
            }
            '|' => self.emit(Kind::Pipe),
            '"' => return self.quoted('"', Kind::String, "unterminated quoted string"),
            '\'' => return self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => loop {
                match self.next() {
                    None => return self.error("unterminated raw quoted string"),
                    Some('`') => {
                        self.emit(Kind::RawString);
                        break;
                    }
                    Some(_) => {}
                }
            },
            '$' => return self.field_or_variable(Kind::Variable),
            '.' => return self.field_or_variable(Kind::Field),
            '(' => {
                self.emit(Kind::LeftParen);
                self.parens += 1;
            }
            ')' => {
                self.emit(Kind::RightParen);
                self.parens -= 1;
                if self.parens < 0 {
                    return self.error("unexpected right paren U+0029 ')'");
                }
            }
            ' '..='~' => self.emit(Kind::Char),
            c => return self.error(format!("unrecognized character in action: {}", code_point(c))),
        }
        State::Inside
    }

    fn space(&mut self) -> State {
        let mut count = 0;
        let mut last = 0;
        while let Some(c) = self.peek().filter(|c| is_space(*c)) {
            last = c.len_utf8();
            self.next();
            count += 1;
        }
        // The last space may belong to a trimming right delimiter.
        let before = &self.input[self.at - last..];
        if has_right_trim(before) && before[2..].starts_with(RIGHT) {
            self.at -= last;
            if before.starts_with('\n') {
                self.line -= 1;
            }
            if count == 1 {
                return State::RightDelim;
            }
        }
        self.emit(Kind::Space);
        State::Inside
    }

    fn identifier(&mut self) -> State {
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        if !self.at_terminator() {
            return self.bad_character();
        }
        let word = self.pending();
        let kind = match (keyword(word), word) {
            (Some(Kind::Break), _) if !self.break_is_keyword => Kind::Identifier,
            (Some(Kind::Continue), _) if !self.continue_is_keyword => Kind::Identifier,
            (Some(kind), _) => kind,
            (None, "true" | "false") => Kind::Bool,
            (None, _) => Kind::Identifier,
        };
        self.emit(kind);
        State::Inside
    }

    fn field_or_variable(&mut self, kind: Kind) -> State {
        if self.at_terminator() {
            self.emit(if kind == Kind::Variable { kind } else { Kind::Dot });
            return State::Inside;
        }
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.emit(kind);
        State::Inside
    }

    fn bad_character(&mut self) -> State {
        let message = match self.peek() {
            Some(c) => format!("bad character {}", code_point(c)),
            None => "bad character U+FFFFFFFFFFFFFFFF".to_owned(),
        };
        self.error(message)
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(c) => is_space(c) || self.rest().starts_with(RIGHT),
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, message: &str) -> State {
        loop {
            match self.next() {
                Some('\\') => {
                    if matches!(self.next(), None | Some('\n')) {
                        return self.error(message);
                    }
                }
                None | Some('\n') => return self.error(message),
                Some(c) if c == quote => break,
                Some(_) => {}
            }
        }
        self.emit(kind);
        State::Inside
    }

    fn number(&mut self) -> State {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            // A complex number must end in i.
            if !self.scan_number() || !self.pending().ends_with('i') {
                return self.bad_number();
            }
            self.emit(Kind::Complex);
        } else {
            self.emit(Kind::Number);
        }
        State::Inside
    }

    fn bad_number(&mut self) -> State {
        let message = format!("bad number syntax: {}", strconv::quote(self.pending()));
        self.error(message)
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_word) {
            self.next();
            return false;
        }
        true
    }
}

/// `%#U`.
fn code_point(c: char) -> String {
    let code = u32::from(c);
    if is_print(c) {
        format!("U+{code:04X} '{c}'")
    } else {
        format!("U+{code:04X}")
    }
}
