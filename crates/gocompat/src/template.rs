//! Go's `text/template`, and in [`html`] `html/template`: the language of alert ids, messages, details, URLs and topics.
//!
//! Everything that templates of Go 1.19 can do is here except complex numbers and channels. Errors have Go's texts. What a
//! template may cost is bounded: its text, how deeply it nests, how many steps it runs and how much it prints.
//!
//! ```
//! use capstan_gocompat::{Value, template::{Functions, Template}};
//!
//! let functions = Functions::new();
//! let template = Template::parse("message", "{{ .ID }} is {{ index .Tags \"host\" }}", &functions).unwrap();
//! let data = Value::map([("ID", Value::from("cpu")), ("Tags", Value::string_map([("host", "a")]))]);
//! assert_eq!(template.execute(&data).unwrap(), "cpu is a");
//! ```

mod builtins;
mod exec;
pub mod html;
mod lexer;
mod literal;
mod methods;
mod node;
mod parser;

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use crate::value::{Function, Value};
use exec::Execution;
use node::TreeSet;

/// Longest template text, in bytes.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// Longest output, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 4 << 20;
/// Most nodes and commands that one execution visits.
pub const MAX_STEPS: u64 = 5_000_000;
/// Deepest nesting of control structures and parentheses in a text.
pub const MAX_NESTING: u32 = 100;
/// Deepest nesting of evaluation, templates within templates included.
pub const MAX_DEPTH: u32 = 300;

/// Why a template could not be used; prints as Go's error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The text is no template: `template: NAME:LINE: …`.
    #[error("{0}")]
    Parse(String),
    /// `html/template` cannot tell in which context a value would stand: `html/template:NAME:LINE:COLUMN: …`.
    #[error("{0}")]
    Escape(String),
    /// Evaluation failed: `template: NAME:LINE:COLUMN: executing "NAME" at <…>: …`.
    #[error("{0}")]
    Execute(String),
}

/// The functions that templates may call by name, besides the builtin ones.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    named: HashMap<String, Function>,
}

impl Functions {
    /// No further functions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function; one with the name of a builtin replaces it.
    #[must_use]
    pub fn with(mut self, name: &str, function: Function) -> Self {
        self.named.insert(name.to_owned(), function);
        self
    }

    fn get(&self, name: &str) -> Option<&Function> {
        self.named.get(name)
    }

    fn contains(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }
}

/// What a missing map key yields, Go's option `missingkey`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// `default`: no value, printed as `<no value>`.
    #[default]
    Default,
    /// `zero`: the zero value of the map's elements.
    Zero,
    /// `error`: the execution stops.
    Error,
}

/// A parsed `text/template`.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    trees: Arc<TreeSet>,
    functions: Functions,
    missing_key: MissingKey,
}

impl Template {
    /// Parses a text. `name` appears in errors; `functions` are those it may call.
    pub fn parse(name: &str, text: &str, functions: &Functions) -> Result<Self, Error> {
        let trees = parser::parse(name, text, functions).map_err(Error::Parse)?;
        Ok(Self {
            name: name.to_owned(),
            trees: Arc::new(trees),
            functions: functions.clone(),
            missing_key: MissingKey::Default,
        })
    }

    /// Sets the option `missingkey`.
    #[must_use]
    pub fn missing_key(mut self, option: MissingKey) -> Self {
        self.missing_key = option;
        self
    }

    /// The name given to [`Template::parse`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Applies the template to `data`. Nothing of the output is kept when it fails.
    pub fn execute(&self, data: &Value) -> Result<String, Error> {
        Execution::new(&self.trees, &self.functions, self.missing_key)
            .run(&self.name, data)
            .map_err(Error::Execute)
    }
}

#[cfg(test)]
mod tests;
