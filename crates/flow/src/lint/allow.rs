//! `// capstan: allow(rule, …)`.

use capstan_tick::ast::Position;
use capstan_tick::{TokenKind, lex};

use super::subject::{Findings, Span, Subject};
use super::{RULES, Rule, Warning};

/// A comment that allows what is not there hides nothing, and hides that it hides nothing.
pub(super) static RULE: Rule = Rule {
    name: "unknown-allow",
    rows: &[],
    check,
};

/// A rule that is silent on a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Allowed<'s> {
    name: &'s str,
    /// Where the name stands.
    position: Position,
    /// The line it is about, from 1; 0 when nothing stands below.
    line: usize,
}

/// Whether a comment silences a warning.
pub(super) fn covers(allowed: &[Allowed<'_>], warning: &Warning) -> bool {
    allowed
        .iter()
        .any(|allowed| allowed.name == warning.name() && allowed.line == warning.diagnostic.position.line)
}

/// All comments that allow rules. One behind code is about its own line, one on a line of its own about the next line that
/// has code.
pub(super) fn read(script: &str) -> Vec<Allowed<'_>> {
    let starts: Vec<usize> = std::iter::once(0)
        .chain(script.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    let line_of = |byte: usize| starts.partition_point(|start| *start <= byte);
    let (mut comments, mut code) = (Vec::new(), Vec::new());
    for token in lex(script) {
        match token.kind {
            // An error ends the script.
            TokenKind::Eof | TokenKind::Error => {}
            TokenKind::Comment => comments.push((token.start, token.end())),
            _ => {
                code.push(line_of(token.start));
                // A string can end on a later line.
                code.push(line_of(token.end().saturating_sub(1)));
            }
        }
    }
    let mut allowed = Vec::new();
    for (start, end) in comments {
        let Some(text) = script.get(start..end) else {
            continue;
        };
        let mut at = start;
        for line_text in text.split('\n') {
            let line = line_of(at);
            let about = match code.binary_search(&line) {
                Ok(_) => line,
                Err(next) => code.get(next).copied().unwrap_or(0),
            };
            for (offset, name) in names(line_text) {
                let byte = at + offset;
                allowed.push(Allowed {
                    name,
                    position: Position {
                        byte,
                        line,
                        char: byte - starts[line - 1] + 1,
                    },
                    line: about,
                });
            }
            at += line_text.len() + 1;
        }
    }
    allowed
}

/// The names in `// capstan: allow(a, b)` with their offsets.
fn names(comment: &str) -> Vec<(usize, &str)> {
    let inner = comment
        .trim_start()
        .strip_prefix("//")
        .and_then(|text| text.trim_start().strip_prefix("capstan:"))
        .and_then(|text| text.trim_start().strip_prefix("allow("))
        .and_then(|text| text.split_once(')'))
        .map(|(inner, _)| inner);
    let Some(inner) = inner else { return Vec::new() };
    let offset = inner.as_ptr() as usize - comment.as_ptr() as usize;
    let mut at = offset;
    let mut found = Vec::new();
    for part in inner.split(',') {
        let name = part.trim();
        if !name.is_empty() {
            found.push((at + part.len() - part.trim_start().len(), name));
        }
        at += part.len() + 1;
    }
    found
}

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for allowed in read(subject.script) {
        if RULES.iter().all(|rule| rule.name != allowed.name) {
            let span = Span {
                position: allowed.position,
                end: allowed.position.byte + allowed.name.len(),
            };
            let rules = RULES.iter().map(|rule| rule.name);
            let hint = match crate::script::closest(allowed.name, rules) {
                Some(similar) => format!("did you mean `{similar}`?"),
                None => "docs/lint.md lists the rules".to_owned(),
            };
            findings.warn(span, format!("no rule is called `{}`", allowed.name), hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warned, warns};
    use super::*;

    #[test]
    fn the_line_below_and_the_own_line_are_meant() {
        let script = "// capstan: allow(octal-literal)\n// why\n\nvar a = 010\nvar b = 010 // capstan: allow(octal-literal, unused-variable)\nvar c = 010\n";
        let lines: Vec<(&str, usize)> = read(script).iter().map(|a| (a.name, a.line)).collect();
        assert_eq!(
            lines,
            [("octal-literal", 4), ("octal-literal", 5), ("unused-variable", 5)]
        );
    }

    #[test]
    fn an_allowed_rule_is_silent_and_others_are_not() {
        let script = |comment: &str| {
            format!("{comment}\nvar a = 010\nstream|from().measurement('m')|sample(1)|httpOut('x')")
        };
        assert_eq!(
            warned(&script("")),
            [("unused-variable", 2), ("octal-literal", 2)]
        );
        assert_eq!(
            warned(&script("// capstan: allow(octal-literal)")),
            [("unused-variable", 2)]
        );
        assert!(warned(&script("// capstan: allow(octal-literal,unused-variable)")).is_empty());
        // A string is no comment.
        assert_eq!(
            warned(&script("var s = '\n// capstan: allow(octal-literal)'")).len(),
            3
        );
    }

    #[test]
    fn a_name_that_is_no_rule_is_told() {
        warns(
            "unknown-allow",
            2,
            "var n = 1\n// capstan: allow(octal-litteral)\nstream|from().measurement('m')|sample(n)",
        );
        silent(
            "unknown-allow",
            "// capstan: allow(octal-literal)\nstream|from().measurement('m')|sample(2)",
        );
    }
}
