//! What is wrong with a script.

use std::fmt;

use capstan_base::{Class, Classify};
use capstan_tick::ast::Position;
use capstan_tick::{Diagnostic, SyntaxError};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// Kapacitor's one-line text.
    line: String,
    /// `None` when no place in the script is to blame.
    diagnostic: Option<Diagnostic>,
    hint: Option<String>,
}

/// The mistakes of a script, at least one. Prints the first as Kapacitor does: `line L char C: message` for evaluation
/// errors (T-62), the bare message where Kapacitor gives no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefineError {
    first: Finding,
    more: Vec<Finding>,
}

impl DefineError {
    pub(crate) fn syntax(error: SyntaxError) -> Self {
        let finding =
            Finding { line: error.to_string(), diagnostic: Some(error.diagnostic().clone()), hint: None };
        Self { first: finding, more: Vec::new() }
    }

    /// An error without a place.
    pub(crate) fn bare(message: impl Into<String>) -> Self {
        Self { first: Finding { line: message.into(), diagnostic: None, hint: None }, more: Vec::new() }
    }

    /// An error whose one-line text has no place, though there is one.
    pub(crate) fn unplaced(code: &'static str, position: Position, message: impl Into<String>) -> Self {
        let message = message.into();
        let diagnostic = Some(Diagnostic::error(code, position, message.clone()));
        Self { first: Finding { line: message, diagnostic, hint: None }, more: Vec::new() }
    }

    /// An error with the usual one-line text.
    pub(crate) fn at(code: &'static str, position: Position, message: impl Into<String>) -> Self {
        let diagnostic = Diagnostic::error(code, position, message);
        Self { first: Finding { line: diagnostic.one_line(), diagnostic: Some(diagnostic), hint: None }, more: Vec::new() }
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        if let Some(diagnostic) = &mut self.first.diagnostic {
            diagnostic.hint = Some(hint.clone());
        }
        self.first.hint = Some(hint);
        self
    }

    /// All of several errors.
    pub(crate) fn join(errors: Vec<Self>) -> Option<Self> {
        let mut findings = errors.into_iter().flat_map(|error| std::iter::once(error.first).chain(error.more));
        let first = findings.next()?;
        Some(Self { first, more: findings.collect() })
    }

    /// Every mistake with its place; those without a place are left out.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings().filter_map(|finding| finding.diagnostic.as_ref())
    }

    /// Every mistake in the one-line form.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.findings().map(|finding| &*finding.line)
    }

    /// Every mistake with its source line and hint.
    pub fn render(&self, source: &str, file_name: &str) -> String {
        let one = |finding: &Finding| match (&finding.diagnostic, &finding.hint) {
            (Some(diagnostic), _) => diagnostic.render(source, file_name),
            (None, Some(hint)) => format!("error: {}\n  = hint: {hint}\n", finding.line),
            (None, None) => format!("error: {}\n", finding.line),
        };
        self.findings().map(one).collect()
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

impl fmt::Display for DefineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.line)
    }
}

impl std::error::Error for DefineError {}

impl Classify for DefineError {
    fn class(&self) -> Class {
        Class::User
    }
}
