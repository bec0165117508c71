//! The tree of a `SELECT`.

use super::Fill;

#[derive(Debug, Clone)]
pub(super) struct Select {
    pub(super) fields: Vec<Field>,
    pub(super) target: Option<Measurement>,
    pub(super) sources: Vec<Source>,
    pub(super) condition: Option<Expr>,
    pub(super) dimensions: Vec<Expr>,
    pub(super) fill: Fill,
    pub(super) order: Option<Order>,
    pub(super) limit: i64,
    pub(super) offset: i64,
    pub(super) series_limit: i64,
    pub(super) series_offset: i64,
    pub(super) zone: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) expr: Expr,
    pub(super) alias: String,
}

#[derive(Debug, Clone)]
pub(super) enum Source {
    Measurement(Measurement),
    Subquery(Box<Select>),
}

/// Parts that are not given are empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Measurement {
    pub(super) database: String,
    pub(super) policy: String,
    pub(super) name: String,
    pub(super) regex: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) name: String,
    pub(super) ascending: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Expr {
    /// `kind` is what follows `::`.
    Reference {
        name: String,
        kind: Option<&'static str>,
    },
    Call {
        name: String,
        args: Vec<Expr>,
    },
    Distinct(String),
    Float(f64),
    Int(i64),
    Unsigned(u64),
    Bool(bool),
    String(String),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since the Unix epoch.
    Time(i64),
    Regex(String),
    Wildcard(Option<&'static str>),
    Binary(Box<Binary>),
    Paren(Box<Expr>),
}

#[derive(Debug, Clone)]
pub(super) struct Binary {
    pub(super) left: Expr,
    pub(super) operator: Operator,
    pub(super) right: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    BitAnd,
    BitOr,
    BitXor,
    And,
    Or,
    Equal,
    NotEqual,
    Matches,
    NotMatches,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Operator {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::And => "AND",
            Self::Or => "OR",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }

    pub(super) fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal
            | Self::NotEqual
            | Self::Matches
            | Self::NotMatches
            | Self::Less
            | Self::LessEqual
            | Self::Greater
            | Self::GreaterEqual => 3,
            Self::Add | Self::Subtract | Self::BitOr | Self::BitXor => 4,
            Self::Multiply | Self::Divide | Self::Modulo | Self::BitAnd => 5,
        }
    }

    /// Whether it gives a truth value and so cannot stand in a field.
    pub(super) fn is_condition(self) -> bool {
        self.precedence() <= 3
    }
}
