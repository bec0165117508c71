//! Tokens of InfluxQL. They are read on demand, because a slash begins a regular expression in some places only.

use super::ast::Operator;

/// Words that are no identifiers unless quoted.
const KEYWORDS: &[&str] = &[
    "ALL",
    "ALTER",
    "ANALYZE",
    "ANY",
    "AS",
    "ASC",
    "BEGIN",
    "BY",
    "CARDINALITY",
    "CREATE",
    "CONTINUOUS",
    "DATABASE",
    "DATABASES",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DESTINATIONS",
    "DIAGNOSTICS",
    "DISTINCT",
    "DROP",
    "DURATION",
    "END",
    "EVERY",
    "EXACT",
    "EXPLAIN",
    "FIELD",
    "FOR",
    "FROM",
    "FUTURE",
    "GRANT",
    "GRANTS",
    "GROUP",
    "GROUPS",
    "IN",
    "INF",
    "INSERT",
    "INTO",
    "KEY",
    "KEYS",
    "KILL",
    "LIMIT",
    "MEASUREMENT",
    "MEASUREMENTS",
    "NAME",
    "OFFSET",
    "ON",
    "ORDER",
    "PASSWORD",
    "PAST",
    "POLICY",
    "POLICIES",
    "PRIVILEGES",
    "QUERIES",
    "QUERY",
    "READ",
    "REPLICATION",
    "RESAMPLE",
    "RETENTION",
    "REVOKE",
    "SELECT",
    "SERIES",
    "SET",
    "SHOW",
    "SHARD",
    "SHARDS",
    "SLIMIT",
    "SOFFSET",
    "STATS",
    "SUBSCRIPTION",
    "SUBSCRIPTIONS",
    "TAG",
    "TO",
    "USER",
    "USERS",
    "VALUES",
    "VERBOSE",
    "WHERE",
    "WITH",
    "WRITE",
];

/// The keyword that a word is, in capitals.
pub(super) fn keyword(word: &str) -> Option<&'static str> {
    KEYWORDS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(word))
        .copied()
}

/// Whether an identifier would be read as something else without quotes.
pub(super) fn is_reserved(word: &str) -> bool {
    keyword(word).is_some()
        || ["and", "or", "true", "false"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(word))
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    End,
    Space,
    Comment,
    Ident(String),
    Parameter(String),
    Number(String),
    Integer(String),
    Duration(String),
    String(String),
    BadString(String),
    BadEscape(String),
    True,
    False,
    Operator(Operator),
    Left,
    Right,
    Comma,
    Colon,
    DoubleColon,
    Semicolon,
    Dot,
    Keyword(&'static str),
    Illegal(String),
}

impl Token {
    /// As error texts name it.
    pub(super) fn found(&self) -> String {
        let named = |name: &str, text: &str| if text.is_empty() { name } else { text }.to_owned();
        match self {
            Self::End => "EOF".to_owned(),
            Self::Space => "WS".to_owned(),
            Self::Comment => String::new(),
            Self::Ident(text) => named("IDENT", text),
            Self::Parameter(text) => text.clone(),
            Self::Number(text) => named("NUMBER", text),
            Self::Integer(text) => text.clone(),
            Self::Duration(text) => named("DURATIONVAL", text),
            Self::String(text) => named("STRING", text),
            Self::BadString(text) => named("BADSTRING", text),
            Self::BadEscape(text) => named("BADESCAPE", text),
            Self::True => "TRUE".to_owned(),
            Self::False => "FALSE".to_owned(),
            Self::Operator(operator) => operator.as_str().to_owned(),
            Self::Left => "(".to_owned(),
            Self::Right => ")".to_owned(),
            Self::Comma => ",".to_owned(),
            Self::Colon => ":".to_owned(),
            Self::DoubleColon => "::".to_owned(),
            Self::Semicolon => ";".to_owned(),
            Self::Dot => ".".to_owned(),
            Self::Keyword(word) => (*word).to_owned(),
            Self::Illegal(text) => named("ILLEGAL", text),
        }
    }
}

/// Line and character, both from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) char: usize,
}

/// Reads tokens; it can be put back to any earlier place.
#[derive(Debug)]
pub(super) struct Lexer {
    chars: Vec<char>,
    pub(super) at: usize,
}

fn is_ident(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n')
}

