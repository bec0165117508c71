//! From text to tree, with InfluxQL's own error texts.

use capstan_gocompat::{duration, regexp::Regexp};

use super::ast::{Expr, Field, Measurement, Operator, Order, Select, Source};
use super::lexer::{Lexer, Place, Token};
use super::{Fill, MAX_TEXT_BYTES, QueryError};

/// Parentheses, calls and subqueries within each other: guards the stack.
const MAX_DEPTH: usize = 100;
/// Operators in one query, which lean to one side: guards the stack where the tree is walked.
const MAX_OPERATORS: usize = 1_000;

/// What statements begin with.
const STATEMENTS: &[&str] = &[
    "SELECT", "DELETE", "SHOW", "CREATE", "DROP", "EXPLAIN", "GRANT", "REVOKE", "ALTER", "SET", "KILL",
];

type Parsed<T> = Result<T, String>;

/// Reads exactly one `SELECT`.
pub(super) fn parse(text: &str) -> Result<Select, QueryError> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("query is longer than {MAX_TEXT_BYTES} bytes");
        return Err(QueryError::Parse(message));
    }
    let mut parser = Parser {
        lexer: Lexer::new(text),
        depth: 0,
        operators: 0,
    };
    let mut statements = parser.statements().map_err(QueryError::Parse)?;
    match (statements.len(), statements.pop()) {
        (1, Some(Statement::Select(select))) => Ok(*select),
        (1, Some(Statement::Other(text))) => Err(QueryError::NotSelect(text)),
        (count, _) => Err(QueryError::Statements(count)),
    }
}

enum Statement {
    Select(Box<Select>),
    /// Its words.
    Other(String),
}

struct Parser {
    lexer: Lexer,
    depth: usize,
    operators: usize,
}

impl Parser {
    fn at(&self, message: impl std::fmt::Display, at: usize) -> String {
        let Place { line, char } = self.lexer.place(at);
        format!("{message} at line {}, char {}", line + 1, char + 1)
    }

    fn unexpected<T>(&self, token: &Token, at: usize, expected: &[&str]) -> Parsed<T> {
        let message = format!("found {}, expected {}", token.found(), expected.join(", "));
        Err(self.at(message, at))
    }

    /// The next token that is neither space nor comment.
    fn next(&mut self) -> (Token, usize) {
        loop {
            match self.lexer.scan() {
                (Token::Space | Token::Comment, _) => {}
                found => return found,
            }
        }
    }

    /// Takes the next token if it is `wanted`, directly or after spaces.
    fn eat(&mut self, wanted: &Token) -> bool {
        let before = self.lexer.at;
        let found = self.next().0 == *wanted;
        if !found {
            self.lexer.at = before;
        }
        found
    }

    /// Takes the next token if it is `wanted`; spaces are not skipped.
    fn eat_here(&mut self, wanted: &Token) -> bool {
        let before = self.lexer.at;
        let found = self.lexer.scan().0 == *wanted;
        if !found {
            self.lexer.at = before;
        }
        found
    }

    fn eat_keyword(&mut self, word: &'static str) -> bool {
        self.eat(&Token::Keyword(word))
    }

    fn expect(&mut self, wanted: &Token, name: &str) -> Parsed<()> {
        match self.next() {
            (token, _) if token == *wanted => Ok(()),
            (token, at) => self.unexpected(&token, at, &[name]),
        }
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return Err(self.at(format!("nested more than {MAX_DEPTH} levels deep"), self.lexer.at));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn statements(&mut self) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        let mut separated = true;
        loop {
            match self.next() {
                (Token::End, _) => return Ok(statements),
                (Token::Semicolon, _) => separated = true,
                (token, at) if !separated => return self.unexpected(&token, at, &[";"]),
                (Token::Keyword("SELECT"), _) => {
                    statements.push(Statement::Select(Box::new(self.select()?)));
                    separated = false;
                }
                (Token::Keyword(word), _) if STATEMENTS.contains(&word) => {
                    statements.push(Statement::Other(self.other(word)));
                    separated = false;
                }
                (token, at) => return self.unexpected(&token, at, STATEMENTS),
            }
        }
    }

