//! The tree as text that means the same.

use std::fmt::{self, Display, Write};

use capstan_gocompat::{duration, strconv, time_layout};

use super::Fill;
use super::ast::{Expr, Field, Measurement, Operator, Select, Source};
use super::lexer;

/// A name as it has to be written in InfluxQL: quoted where it would not be read as a name without.
pub fn quote_identifier(name: &str) -> String {
    let plain = !name.is_empty()
        && !lexer::is_reserved(name)
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        return name.to_owned();
    }
    format!("\"{}\"", escaped(name, '"'))
}

/// A string literal of InfluxQL.
pub fn quote_string(text: &str) -> String {
    format!("'{}'", escaped(text, '\''))
}

fn escaped(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

fn list<T: Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
    }
    Ok(())
}

impl Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        list(f, &self.fields)?;
        if let Some(target) = &self.target {
            write!(f, " INTO {target}")?;
            if target.name.is_empty() {
                f.write_str(":MEASUREMENT")?;
            }
        }
        f.write_str(" FROM ")?;
        list(f, &self.sources)?;
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        if !self.dimensions.is_empty() {
            f.write_str(" GROUP BY ")?;
            list(f, &self.dimensions)?;
        }
        match &self.fill {
            Fill::Null => {}
            Fill::None => f.write_str(" fill(none)")?,
            Fill::Previous => f.write_str(" fill(previous)")?,
            Fill::Linear => f.write_str(" fill(linear)")?,
            Fill::Int(value) => write!(f, " fill({value})")?,
            Fill::Float(value) => write!(f, " fill({})", strconv::format_float_g(*value))?,
        }
        if let Some(order) = &self.order {
            f.write_str(" ORDER BY ")?;
            if !order.name.is_empty() {
                write!(f, "{} ", order.name)?;
            }
            f.write_str(if order.ascending { "ASC" } else { "DESC" })?;
        }
        let counts = [
            ("LIMIT", self.limit),
            ("OFFSET", self.offset),
            ("SLIMIT", self.series_limit),
            ("SOFFSET", self.series_offset),
        ];
        for (word, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, " {word} {count}")?;
        }
        match &self.zone {
            Some(zone) => write!(f, " TZ({})", quote_string(zone)),
            None => Ok(()),
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        if self.alias.is_empty() {
            return Ok(());
        }
        write!(f, " AS {}", quote_identifier(&self.alias))
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measurement(measurement) => measurement.fmt(f),
            Self::Subquery(select) => write!(f, "({select})"),
        }
    }
}

impl Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.database.is_empty() {
            write!(f, "{}.", quote_identifier(&self.database))?;
        }
        if !self.policy.is_empty() {
            f.write_str(&quote_identifier(&self.policy))?;
        }
        if !self.database.is_empty() || !self.policy.is_empty() {
            f.write_char('.')?;
        }
        match &self.regex {
            Some(regex) => write!(f, "/{}/", regex.replace('/', "\\/")),
            None if self.name.is_empty() => Ok(()),
            None => f.write_str(&quote_identifier(&self.name)),
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference { name, kind } => {
                f.write_str(&quote_identifier(name))?;
                kind.map_or(Ok(()), |kind| write!(f, "::{kind}"))
            }
            Self::Call { name, args } => {
                write!(f, "{name}(")?;
                list(f, args)?;
                f.write_char(')')
            }
            Self::Distinct(name) => write!(f, "DISTINCT {}", quote_identifier(name)),
            Self::Float(value) => {
                let text = strconv::format_float_f(*value);
                let whole = value.is_finite() && !text.contains('.');
                write!(f, "{text}{}", if whole { ".0" } else { "" })
            }
            Self::Int(value) => value.fmt(f),
            Self::Unsigned(value) => value.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::String(text) => f.write_str(&quote_string(text)),
            Self::Duration(nanos) => f.write_str(&duration::format_influx(*nanos)),
            Self::Time(nanos) => write!(f, "'{}'", time_layout::format_rfc3339_nano(*nanos)),
            Self::Regex(pattern) => write!(f, "/{}/", pattern.replace('/', "\\/")),
            Self::Wildcard(None) => f.write_char('*'),
            Self::Wildcard(Some(kind)) => write!(f, "*::{kind}"),
            Self::Binary(binary) => {
                let operator = binary.operator.as_str();
                match &binary.right {
                    // A sign before a name is a product of its own. Kapacitor prints `a / -b` as `a / -1 * b`, which
                    // is another number.
                    Self::Binary(right)
                        if right.operator.precedence() <= binary.operator.precedence()
                            && binary.operator != Operator::And =>
                    {
                        write!(f, "{} {operator} ({})", binary.left, binary.right)
                    }
                    right => write!(f, "{} {operator} {right}", binary.left),
                }
            }
            Self::Paren(inner) => write!(f, "({inner})"),
        }
    }
}
