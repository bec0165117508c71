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
    findings: Vec<Finding>,
}

impl DefineError {
    fn new(line: String, diagnostic: Option<Diagnostic>) -> Self {
        Self {
            findings: vec![Finding {
                line,
                diagnostic,
                hint: None,
            }],
        }
    }

    pub(crate) fn syntax(error: &SyntaxError) -> Self {
        Self::new(error.to_string(), Some(error.diagnostic().clone()))
    }

    /// An error without a place.
    pub(crate) fn bare(message: impl Into<String>) -> Self {
        Self::new(message.into(), None)
    }

    /// An error whose one-line text has no place, though there is one.
    pub(crate) fn unplaced(code: &'static str, position: Position, message: impl Into<String>) -> Self {
        let message = message.into();
        let diagnostic = Diagnostic::error(code, position, message.clone());
        Self::new(message, Some(diagnostic))
    }

    /// An error with the usual one-line text.
    pub(crate) fn at(code: &'static str, position: Position, message: impl Into<String>) -> Self {
        let diagnostic = Diagnostic::error(code, position, message);
        Self::new(diagnostic.one_line(), Some(diagnostic))
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        for finding in &mut self.findings {
            if let Some(diagnostic) = &mut finding.diagnostic {
                diagnostic.hint = Some(hint.clone());
            }
            finding.hint = Some(hint.clone());
        }
        self
    }

    /// All of several errors; `None` when there are none.
    pub(crate) fn join(errors: Vec<Self>) -> Option<Self> {
        let findings: Vec<Finding> = errors.into_iter().flat_map(|error| error.findings).collect();
        (!findings.is_empty()).then_some(Self { findings })
    }

    /// Every mistake with its place; those without a place are left out.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings
            .iter()
            .filter_map(|finding| finding.diagnostic.as_ref())
    }

    /// Every mistake in the one-line form.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.findings.iter().map(|finding| &*finding.line)
    }

    /// Every mistake in the one-line form, with its place if it has one.
    pub fn findings(&self) -> impl Iterator<Item = (&str, Option<&Diagnostic>)> {
        self.findings
            .iter()
            .map(|finding| (&*finding.line, finding.diagnostic.as_ref()))
    }

    /// Every mistake with its source line and hint.
    pub fn render(&self, source: &str, file_name: &str) -> String {
        let one = |finding: &Finding| match (&finding.diagnostic, &finding.hint) {
            (Some(diagnostic), _) => diagnostic.render(source, file_name),
            (None, Some(hint)) => format!("error: {}\n  = hint: {hint}\n", finding.line),
            (None, None) => format!("error: {}\n", finding.line),
        };
        self.findings.iter().map(one).collect()
    }
}

impl fmt::Display for DefineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.findings.first().map_or("", |finding| &finding.line))
    }
}

impl std::error::Error for DefineError {}

impl Classify for DefineError {
    fn class(&self) -> Class {
        Class::User
    }
}
