//! Go's `html/template`: a template whose values are escaped for the place they stand in, alert `details` above all.
//!
//! The text around each action is read as HTML, with the scripts, styles and URLs in it; every pipeline then ends in the escapers
//! that its context asks for. Where the context depends on which branch runs, the template is refused with Go's error.

mod attribute;
mod context;
mod css;
mod escape;
pub(super) mod escapers;
mod script;
mod transition;
mod url;

use std::sync::Arc;

use super::exec::Execution;
use super::node::TreeSet;
use super::{Error, Functions, MissingKey, parser};
use crate::value::Value;

/// A parsed `html/template`.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    /// With escapers, or why that failed: like Go, only the execution reports it.
    escaped: Result<Arc<TreeSet>, String>,
    functions: Functions,
    missing_key: MissingKey,
}

impl Template {
    /// Parses a text. What cannot be escaped safely is reported by [`Template::execute`], as in Go.
    pub fn parse(name: &str, text: &str, functions: &Functions) -> Result<Self, Error> {
        let trees = parser::parse(name, text, functions).map_err(Error::Parse)?;
        Ok(Self {
            name: name.to_owned(),
            escaped: escape::escape(trees, name).map(Arc::new),
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

    /// Whether every value's context is known; the error is the one that [`Template::execute`] would return.
    pub fn check(&self) -> Result<(), Error> {
        match &self.escaped {
            Ok(_) => Ok(()),
            Err(message) => Err(Error::Escape(message.clone())),
        }
    }

    /// Applies the template to `data`. Nothing of the output is kept when it fails.
    pub fn execute(&self, data: &Value) -> Result<String, Error> {
        let trees = self
            .escaped
            .as_ref()
            .map_err(|message| Error::Escape(message.clone()))?;
        Execution::new(trees, &self.functions, self.missing_key)
            .run(&self.name, data)
            .map_err(Error::Execute)
    }
}
