//! The syntax tree. One enum for scripts and lambda bodies, as in Kapacitor, because both share one grammar.
//!
//! Every node knows where it stands and which comment was written above it, so that the formatter loses nothing.

use std::fmt;

/// Where a node stands in the script: its first token, but for a binary expression and a chain their operator, as in Kapacitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Byte offset from the start of the script.
    pub byte: usize,
    /// Line, from 1.
    pub line: usize,
    /// Byte within the line, from 1: Kapacitor counts so, and clients compare the numbers.
    pub char: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} char {}", self.line, self.char)
    }
}

/// A run of comment lines, without the slashes; attached to the element below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub position: Position,
    /// One entry per line, without the leading `//` and one blank; an empty entry is a line of slashes only, and an entry
    /// `"\n"` is an empty line between two comments.
    pub lines: Vec<String>,
}

/// A node of the tree with its place and the comment above it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub position: Position,
    pub comment: Option<Box<Comment>>,
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `10`, `010` (octal; `octal` keeps the spelling), never negative.
    Int { value: i64, octal: bool },
    /// `1.5`, never negative.
    Float(f64),
    /// `5m`: nanoseconds, and the literal as written.
    Duration { nanos: i64, literal: String },
    /// `TRUE` or `FALSE`.
    Bool(bool),
    /// `'…'` or `'''…'''`, unescaped.
    String { value: String, triple: bool },
    /// `/…/`: the pattern with `\/` unescaped.
    Regex(String),
    /// `*`.
    Star,
    /// `name`.
    Identifier(String),
    /// `"name"`: a field, a tag or `time`; unescaped.
    Reference(String),
    /// `[a, 'b', *]`.
    List(Vec<Node>),
    /// `-x`, `!x`.
    Unary {
        operator: UnaryOperator,
        operand: Box<Node>,
    },
    /// `a + b`.
    Binary(Box<Binary>),
    /// `f(a, b)`. In a script also the right side of a chain.
    Call(Call),
    /// `lambda: x`.
    Lambda(Box<Node>),
    /// `left|f()`, `left.f()`, `left@f()`, `left.name`.
    Chain {
        operator: ChainOperator,
        left: Box<Node>,
        right: Box<Node>,
    },
    /// `var name = value`. `name` is an `Identifier`.
    Declaration { name: Box<Node>, value: Box<Node> },
    /// `var name type`. Both are `Identifier`s.
    TypeDeclaration { name: Box<Node>, type_name: Box<Node> },
    /// `dbrp "db"."rp"`. Both are `Reference`s.
    Dbrp {
        database: Box<Node>,
        retention_policy: Box<Node>,
    },
    /// A comment below which nothing stands.
    Comment(Comment),
    /// The whole script.
    Program(Vec<Node>),
}

/// `left operator right`.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub operator: BinaryOperator,
    pub operator_position: Position,
    pub left: Node,
    pub right: Node,
    /// Written in parentheses.
    pub parens: bool,
    /// The right operand stands on a later line than the left one; the formatter keeps the break.
    pub multi_line: bool,
}

/// `name(args…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub name: String,
    pub args: Vec<Node>,
    pub kind: CallKind,
    /// The last argument starts on a later line than the name; the formatter then writes one argument a line.
    pub multi_line: bool,
}

/// How a call is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// A plain call, in a lambda or at script level.
    Global,
    /// After `|`.
    Chain,
    /// After `.`.
    Property,
    /// After `@`.
    Dynamic,
}

/// `|`, `.`, `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainOperator {
    Pipe,
    Dot,
    At,
}

/// `-`, `!`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOperator {
    Minus,
    Not,
}

/// The binary operators, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    And,
    Or,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    RegexMatch,
    RegexNoMatch,
}

impl BinaryOperator {
    /// As written in a script.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::And => "AND",
            Self::Or => "OR",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::RegexMatch => "=~",
            Self::RegexNoMatch => "!~",
        }
    }
}

impl fmt::Display for BinaryOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl UnaryOperator {
    /// As written in a script.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minus => "-",
            Self::Not => "!",
        }
    }
}

impl ChainOperator {
    /// As written in a script.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pipe => "|",
            Self::Dot => ".",
            Self::At => "@",
        }
    }
}

impl Node {
    /// A node without a comment.
    pub const fn new(position: Position, kind: Kind) -> Self {
        Self {
            position,
            comment: None,
            kind,
        }
    }
}
