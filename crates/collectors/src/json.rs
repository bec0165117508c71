//! From a JSON document to one number: `json-key` and `json-eval`, with `aggregator` (kube-metrics-adapter,
//! pkg/collector/httpmetrics).
//!
//! The language is that of ajson, which kube-metrics-adapter uses, in what it accepts and mostly in what it says. Paths
//! that ajson does not read are read by RFC 9535. Where ajson would crash, or run without end, there is an error.
//!
//! | module | what |
//! |---|---|
//! | [`node`] | values while they are computed with |
//! | [`path`] | paths, from text and over a document |
//! | [`script`] | expressions, from text and over a document |
//! | [`scan`] | the tokens of both |
//! | [`operators`], [`functions`] | what expressions are made of |

mod functions;
mod node;
mod operators;
mod path;
mod scan;
mod script;
#[cfg(test)]
mod tests;

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value;

use crate::collector::ConfigError;
use crate::fetch::excerpt;
use crate::keys::Keys;
use node::Node;
use path::Path;
use script::{Run, Script};

const KEY: &str = "json-key";
const EVAL: &str = "json-eval";
const AGGREGATOR: &str = "aggregator";

/// The longest path or expression.
const LONGEST: usize = 16 << 10;
/// How deep brackets may be nested.
const DEEPEST: usize = 32;

/// Why an expression, or a document, has no number. The texts are ajson's where it has them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A character that cannot stand there, and its place.
    #[error("wrong symbol '{0}' at {1}")]
    Symbol(char, usize),
    /// The text ends too early.
    #[error("unexpected end of file")]
    End,
    /// A value of another type was needed.
    #[error("wrong type of Node")]
    Type,
    /// A value that is not there was needed.
    #[error("not parsed yet")]
    Absent,
    /// What is asked for cannot be.
    #[error("wrong request: {0}")]
    Request(String),
    /// All else.
    #[error("{0}")]
    Other(String),
}

impl JsonError {
    fn request(text: impl Into<String>) -> Self {
        Self::Request(text.into())
    }
}

/// How to get one number from a document.
#[derive(Debug)]
pub struct Extract {
    how: How,
    text: String,
    aggregator: Option<Aggregator>,
    zero_for_empty: bool,
}

#[derive(Debug)]
enum How {
    Path(Path),
    Rfc(Box<JpQuery>),
    Eval(Script),
}

/// From several numbers to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregator {
    /// Their mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// All together.
    Sum,
}

impl Aggregator {
    /// # Errors
    /// When there is none of this name.
    pub fn parse(name: &str) -> Result<Self, ConfigError> {
        match name {
            "avg" => Ok(Self::Avg),
            "min" => Ok(Self::Min),
            "max" => Ok(Self::Max),
            "sum" => Ok(Self::Sum),
            _ => Err(ConfigError(format!(
                "aggregator function: {name} is unknown, there are avg, min, max and sum"
            ))),
        }
    }

