//! Tokens to tree (T-30 … T-47), by recursive descent.
//!
//! The grammar and the positions are Kapacitor's. Comments are not: it drops some (before a closing bracket, before a unary
//! operator, inside parentheses); here a comment that its own token has no place for moves on to the next element.

mod expression;
mod hints;
mod literal;

use capstan_gocompat::strconv::quote;

use crate::ast::{Comment, Kind, Node, Position};
use crate::comment;
use crate::diagnostic::Diagnostic;
use crate::error::SyntaxError;
use crate::lexer::lex;
use crate::source::Lines;
use crate::token::{Token, TokenKind};

/// How deep brackets, calls and unary operators may nest.
pub const MAX_NESTING: usize = 200;
/// How high the tree may grow: the longest chain of calls or of operators. Whoever walks a tree may recurse.
pub const MAX_HEIGHT: usize = 1_000;

/// Parses a script; the result is a [`Kind::Program`].
pub fn parse(source: &str) -> Result<Node, SyntaxError> {
    Parser::new(source).program()
}

/// Parses what follows `lambda:`; the result is a [`Kind::Lambda`].
pub fn parse_lambda(source: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser::new(source);
    let body = parser.primary_expression()?;
    let eof = parser.expect(TokenKind::Eof)?;
    let mut lambda = Node::new(parser.position(0), Kind::Lambda(Box::new(body.node)));
    lambda.comment = parser.claim(eof);
    Ok(lambda)
}

/// Most errors that [`errors`] reports.
const MAX_ERRORS: usize = 20;

/// All errors of a script that can be told apart (T-71), the one of [`parse`] first; none if it parses. Behind an error, reading
/// goes on at the next line that begins a statement in its first column; behind an error of the lexer it does not.
pub fn errors(source: &str) -> Vec<SyntaxError> {
    let mut parser = Parser::new(source);
    let mut found = Vec::new();
    while parser.peek() != TokenKind::Eof && found.len() < MAX_ERRORS {
        if let Err(error) = parser.statement() {
            found.push(error);
            if !parser.skip_to_statement() {
                break;
            }
        }
    }
    found
}

/// A node and the height of its tree.
struct Tree {
    node: Node,
    height: usize,
}

struct Parser<'s> {
    source: &'s str,
    lines: Lines,
    /// Without comments; the last is the end or an error.
    tokens: Vec<Token<'s>>,
    /// The comment above each token, until someone claims it.
    comments: Vec<Option<Box<Comment>>>,
    /// The token to read next.
    at: usize,
    /// Comments before this token are claimed.
    claimed: usize,
    nesting: usize,
}

impl<'s> Parser<'s> {
    fn new(source: &'s str) -> Self {
        let lines = Lines::new(source);
        let (mut tokens, mut comments) = (Vec::new(), Vec::new());
        let mut above: Vec<Token<'s>> = Vec::new();
        for token in lex(source) {
            if token.kind == TokenKind::Comment {
                above.push(token);
                continue;
            }
            comments.push(above.first().map(|first| {
                let texts = above.iter().map(|comment| &*comment.text);
                Box::new(comment::from_tokens(lines.position(first.start), texts))
            }));
            above.clear();
            tokens.push(token);
        }
        Self {
            source,
            lines,
            tokens,
            comments,
            at: 0,
            claimed: 0,
            nesting: 0,
        }
    }

    fn program(&mut self) -> Result<Node, SyntaxError> {
        let mut statements = Vec::new();
        while self.peek() != TokenKind::Eof {
            statements.push(self.statement()?.node);
        }
        let eof = self.next();
        if let Some(rest) = self.claim(eof) {
            statements.push(Node::new(rest.position, Kind::Comment(*rest)));
        }
        Ok(Node::new(self.position(0), Kind::Program(statements)))
    }

