//! What was found wrong with a script, where, and how to mend it. The parser, the evaluator and the lint all speak through this
//! type, so that every finding looks the same.

use std::fmt::Write as _;

use crate::ast::Position;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Allowed, but probably not meant.
    Warning,
    /// The script cannot be used.
    Error,
}

impl Severity {
    /// `warning` or `error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A finding about a place in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable name of the kind of finding, such as `unexpected-token`; documented and safe to match on.
    pub code: &'static str,
    /// One sentence without a full stop, without the place.
    pub message: String,
    /// Where it begins.
    pub position: Position,
    /// Byte offset behind the last character concerned; at most `position.byte` means a single place.
    pub end: usize,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at a single place.
    pub fn error(code: &'static str, position: Position, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            position,
            end: position.byte,
            hint: None,
        }
    }

    /// A warning at a single place.
    pub fn warning(code: &'static str, position: Position, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, position, message)
        }
    }

    /// The same, reaching to the byte offset `end`.
    #[must_use]
    pub fn until(mut self, end: usize) -> Self {
        self.end = end;
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// `line L char C: message`, the form of Kapacitor's evaluation errors (T-62).
    pub fn one_line(&self) -> String {
        format!("{}: {}", self.position, self.message)
    }

    /// The finding with the source line it is about and a mark below the place:
    ///
    /// ```text
    /// error[unexpected-token]: unexpected `)`
    ///  --> cpu.tick:1:9
    ///   |
    /// 1 | var x = )
    ///   |         ^
    ///   = hint: …
    /// ```
    ///
    /// `source` is the script the position belongs to; a place outside of it is shown without a source line.
    pub fn render(&self, source: &str, file_name: &str) -> String {
        let Position { byte, line, char } = self.position;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let mut out = format!("{}[{}]: {}\n", self.severity.as_str(), self.code, self.message);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{margin}--> {file_name}:{line}:{char}");
        if let Some((before, rest)) = source.split_at_checked(byte) {
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            let line_end = byte + rest.find('\n').unwrap_or(rest.len());
            let text = source[line_start..line_end].trim_end_matches('\r');
            let marked_end = (self.end.clamp(byte, line_end)).min(line_start + text.len());
            let marked = source
                .get(byte..marked_end.max(byte))
                .map_or(0, |text| text.chars().count())
                .max(1);
            // Tabs stay tabs, so that the mark stands below its place whatever the terminal makes of them.
            let indent: String = source[line_start..byte]
                .chars()
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let _ = writeln!(out, "{margin} |");
            let _ = writeln!(out, "{number} | {text}");
            let _ = writeln!(out, "{margin} | {indent}{}", "^".repeat(marked));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "{margin} = hint: {hint}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_below_the_place() {
        let source = "var a = 1\n\tvar é = foo\nx";
        let position = Position {
            byte: 20,
            line: 2,
            char: 11,
        };
        let diagnostic = Diagnostic::warning("some-code", position, "no such name")
            .until(23)
            .hint("did you mean `a`?");
        assert_eq!(
            diagnostic.render(source, "a.tick"),
            "warning[some-code]: no such name\n --> a.tick:2:11\n  |\n2 | \tvar é = foo\n  | \t        ^^^\n  = hint: did you mean `a`?\n"
        );
        assert_eq!(diagnostic.one_line(), "line 2 char 11: no such name");
    }

    #[test]
    fn places_outside_the_source_do_not_panic() {
        for byte in [3, 100] {
            let position = Position {
                byte,
                line: 7,
                char: 1,
            };
            let text = Diagnostic::error("x", position, "m")
                .until(0)
                .render("é\r\n", "f");
            assert!(text.starts_with("error[x]: m\n --> f:7:1\n"), "{text}");
        }
        let inside_a_character = Position {
            byte: 1,
            line: 1,
            char: 2,
        };
        assert_eq!(
            Diagnostic::error("x", inside_a_character, "m").render("é", "f"),
            "error[x]: m\n --> f:1:2\n"
        );
    }
}