    /// The number that stands for all; `None` if there are none.
    pub fn apply(self, numbers: &[f64]) -> Option<f64> {
        let sum: f64 = numbers.iter().sum();
        if numbers.is_empty() {
            return None;
        }
        Some(match self {
            Self::Avg => sum / numbers.len() as f64,
            Self::Sum => sum,
            Self::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

impl Extract {
    /// From `json-key` or `json-eval`, and `aggregator`.
    ///
    /// # Errors
    /// When there is none or both, or it cannot be read.
    pub fn of(keys: &Keys) -> Result<Self, ConfigError> {
        let filled = |key| keys.get(key).filter(|text| !text.is_empty());
        let aggregator = keys.get(AGGREGATOR).map(Aggregator::parse).transpose()?;
        match (filled(KEY), filled(EVAL)) {
            (None, None) => Err(ConfigError(format!("config value {KEY} or {EVAL} not found"))),
            (Some(_), Some(_)) => Err(ConfigError(format!(
                "config value {KEY} and {EVAL} cannot be used together"
            ))),
            (Some(path), None) => Self::path(path, aggregator),
            (None, Some(script)) => Self::eval(script, aggregator),
        }
    }

    /// By a path.
    ///
    /// # Errors
    /// When it is none.
    pub fn path(text: &str, aggregator: Option<Aggregator>) -> Result<Self, ConfigError> {
        let how = bounded(text)
            .and_then(|()| match Path::parse(text) {
                Ok(path) => Ok(How::Path(path)),
                Err(error) => match parse_json_path(text) {
                    Ok(query) => Ok(How::Rfc(Box::new(query))),
                    Err(_) => Err(error),
                },
            })
            .map_err(|error| ConfigError(format!("{KEY} {text:?}: {error}")))?;
        Ok(Self {
            how,
            text: text.to_owned(),
            aggregator,
            zero_for_empty: false,
        })
    }

    /// By an expression.
    ///
    /// # Errors
    /// When it is none.
    pub fn eval(text: &str, aggregator: Option<Aggregator>) -> Result<Self, ConfigError> {
        let script = bounded(text)
            .and_then(|()| Script::parse(text))
            .map_err(|error| ConfigError(format!("{EVAL} {text:?}: {error}")))?;
        Ok(Self {
            how: How::Eval(script),
            text: text.to_owned(),
            aggregator,
            zero_for_empty: false,
        })
    }

    /// Whether the sum of an empty array is 0, as in kube-metrics-adapter, and no error.
    #[must_use]
    pub fn with_zero_for_empty(mut self, yes: bool) -> Self {
        self.zero_for_empty = yes;
        self
    }

    /// The path or expression, as an author wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The number in a document.
    ///
    /// # Errors
    /// When it is no JSON, or has no number at that place.
    pub fn number(&self, document: &[u8]) -> Result<f64, JsonError> {
        let root: Value = serde_json::from_slice(document).map_err(|error| {
            if error.is_eof() {
                JsonError::End
            } else {
                JsonError::Other(format!("the answer is no JSON: {error}: {}", excerpt(document)))
            }
        })?;
        let run = Run::over(&root);
        let nodes = match &self.how {
            How::Path(path) => path.apply(&run, &Node::of(&root))?,
            How::Rfc(query) => js_path_process(query, &root)
                .map_err(|error| JsonError::Other(error.to_string()))?
                .into_iter()
                .map(|found| Node::of(found.val()))
                .collect(),
            How::Eval(script) => vec![script.eval(&run, &Node::of(&root))?],
        };
        self.one(&nodes)
    }

    /// One number of what was found.
    fn one(&self, nodes: &[Node<'_>]) -> Result<f64, JsonError> {
        let [node] = nodes else {
            if nodes.is_empty() {
                return Err(JsonError::Other(
                    "unexpected json: expected single numeric or array value".to_owned(),
                ));
            }
            return self.aggregate(nodes, "unexpected json: did not find numeric or array value");
        };
        if node.is_array() {
            return self.aggregate(&node.children(), "did not find numeric type");
        }
        node.number().map_err(|_| {
            JsonError::Other(format!(
                "unsupported type {}: expected a number or an array of numbers",
                node.type_name()
            ))
        })
    }

    fn aggregate(&self, nodes: &[Node<'_>], otherwise: &str) -> Result<f64, JsonError> {
        let aggregator = self.aggregator.ok_or_else(|| {
            JsonError::Other(format!(
                "no aggregator function has been specified, and there are {} values",
                nodes.len()
            ))
        })?;
        let numbers: Result<Vec<f64>, JsonError> = nodes.iter().map(Node::number).collect();
        let numbers = numbers.map_err(|error| JsonError::Other(format!("{otherwise}: {error}")))?;
        if numbers.is_empty() && self.zero_for_empty && aggregator == Aggregator::Sum {
            return Ok(0.0);
        }
        aggregator
            .apply(&numbers)
            .ok_or_else(|| JsonError::Other("the array is empty and has no number".to_owned()))
    }
}

/// Refuses texts whose reading would take too long, or too deep a recursion.
fn bounded(text: &str) -> Result<(), JsonError> {
    if text.len() > LONGEST {
        return Err(JsonError::Other(format!("it is longer than {LONGEST} bytes")));
    }
    let mut depth = 0_usize;
    for c in text.bytes() {
        match c {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(JsonError::Other(format!(
                "brackets are nested deeper than {DEEPEST}"
            )));
        }
    }
    Ok(())
}