    /// Moves on to the next token that begins a statement in the first column; says whether there is one.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            let before = self.at;
            self.next();
            if self.at == before {
                return false;
            }
            let begins = matches!(self.peek(), TokenKind::Var | TokenKind::Dbrp | TokenKind::Ident);
            if begins && self.position(self.tokens[self.at].start).char == 1 {
                return true;
            }
        }
    }

    fn statement(&mut self) -> Result<Tree, SyntaxError> {
        match self.peek() {
            TokenKind::Var => self.declaration(),
            TokenKind::Dbrp => self.dbrp(),
            _ => self.expression(),
        }
    }

    fn dbrp(&mut self) -> Result<Tree, SyntaxError> {
        let keyword = self.expect(TokenKind::Dbrp)?;
        let mut above = self.claim(keyword);
        let mut database = self.reference()?.node;
        self.expect(TokenKind::Dot)?;
        let mut retention_policy = self.reference()?.node;
        // Only the statement prints a comment.
        above = comment::join(above, database.comment.take());
        above = comment::join(above, retention_policy.comment.take());
        let kind = Kind::Dbrp {
            database: Box::new(database),
            retention_policy: Box::new(retention_policy),
        };
        self.tree(keyword, kind, above, 1)
    }

    fn declaration(&mut self) -> Result<Tree, SyntaxError> {
        let keyword = self.expect(TokenKind::Var)?;
        let above = self.claim(keyword);
        let name = Box::new(self.identifier()?.node);
        if self.peek() == TokenKind::Asgn {
            self.next();
            let value = self.expression()?;
            let kind = Kind::Declaration {
                name,
                value: Box::new(value.node),
            };
            self.tree(keyword, kind, above, value.height)
        } else {
            let type_name = Box::new(self.identifier()?.node);
            self.tree(keyword, Kind::TypeDeclaration { name, type_name }, above, 1)
        }
    }

    fn peek(&self) -> TokenKind {
        self.tokens[self.at].kind
    }

    fn peek_second(&self) -> TokenKind {
        self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    /// Reads a token; the last one again and again.
    fn next(&mut self) -> usize {
        let token = self.at;
        self.at = (token + 1).min(self.tokens.len() - 1);
        token
    }

    fn expect(&mut self, kind: TokenKind) -> Result<usize, SyntaxError> {
        if self.peek() == kind {
            Ok(self.next())
        } else {
            Err(self.unexpected(&[kind]))
        }
    }

    /// Takes the comment above a token, and those above earlier tokens that nobody took.
    fn claim(&mut self, token: usize) -> Option<Box<Comment>> {
        let mut all = None;
        for index in self.claimed..=token {
            all = comment::join(all, self.comments[index].take());
        }
        self.claimed = self.claimed.max(token + 1);
        all
    }

    fn position(&self, byte: usize) -> Position {
        self.lines.position(byte)
    }

    /// Makes a node at a token, one higher than its highest child.
    fn tree(
        &self,
        token: usize,
        kind: Kind,
        comment: Option<Box<Comment>>,
        child_height: usize,
    ) -> Result<Tree, SyntaxError> {
        if child_height >= MAX_HEIGHT {
            return Err(self.too_deep(token));
        }
        let position = self.position(self.tokens[token].start);
        Ok(Tree {
            node: Node {
                position,
                comment,
                kind,
            },
            height: child_height + 1,
        })
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.nesting >= MAX_NESTING {
            return Err(self.too_deep(self.at));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    fn too_deep(&self, token: usize) -> SyntaxError {
        let position = self.position(self.tokens[token].start);
        let diagnostic = Diagnostic::error("too-deep", position, "expression nests too deeply")
            .hint("give parts of it a name with `var`");
        SyntaxError {
            line: format!("parser: expression nests too deeply {position}"),
            diagnostic: Box::new(diagnostic),
        }
    }

    /// The value of a token is wrong; `message` is Kapacitor's.
    fn bad_value(&self, token: usize, code: &'static str, message: &str, hint: Option<&str>) -> SyntaxError {
        let token = &self.tokens[token];
        let mut diagnostic = Diagnostic::error(code, self.position(token.start), message).until(token.end());
        diagnostic.hint = hint.map(str::to_owned);
        SyntaxError {
            line: format!("parser: {message}"),
            diagnostic: Box::new(diagnostic),
        }
    }

    /// The next token is none of those expected (T-60), or it is an error of the lexer (T-61).
    fn unexpected(&self, expected: &[TokenKind]) -> SyntaxError {
        const AROUND: usize = 10;
        let token = &self.tokens[self.at];
        let at = token.start;
        let bytes = self.source.as_bytes();
        let mut start = at.saturating_sub(AROUND);
        if let Some(line_break) = bytes[start..at].iter().rposition(|byte| *byte == b'\n') {
            start += line_break + 1;
        }
        let mut stop = (at + AROUND).min(bytes.len());
        if let Some(line_break) = bytes[at..stop].iter().position(|byte| *byte == b'\n') {
            stop = at + line_break;
        }
        // The excerpt is cut at bytes, as upstream; a cut character becomes a replacement character.
        let excerpt = String::from_utf8_lossy(&bytes[start..stop]);
        let found = if token.kind == TokenKind::Error {
            &*token.text
        } else {
            token.kind.describe()
        };
        let names: Vec<String> = expected.iter().map(|kind| quote(kind.describe())).collect();
        let position = self.position(at);
        let line = format!(
            "parser: unexpected {found} {position} in \"{excerpt}\". expected: {}",
            names.join(",")
        );
        SyntaxError {
            line,
            diagnostic: Box::new(hints::diagnose(self, position, expected)),
        }
    }
}

#[cfg(test)]
mod tests;