    /// Another statement: it is only named in an error.
    fn other(&mut self, word: &str) -> String {
        let mut words = vec![word.to_owned()];
        loop {
            let before = self.lexer.at;
            match self.next().0 {
                Token::End | Token::Semicolon => {
                    self.lexer.at = before;
                    return words.join(" ");
                }
                Token::Ident(name) => words.push(super::quote_identifier(&name)),
                Token::String(text) => words.push(super::quote_string(&text)),
                token => words.push(token.found()),
            }
        }
    }

    fn select(&mut self) -> Parsed<Select> {
        let fields = self.fields()?;
        let target = self.target()?;
        self.expect(&Token::Keyword("FROM"), "FROM")?;
        let sources = self.sources()?;
        let condition = if self.eat_keyword("WHERE") {
            Some(self.expr()?)
        } else {
            None
        };
        Ok(Select {
            fields,
            target,
            sources,
            condition,
            dimensions: self.dimensions()?,
            fill: self.fill()?,
            order: self.order()?,
            limit: self.count("LIMIT")?,
            offset: self.count("OFFSET")?,
            series_limit: self.count("SLIMIT")?,
            series_offset: self.count("SOFFSET")?,
            zone: self.zone()?,
        })
    }

    fn fields(&mut self) -> Parsed<Vec<Field>> {
        let mut fields = Vec::new();
        loop {
            let expr = if let Some(regex) = self.regex()? {
                Expr::Regex(regex)
            } else {
                self.lexer.skip_space();
                let at = self.lexer.at;
                let expr = self.expr()?;
                if let Some(operator) = condition_in(&expr) {
                    let message = format!("invalid operator {} in SELECT clause", operator.as_str());
                    let message = self.at(message, at);
                    return Err(format!("{message}; operator is intended for WHERE clause"));
                }
                expr
            };
            let alias = if self.eat_keyword("AS") {
                self.ident()?
            } else {
                String::new()
            };
            fields.push(Field { expr, alias });
            if !self.eat(&Token::Comma) {
                return Ok(fields);
            }
        }
    }

    fn ident(&mut self) -> Parsed<String> {
        match self.next() {
            (Token::Ident(name), _) => Ok(name),
            (token, at) => self.unexpected(&token, at, &["identifier"]),
        }
    }

    /// `a.b.c`; the segment after a last dot may be a regular expression or `:MEASUREMENT`, left to the caller.
    fn segments(&mut self) -> Parsed<Vec<String>> {
        let mut segments = vec![self.ident()?];
        while self.eat_here(&Token::Dot) {
            match self.lexer.peek() {
                Some('/' | ':') => break,
                Some('.') => segments.push(String::new()),
                _ => segments.push(self.ident()?),
            }
        }
        if segments.len() > 3 {
            let quoted: Vec<String> = segments.iter().map(|s| super::quote_identifier(s)).collect();
            return Err(self.at(format!("too many segments in {}", quoted.join(".")), 0));
        }
        Ok(segments)
    }

    fn target(&mut self) -> Parsed<Option<Measurement>> {
        if !self.eat_keyword("INTO") {
            return Ok(None);
        }
        let mut segments = self.segments()?;
        if segments.len() < 3 && self.lexer.peek() == Some(':') {
            self.expect(&Token::Colon, ":")?;
            self.expect(&Token::Keyword("MEASUREMENT"), "MEASUREMENT")?;
            segments.push(String::new());
        }
        Ok(Some(measurement(segments, None)))
    }

    fn sources(&mut self) -> Parsed<Vec<Source>> {
        let mut sources = Vec::new();
        loop {
            sources.push(self.source()?);
            if !self.eat(&Token::Comma) {
                return Ok(sources);
            }
        }
    }

