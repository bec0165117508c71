//! The syntax error.

use capstan_base::{Class, Classify};
use thiserror::Error;

use crate::ast::Position;
use crate::diagnostic::Diagnostic;

/// Why a text is not a script or not a lambda expression.
///
/// Prints Kapacitor's line (T-60, T-61); [`SyntaxError::diagnostic`] has the same finding with place, hint and code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{line}")]
pub struct SyntaxError {
    pub(crate) line: String,
    // Boxed: a parser's results are moved often and are seldom errors.
    pub(crate) diagnostic: Box<Diagnostic>,
}

impl SyntaxError {
    /// Where the offending text begins.
    pub fn position(&self) -> Position {
        self.diagnostic.position
    }

    /// The finding in the form that all findings have.
    pub fn diagnostic(&self) -> &Diagnostic {
        &self.diagnostic
    }

    /// The finding with its source line; see [`Diagnostic::render`].
    pub fn render(&self, source: &str, file_name: &str) -> String {
        self.diagnostic.render(source, file_name)
    }
}

impl Classify for SyntaxError {
    fn class(&self) -> Class {
        Class::User
    }
}
