//! The part of InfluxQL that batch tasks send: one `SELECT`, read when the task starts, completed with time bounds,
//! dimensions and fill, and printed again for each run (N-110…N-116).
//!
//! ```
//! use capstan_influxql::query::{Dimension, Query};
//!
//! let mut query = Query::parse("SELECT mean(v) FROM db.rp.m WHERE host = 'a' GROUP BY x")?;
//! query.group_by(vec![Dimension::Time { length: 2_000_000_000, offset: 0 }, Dimension::Tag("cpu".into())])?;
//! assert_eq!(
//!     query.text(0, 10_000_000_000),
//!     "SELECT mean(v) FROM db.rp.m WHERE host = 'a' AND time >= '1970-01-01T00:00:00Z' \
//!      AND time < '1970-01-01T00:00:10Z' GROUP BY time(2s, 0s), cpu"
//! );
//! # Ok::<(), capstan_influxql::query::QueryError>(())
//! ```

mod ast;
mod lexer;
mod parser;
mod print;
#[cfg(test)]
mod tests;

use ast::{Binary, Expr, Operator, Select, Source};
pub use print::{quote_identifier, quote_string};

/// Longest query text, in bytes.
pub const MAX_TEXT_BYTES: usize = 1 << 16;

/// Why a query cannot be used; the texts are InfluxQL's and Kapacitor's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text is not InfluxQL.
    #[error("failed to parse InfluxQL query: {0}")]
    Parse(String),
    /// More or less than one statement.
    #[error("query must be a single select statement, got {0} statements")]
    Statements(usize),
    /// A statement of another kind.
    #[error("query is not a select statement {}", capstan_gocompat::strconv::quote(.0))]
    NotSelect(String),
    /// A source that is no measurement (N-114a).
    #[error("unknown query source *influxql.SubQuery")]
    Source,
    /// Two time dimensions (N-114).
    #[error("groupBy cannot have more than one time dimension")]
    TwoTimes,
}

impl capstan_base::Classify for QueryError {
    fn class(&self) -> capstan_base::Class {
        capstan_base::Class::User
    }
}

/// What a query is grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Buckets of this length that begin at multiples of it plus the offset, in nanoseconds.
    Time { length: i64, offset: i64 },
    /// The values of a tag.
    Tag(String),
    /// All tags.
    Star,
}

/// What buckets without points hold (N-116).
#[derive(Debug, Clone, PartialEq)]
pub enum Fill {
    Null,
    None,
    Previous,
    Linear,
    Int(i64),
    Float(f64),
}

/// A `SELECT` with everything a batch task may change about it.
#[derive(Debug, Clone)]
pub struct Query {
    select: Select,
    dimensions: Vec<Dimension>,
    /// The text's own `GROUP BY`, which is never used (N-114).
    had_group_by: bool,
    align_group: bool,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// The text is not exactly one `SELECT`.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut select = parser::parse(text)?;
        let had_group_by = !std::mem::take(&mut select.dimensions).is_empty();
        Ok(Self {
            select,
            dimensions: Vec::new(),
            had_group_by,
            align_group: false,
        })
    }

    /// Database and retention policy of each source; empty where the text names none (N-110).
    ///
    /// # Errors
    /// A source is a subquery (N-114a).
    pub fn sources(&self) -> Result<Vec<(&str, &str)>, QueryError> {
        self.select
            .sources
            .iter()
            .map(|source| match source {
                Source::Measurement(m) => Ok((&*m.database, &*m.policy)),
                Source::Subquery(_) => Err(QueryError::Source),
            })
            .collect()
    }

    /// Whether the text has a `GROUP BY` of its own, which is thrown away (N-114).
    pub fn had_group_by(&self) -> bool {
        self.had_group_by
    }

    /// Sets what the query is grouped by, in place of what it was (N-114).
    ///
    /// # Errors
    /// There are two time dimensions.
    pub fn group_by(&mut self, dimensions: Vec<Dimension>) -> Result<(), QueryError> {
        let times = dimensions.iter().filter(|d| matches!(d, Dimension::Time { .. }));
        if times.count() > 1 {
            return Err(QueryError::TwoTimes);
        }
        self.dimensions = dimensions;
        Ok(())
    }

    /// Lets time buckets begin where the query begins (N-115).
    pub fn align_group(&mut self) {
        self.align_group = true;
    }

    /// Sets the fill, in place of what the text says.
    pub fn fill(&mut self, fill: Fill) {
        self.select.fill = fill;
    }

    /// Whether one of the dimensions is time (N-119).
    pub fn is_grouped_by_time(&self) -> bool {
        self.dimensions
            .iter()
            .any(|d| matches!(d, Dimension::Time { .. }))
    }

    /// The query for `start <= time < stop`, nanoseconds since the Unix epoch (N-111).
    pub fn text(&self, start: i64, stop: i64) -> String {
        let mut select = self.select.clone();
        let bound = |operator, time| Expr::binary(Expr::reference("time"), operator, Expr::Time(time));
        let bounds = Expr::binary(
            bound(Operator::GreaterEqual, start),
            Operator::And,
            bound(Operator::Less, stop),
        );
        select.condition = Some(match select.condition.take() {
            None => bounds,
            // Kapacitor leaves the parentheses out, and the bounds then belong to the last alternative only.
            Some(Expr::Binary(binary)) if binary.operator == Operator::Or => {
                Expr::binary(Expr::Paren(Box::new(Expr::Binary(binary))), Operator::And, bounds)
            }
            Some(condition) => Expr::binary(condition, Operator::And, bounds),
        });
        select.dimensions = self
            .dimensions
            .iter()
            .map(|dimension| match dimension {
                Dimension::Tag(name) => Expr::reference(name),
                Dimension::Star => Expr::Wildcard(None),
                Dimension::Time { length, offset } => {
                    let offset = if self.align_group {
                        start.checked_rem(*length).unwrap_or(0)
                    } else {
                        *offset
                    };
                    Expr::Call {
                        name: "time".to_owned(),
                        args: vec![Expr::Duration(*length), Expr::Duration(offset)],
                    }
                }
            })
            .collect();
        select.to_string()
    }
}

impl Expr {
    fn reference(name: &str) -> Self {
        Self::Reference {
            name: name.to_owned(),
            kind: None,
        }
    }

    fn binary(left: Self, operator: Operator, right: Self) -> Self {
        Self::Binary(Box::new(Binary {
            left,
            operator,
            right,
        }))
    }
}