    fn source(&mut self) -> Parsed<Source> {
        if let Some(regex) = self.regex()? {
            return Ok(Source::Measurement(measurement(Vec::new(), Some(regex))));
        }
        if self.eat(&Token::Left) {
            self.expect(&Token::Keyword("SELECT"), "SELECT")?;
            let select = self.nested(Self::select)?;
            self.expect(&Token::Right, ")")?;
            return Ok(Source::Subquery(Box::new(select)));
        }
        let segments = self.segments()?;
        let regex = if segments.len() < 3 { self.regex()? } else { None };
        Ok(Source::Measurement(measurement(segments, regex)))
    }

    fn dimensions(&mut self) -> Parsed<Vec<Expr>> {
        if !self.eat_keyword("GROUP") {
            return Ok(Vec::new());
        }
        self.expect(&Token::Keyword("BY"), "BY")?;
        let mut dimensions = Vec::new();
        loop {
            dimensions.push(match self.regex()? {
                Some(regex) => Expr::Regex(regex),
                None => self.expr()?,
            });
            if !self.eat(&Token::Comma) {
                return Ok(dimensions);
            }
        }
    }

    /// Whether a call of this function comes next.
    fn comes(&mut self, function: &str) -> bool {
        let before = self.lexer.at;
        let found = matches!(self.next().0, Token::Ident(name) if name.eq_ignore_ascii_case(function));
        self.lexer.at = before;
        found
    }

    fn fill(&mut self) -> Parsed<Fill> {
        if !self.comes("fill") {
            return Ok(Fill::Null);
        }
        let Expr::Call { args, .. } = self.expr()? else {
            return Err("fill must be a function call".to_owned());
        };
        let [arg] = &*args else {
            return Err("fill requires an argument, e.g.: 0, null, none, previous, linear".to_owned());
        };
        match (&*arg.to_string(), arg) {
            ("null", _) => Ok(Fill::Null),
            ("none", _) => Ok(Fill::None),
            ("previous", _) => Ok(Fill::Previous),
            ("linear", _) => Ok(Fill::Linear),
            (_, Expr::Int(value)) => Ok(Fill::Int(*value)),
            (_, Expr::Float(value)) => Ok(Fill::Float(*value)),
            _ => Err("expected number argument in fill()".to_owned()),
        }
    }

    fn order(&mut self) -> Parsed<Option<Order>> {
        const ONLY_TIME: &str = "only ORDER BY time supported at this time";
        if !self.eat_keyword("ORDER") {
            return Ok(None);
        }
        self.expect(&Token::Keyword("BY"), "BY")?;
        let (name, ascending) = match self.next() {
            (Token::Keyword(word @ ("ASC" | "DESC")), _) => (String::new(), word == "ASC"),
            (Token::Ident(name), _) => {
                let ascending = self.eat_keyword("ASC") || !self.eat_keyword("DESC");
                if name != "time" {
                    return Err(ONLY_TIME.to_owned());
                }
                (name, ascending)
            }
            (token, at) => return self.unexpected(&token, at, &["identifier", "ASC", "DESC"]),
        };
        if self.eat(&Token::Comma) {
            self.ident()?;
            return Err(ONLY_TIME.to_owned());
        }
        Ok(Some(Order { name, ascending }))
    }

    fn count(&mut self, word: &'static str) -> Parsed<i64> {
        if !self.eat_keyword(word) {
            return Ok(0);
        }
        match self.next() {
            // Too large a number is the largest, as upstream's parser leaves it.
            (Token::Integer(digits), _) => Ok(digits.parse().unwrap_or(i64::MAX)),
            (token, at) => self.unexpected(&token, at, &["integer"]),
        }
    }

    fn zone(&mut self) -> Parsed<Option<String>> {
        if !self.comes("tz") {
            return Ok(None);
        }
        let Expr::Call { args, .. } = self.expr()? else {
            return Err("tz must be a function call".to_owned());
        };
        match &*args {
            [Expr::String(name)] => Ok(Some(name.clone())),
            [_] => Err("expected string argument in tz()".to_owned()),
            _ => Err("tz requires exactly one argument".to_owned()),
        }
    }

