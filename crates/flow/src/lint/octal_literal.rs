//! A leading zero makes a number octal.

use capstan_tick::ast::Kind;
use capstan_tick::walk;

use super::Rule;
use super::subject::{Findings, Span, Subject};

pub(super) static RULE: Rule = Rule {
    name: "octal-literal",
    rows: &["T-06"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    walk::walk(subject.program, &mut |node| {
        // Up to seven both readings are the same.
        let Kind::Int {
            value: value @ 8..,
            octal: true,
        } = node.kind
        else {
            return;
        };
        let Some(rest) = subject.script.get(node.position.byte..) else {
            return;
        };
        let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
        let decimal = digits.trim_start_matches('0');
        findings.warn(
            Span {
                position: node.position,
                end: node.position.byte + digits.len(),
            },
            format!("`{digits}` is octal: it means {value}"),
            format!("write `{value}`, or `{decimal}`"),
        );
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "octal-literal",
            1,
            "var n = 010\nstream|from().measurement('m')|sample(n)",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "octal-literal",
            "var n = 10\nvar m = 07\nvar z = 0\nvar f = 0.10\nstream|from().measurement('m')|sample(n)",
        );
    }
}