impl Lexer {
    pub(super) fn new(text: &str) -> Self {
        // As upstream's reader: every kind of line end is one character.
        let chars = text.replace("\r\n", "\n").replace('\r', "\n").chars().collect();
        Self { chars, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn peek_after(&self) -> Option<char> {
        self.chars.get(self.at + 1).copied()
    }

    pub(super) fn place(&self, at: usize) -> Place {
        let before = &self.chars[..at.min(self.chars.len())];
        let line = before.iter().filter(|c| **c == '\n').count();
        let char = before.iter().rev().take_while(|c| **c != '\n').count();
        Place { line, char }
    }

    /// The text between two places.
    pub(super) fn between(&self, from: usize, to: usize) -> String {
        self.chars[from..to].iter().collect()
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> String {
        let from = self.at;
        while self.peek().is_some_and(&keep) {
            self.at += 1;
        }
        self.between(from, self.at)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(is_space);
    }

    /// The next token and where it begins; whitespace and comments are tokens.
    pub(super) fn scan(&mut self) -> (Token, usize) {
        let begin = self.at;
        let Some(c) = self.peek() else {
            return (Token::End, begin);
        };
        let token = if is_space(c) {
            self.skip_space();
            Token::Space
        } else if c.is_ascii_alphabetic() || c == '_' {
            let word = self.take_while(is_ident);
            word_token(word)
        } else if c.is_ascii_digit() || (c == '.' && self.peek_after().is_some_and(|c| c.is_ascii_digit())) {
            self.number()
        } else {
            self.at += 1;
            self.symbol(c)
        };
        (token, begin)
    }

    fn symbol(&mut self, c: char) -> Token {
        use Operator as O;
        let operator = Token::Operator;
        match c {
            '"' => match self.quoted('"') {
                Token::String(text) => Token::Ident(text),
                other => other,
            },
            '\'' => self.quoted('\''),
            '.' => Token::Dot,
            '$' => {
                if self.eat('"') {
                    return match self.quoted('"') {
                        Token::String(text) => Token::Parameter(format!("${text}")),
                        other => other,
                    };
                }
                let name = self.take_while(is_ident);
                Token::Parameter(format!("${name}"))
            }
            '+' => operator(O::Add),
            '-' if self.eat('-') => {
                self.take_while(|c| c != '\n');
                self.eat('\n');
                Token::Comment
            }
            '-' => operator(O::Subtract),
            '*' => operator(O::Multiply),
            '/' if self.eat('*') => loop {
                self.take_while(|c| c != '*');
                match self.peek() {
                    None => return Token::Illegal(String::new()),
                    Some(_) => self.at += 1,
                }
                if self.eat('/') {
                    return Token::Comment;
                }
            },
            '/' => operator(O::Divide),
            '%' => operator(O::Modulo),
            '&' => operator(O::BitAnd),
            '|' => operator(O::BitOr),
            '^' => operator(O::BitXor),
            '=' if self.eat('~') => operator(O::Matches),
            '=' => operator(O::Equal),
            '!' if self.eat('=') => operator(O::NotEqual),
            '!' if self.eat('~') => operator(O::NotMatches),
            '>' if self.eat('=') => operator(O::GreaterEqual),
            '>' => operator(O::Greater),
            '<' if self.eat('=') => operator(O::LessEqual),
            '<' if self.eat('>') => operator(O::NotEqual),
            '<' => operator(O::Less),
            '(' => Token::Left,
            ')' => Token::Right,
            ',' => Token::Comma,
            ';' => Token::Semicolon,
            ':' if self.eat(':') => Token::DoubleColon,
            ':' => Token::Colon,
            other => Token::Illegal(other.to_string()),
        }
    }

    /// The rest of a quoted text.
    fn quoted(&mut self, end: char) -> Token {
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                _ if c == end => return Token::String(text),
                '\n' => return Token::BadString(text),
                '\\' => {
                    let escaped = self.peek();
                    self.at += usize::from(escaped.is_some());
                    match escaped {
                        Some('n') => text.push('\n'),
                        Some(c @ ('\\' | '"' | '\'')) => text.push(c),
                        other => {
                            return Token::BadEscape(['\\'].into_iter().chain(other).collect());
                        }
                    }
                }
                c => text.push(c),
            }
        }
        Token::BadString(text)
    }

    /// A regular expression, after its first slash was seen; `None` when it does not end.
    pub(super) fn regex(&mut self) -> Option<String> {
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '/' => return Some(text),
                '\n' => return None,
                '\\' if self.eat('/') => text.push('/'),
                c => text.push(c),
            }
        }
        None
    }

    fn number(&mut self) -> Token {
        let digit = |c: char| c.is_ascii_digit();
        let mut text = self.take_while(digit);
        if self.eat('.') {
            if self.peek().is_some_and(digit) {
                text.push('.');
                text.push_str(&self.take_while(digit));
            }
            return Token::Number(text);
        }
        let unit = |c: char| c.is_ascii_alphabetic() || c == 'µ';
        if self.peek().is_some_and(unit) {
            text.push_str(&self.take_while(|c| unit(c) || digit(c)));
            return Token::Duration(text);
        }
        Token::Integer(text)
    }
}

fn word_token(word: String) -> Token {
    if let Some(keyword) = keyword(&word) {
        return Token::Keyword(keyword);
    }
    match &*word.to_ascii_lowercase() {
        "and" => Token::Operator(Operator::And),
        "or" => Token::Operator(Operator::Or),
        "true" => Token::True,
        "false" => Token::False,
        _ => Token::Ident(word),
    }
}