    /// A regular expression if a slash comes next.
    fn regex(&mut self) -> Parsed<Option<String>> {
        let before = self.lexer.at;
        self.lexer.skip_space();
        if self.lexer.peek() != Some('/') {
            self.lexer.at = before;
            return Ok(None);
        }
        let at = self.lexer.at.saturating_sub(1);
        let Some(pattern) = self.lexer.regex() else {
            return Err(self.at("bad regex: ", at));
        };
        match Regexp::new(&pattern) {
            Ok(_) => Ok(Some(pattern)),
            Err(error) => Err(self.at(error, at)),
        }
    }

    fn expr(&mut self) -> Parsed<Expr> {
        self.nested(Self::operations)
    }

    fn operations(&mut self) -> Parsed<Expr> {
        let mut root = self.operand()?;
        loop {
            let before = self.lexer.at;
            let (Token::Operator(operator), _) = self.next() else {
                self.lexer.at = before;
                return Ok(root);
            };
            self.operators += 1;
            if self.operators > MAX_OPERATORS {
                return Err(self.at(format!("more than {MAX_OPERATORS} operators"), before));
            }
            let right = if matches!(operator, Operator::Matches | Operator::NotMatches) {
                let Some(regex) = self.regex()? else {
                    let (token, at) = self.next();
                    return self.unexpected(&token, at, &["regex"]);
                };
                Expr::Regex(regex)
            } else {
                self.operand()?
            };
            insert(&mut root, operator, right);
        }
    }

    fn operand(&mut self) -> Parsed<Expr> {
        let before = self.lexer.at;
        let (token, at) = self.next();
        Ok(match token {
            Token::Left => {
                let inner = self.expr()?;
                self.expect(&Token::Right, ")")?;
                Expr::Paren(Box::new(inner))
            }
            Token::Ident(name) => {
                if self.eat_here(&Token::Left) {
                    return self.call(&name);
                }
                self.lexer.at = before;
                self.reference()?
            }
            Token::Keyword("DISTINCT") => match self.lexer.scan() {
                (Token::Left, _) => return self.call("distinct"),
                (Token::Space, _) => Expr::Distinct(self.ident()?),
                (token, at) => return self.unexpected(&token, at, &["(", "identifier"]),
            },
            Token::String(text) => Expr::String(text),
            Token::Number(text) => match text.parse() {
                Ok(value) => Expr::Float(value),
                Err(_) => return Err(self.at("unable to parse number", at)),
            },
            Token::Integer(text) => match (text.parse(), text.parse()) {
                (Ok(value), _) => Expr::Int(value),
                (_, Ok(value)) => Expr::Unsigned(value),
                _ => return Err(self.at("unable to parse integer", at)),
            },
            Token::True => Expr::Bool(true),
            Token::False => Expr::Bool(false),
            Token::Duration(text) => {
                let nanos = duration::parse_influx(&text).map_err(|_| "invalid duration".to_owned())?;
                Expr::Duration(nanos)
            }
            Token::Operator(Operator::Multiply) => {
                if !self.eat_here(&Token::DoubleColon) {
                    return Ok(Expr::Wildcard(None));
                }
                match self.lexer.scan() {
                    (Token::Keyword("FIELD"), _) => Expr::Wildcard(Some("field")),
                    (Token::Keyword("TAG"), _) => Expr::Wildcard(Some("tag")),
                    (token, at) => return self.unexpected(&token, at, &["field", "tag"]),
                }
            }
            Token::Parameter(name) => {
                return Err(match name.strip_prefix('$') {
                    Some("") | None => "empty bound parameter".to_owned(),
                    Some(name) => format!("missing parameter: {name}"),
                });
            }
            Token::Operator(sign @ (Operator::Add | Operator::Subtract)) => {
                return self.signed(sign == Operator::Subtract);
            }
            token => return self.unexpected(&token, at, &["identifier", "string", "number", "bool"]),
        })
    }

