//! Values of variables and arguments.

use std::fmt;
use std::sync::Arc;

use capstan_gocompat::{duration, strconv};
use capstan_tick::ast;

use super::literal;

/// A value a script can name or pass on.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Int(i64),
    Float(f64),
    Bool(bool),
    String(Arc<str>),
    /// Nanoseconds.
    Duration(i64),
    /// The pattern.
    Regex(Arc<str>),
    /// The body, without the word `lambda`.
    Lambda(Arc<ast::Node>),
    List(Vec<Self>),
    Star,
    /// `time(length, offset)` in nanoseconds: a query's time dimension.
    TimeDimension {
        length: i64,
        offset: i64,
    },
}

/// Types of variables (T-32).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Int,
    Float,
    Bool,
    String,
    Duration,
    Regex,
    Lambda,
    List,
    Star,
}

impl Type {
    /// The word of a declaration (`var x duration`) and of the API (H-51).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Duration => "duration",
            Self::Regex => "regex",
            Self::Lambda => "lambda",
            Self::List => "list",
            Self::Star => "star",
        }
    }

    /// The word of error texts, which differs for booleans.
    pub const fn error_name(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            other => other.name(),
        }
    }

    /// The type of this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [Type; 9] = [
            Type::Int,
            Type::Float,
            Type::Bool,
            Type::String,
            Type::Duration,
            Type::Regex,
            Type::Lambda,
            Type::List,
            Type::Star,
        ];
        ALL.into_iter().find(|known| known.name() == name)
    }

    /// What a template's variable without a value holds while its pipeline is drawn (T-33).
    pub(crate) fn zero(self) -> Value {
        match self {
            Self::Int => Value::Int(0),
            Self::Float => Value::Float(0.0),
            Self::Bool => Value::Bool(false),
            Self::String => Value::String(Arc::from("")),
            Self::Duration => Value::Duration(0),
            Self::Regex => Value::Regex(Arc::from("")),
            Self::Lambda => Value::Lambda(Arc::new(ast::Node::new(
                ast::Position::default(),
                ast::Kind::Bool(true),
            ))),
            Self::List => Value::List(Vec::new()),
            Self::Star => Value::Star,
        }
    }
}

impl Value {
    /// The type of a variable with this value; `None` for what no variable is listed with.
    pub const fn type_of(&self) -> Option<Type> {
        Some(match self {
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Bool(_) => Type::Bool,
            Self::String(_) => Type::String,
            Self::Duration(_) => Type::Duration,
            Self::Regex(_) => Type::Regex,
            Self::Lambda(_) => Type::Lambda,
            Self::List(_) => Type::List,
            Self::Star => Type::Star,
            Self::TimeDimension { .. } => return None,
        })
    }

    /// A lambda from its text, with or without the word `lambda:`.
    ///
    /// # Errors
    /// The text is no lambda expression.
    pub fn lambda(text: &str) -> Result<Self, capstan_tick::SyntaxError> {
        let text = text.trim();
        let body = capstan_tick::parse_lambda(text.strip_prefix("lambda:").unwrap_or(text))?;
        let body = match body.kind {
            ast::Kind::Lambda(inner) => *inner,
            _ => body,
        };
        Ok(Self::Lambda(Arc::new(body)))
    }

    /// How many values a list holds, with those of the lists in it.
    pub(crate) fn items(&self) -> usize {
        match self {
            Self::List(values) => values.iter().map(Self::items).sum::<usize>() + 1,
            _ => 1,
        }
    }

    /// Go's name of the type, where clients know the text.
    pub(crate) const fn go_type(&self) -> &'static str {
        match self {
            Self::Int(_) => "int64",
            Self::Float(_) => "float64",
            Self::Bool(_) => "bool",
            Self::String(_) => "string",
            Self::Duration(_) => "time.Duration",
            Self::Regex(_) => "*regexp.Regexp",
            Self::Lambda(_) => "*ast.LambdaNode",
            Self::List(_) => "[]interface {}",
            Self::Star => "*ast.StarNode",
            Self::TimeDimension { .. } => "groupby.TimeDimension",
        }
    }

    /// With its article, for error texts.
    pub(crate) const fn described(&self) -> &'static str {
        match self {
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Bool(_) => "a boolean",
            Self::String(_) => "a string",
            Self::Duration(_) => "a duration",
            Self::Regex(_) => "a regex",
            Self::Lambda(_) => "a lambda expression",
            Self::List(_) => "a list",
            Self::Star => "a star",
            Self::TimeDimension { .. } => "a time dimension",
        }
    }
}

/// As Kapacitor prints a variable's value: a lambda as script text, a duration as Go does.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => f.write_str(&strconv::format_float_g(*value)),
            Self::Bool(value) => write!(f, "{value}"),
            Self::String(value) | Self::Regex(value) => f.write_str(value),
            Self::Duration(nanos) => f.write_str(&duration::format_go(*nanos)),
            Self::Lambda(body) => f.write_str(&literal::lambda_text(body)),
            Self::Star => f.write_str("*"),
            Self::List(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::TimeDimension { length, offset } => {
                write!(
                    f,
                    "time({}, {})",
                    duration::format_influx(*length),
                    duration::format_influx(*offset)
                )
            }
        }
    }
}