    /// What follows a sign.
    fn signed(&mut self, negative: bool) -> Parsed<Expr> {
        let before = self.lexer.at;
        let (token, at) = self.next();
        if !matches!(
            token,
            Token::Number(_) | Token::Integer(_) | Token::Duration(_) | Token::Left | Token::Ident(_)
        ) {
            return self.unexpected(&token, at, &["identifier", "number", "duration", "("]);
        }
        self.lexer.at = before;
        Ok(match self.operand()? {
            Expr::Float(value) if negative => Expr::Float(-value),
            Expr::Int(value) if negative => Expr::Int(-value),
            Expr::Duration(value) if negative => Expr::Duration(-value),
            Expr::Unsigned(value) if negative && value == 1 << 63 => Expr::Int(i64::MIN),
            Expr::Unsigned(value) if negative => {
                return Err(format!("constant -{value} underflows int64"));
            }
            operand @ (Expr::Reference { .. } | Expr::Call { .. } | Expr::Paren(_)) => {
                let factor = Expr::Int(if negative { -1 } else { 1 });
                Expr::binary(factor, Operator::Multiply, operand)
            }
            literal => literal,
        })
    }

    fn reference(&mut self) -> Parsed<Expr> {
        const KINDS: [&str; 5] = ["float", "integer", "unsigned", "string", "boolean"];
        let name = self.segments()?.join(".");
        let mut kind = None;
        if self.eat_here(&Token::DoubleColon) {
            kind = Some(match self.lexer.scan() {
                (Token::Keyword("FIELD"), _) => "field",
                (Token::Keyword("TAG"), _) => "tag",
                (Token::Ident(word), at) => {
                    let Some(known) = KINDS.iter().find(|known| known.eq_ignore_ascii_case(&word)) else {
                        let wanted = [
                            "float", "integer", "unsigned", "string", "boolean", "field", "tag",
                        ];
                        return self.unexpected(&Token::Ident(word), at, &wanted);
                    };
                    known
                }
                (token, at) => {
                    let wanted = ["float", "integer", "string", "boolean", "field", "tag"];
                    return self.unexpected(&token, at, &wanted);
                }
            });
        }
        Ok(Expr::Reference { name, kind })
    }

    /// The arguments of a call, after its parenthesis.
    fn call(&mut self, name: &str) -> Parsed<Expr> {
        let name = name.to_ascii_lowercase();
        let mut args = Vec::new();
        if self.eat_here(&Token::Right) {
            return Ok(Expr::Call { name, args });
        }
        loop {
            args.push(match self.regex()? {
                Some(regex) => Expr::Regex(regex),
                None => self.expr()?,
            });
            if !self.eat(&Token::Comma) {
                break;
            }
        }
        self.expect(&Token::Right, ")")?;
        Ok(Expr::Call { name, args })
    }
}

/// Names by how many there are.
fn measurement(mut segments: Vec<String>, regex: Option<String>) -> Measurement {
    if regex.is_some() {
        segments.push(String::new());
    }
    let mut last = segments.into_iter().rev();
    Measurement {
        name: last.next().unwrap_or_default(),
        policy: last.next().unwrap_or_default(),
        database: last.next().unwrap_or_default(),
        regex,
    }
}

/// Puts an operation where its precedence wants it: down the right side as long as operators there bind less.
fn insert(root: &mut Expr, operator: Operator, right: Expr) {
    match root {
        Expr::Binary(binary) if binary.operator.precedence() < operator.precedence() => {
            insert(&mut binary.right, operator, right);
        }
        _ => {
            let left = std::mem::replace(root, Expr::Bool(false));
            *root = Expr::binary(left, operator, right);
        }
    }
}

/// The first operator of a comparison or of logic in an expression.
fn condition_in(expr: &Expr) -> Option<Operator> {
    match expr {
        Expr::Binary(binary) if binary.operator.is_condition() => Some(binary.operator),
        Expr::Binary(binary) => condition_in(&binary.left).or_else(|| condition_in(&binary.right)),
        Expr::Paren(inner) => condition_in(inner),
        Expr::Call { args, .. } => args.iter().find_map(condition_in),
        _ => None,
    }
}
